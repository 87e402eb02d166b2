"""Forwarding, address and neighbour tables over the wire: large, old-fashioned, hostile."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.base import make
from collectors.network.snmp import SnmpCollector
from collectors.network.snmp.standard.routing import MOST_ROUTES
from core.records import Snapshot
from core.secrets import NoSecrets, Secret
from inventory.asset import Asset
from inventory.topology.directory import directory_of
from inventory.topology.evidence import KIND, Device, device_of
from inventory.topology.links import links
from inventory.topology.places import places
from tests.peers.snmp_agent import INTEGER, OCTETS, Agent, Bench, Circles, Table, Typed, decode, switch
from tests.peers.snmpd import AUTH_KEY, PRIVACY_KEY, USER, snmpd
from tests.snmp.test_collector import as_collector

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
BRIDGE, Q_FDB, FDB, ARP = "1.3.6.1.2.1.17", "1.3.6.1.2.1.17.7.1.2.2.1", "1.3.6.1.2.1.17.4.3.1", "1.3.6.1.2.1.4.22.1.2"
LLDP = "1.0.8802.1.1.2.1.4.1.1"
ISIS, ROUTES, OLD_ROUTES = "1.3.6.1.2.1.138.1.6", "1.3.6.1.2.1.4.24.7.1.7", "1.3.6.1.2.1.4.24.4.1.5"
MARKUP = "<script>alert(1)</script>\x1b[2J\u202e核心"


def octets(number: int) -> bytes:
    return bytes((2, 0, 0, *number.to_bytes(3, "big")))


def dotted(number: int) -> str:
    return ".".join(map(str, octets(number)))


def bridge() -> dict[str, Typed]:
    """A switch whose bridge ports are its interfaces."""
    values: dict[str, Typed] = dict(switch("hostile"))
    values[f"{BRIDGE}.1.1.0"] = (OCTETS, octets(1))
    return values | {f"{BRIDGE}.1.4.1.2.{port}": (INTEGER, port) for port in range(1, 9)}


def read(values: Mapping[str, Typed], agent: type[Agent] = Agent) -> tuple[Device, dict[str, object], float]:
    with Bench({("127.0.0.1", 0): agent(Table.of(values))}) as bench:
        host, port = bench.addresses[0]
        made = make(as_collector(), {"port": port, "timeout_s": 2.0}, NoSecrets())
        asset = Asset(id="sw", kind="switch", address=host)
        started = time.monotonic()
        records = list(made.collect(asset, NOW))
        took = time.monotonic() - started
        made.close()
    snapshots = [record for record in records if isinstance(record, Snapshot) and record.kind == KIND]
    if not snapshots:
        return device_of(asset), {}, took
    return device_of(asset, snapshots[0]), json.loads(snapshots[0].body), took


def test_ten_thousand_learned_addresses_come_whole_and_each_finds_its_port() -> None:
    values = bridge()
    for number in range(10_000):
        row = f"{10 + number % 3}.{dotted(1000 + number)}"
        values |= {f"{Q_FDB}.2.{row}": (INTEGER, 1 + number % 8), f"{Q_FDB}.3.{row}": (INTEGER, 3)}
    device, _, took = read(values)
    assert len(device.fdb) == 10_000
    assert {vlan for _, _, vlan in device.fdb} == {10, 11, 12}
    assert len({port for _, port, _ in device.fdb}) == 8
    assert len(places(directory_of([device]))) == 10_000
    assert took < SnmpCollector.deadline_s


def test_a_bridge_without_vlans_is_read_from_the_old_table_and_its_own_addresses_are_left_out() -> None:
    values = bridge()
    for number, status in ((1, 4), (2, 3), (3, 5)):
        values |= {f"{FDB}.2.{dotted(number)}": (INTEGER, 4), f"{FDB}.3.{dotted(number)}": (INTEGER, status)}
    device, _, _ = read(values)
    assert [(mac, vlan) for mac, _, vlan in device.fdb] == [("02:00:00:00:00:02", 0)]


def test_markup_and_control_characters_of_a_neighbour_are_text_and_end_in_one_link_to_nobody() -> None:
    values = bridge()
    row = "0.1.1"
    values |= {f"{LLDP}.4.{row}": (INTEGER, 4), f"{LLDP}.5.{row}": (OCTETS, b"\xff\x00\xfe\x80\x81\x82\x83"), f"{LLDP}.9.{row}": (OCTETS, MARKUP)}
    values |= {f"{LLDP}.6.{row}": (INTEGER, 5), f"{LLDP}.7.{row}": (OCTETS, "</td>" * 2000)}
    device, body, _ = read(values)
    assert json.loads(json.dumps(body)) == body
    (link,) = links(directory_of([device]))
    assert (link.a.asset, link.b.asset) == ("sw", "")
    assert "script" in link.b.name


def test_nonsense_in_tables_is_left_out_and_the_rest_is_read() -> None:
    values = bridge()
    values |= {f"{Q_FDB}.2.10.{dotted(7)}": (INTEGER, 2), f"{Q_FDB}.3.10.{dotted(7)}": (INTEGER, 3)}
    values |= {f"{Q_FDB}.2.10.999.0.0.0.0.7": (INTEGER, 2), f"{Q_FDB}.2.10.7": (INTEGER, 2), f"{Q_FDB}.2.11.{dotted(8)}": (INTEGER, 77_777)}
    values |= {f"{ARP}.1.10.0.0.9": (OCTETS, octets(9)), f"{ARP}.1.10.0.0.10": (OCTETS, b"\x01"), f"{ARP}.1.300.0.0.1": (OCTETS, octets(9))}
    device, _, _ = read(values)
    assert [mac for mac, _, _ in device.fdb] == ["02:00:00:00:00:07"]
    assert [(address, mac) for address, mac, _ in device.arp] == [("10.0.0.9", "02:00:00:00:00:09")]


def test_members_of_a_static_group_are_known_by_the_stack_table() -> None:
    values = bridge()
    values |= {"1.3.6.1.2.1.2.2.1.2.30": (OCTETS, "Eth-Trunk1"), "1.3.6.1.2.1.31.1.1.1.1.30": (OCTETS, "Eth-Trunk1"), "1.3.6.1.2.1.2.2.1.3.30": (INTEGER, 161)}
    values |= {f"1.3.6.1.2.1.31.1.2.1.3.{row}": (INTEGER, 1) for row in ("30.1", "30.2", "0.30", "3.0")}
    device, _, _ = read(values)
    assert device.members == {"Eth-Trunk1": ("Gi0/1", "Gi0/2")}


def test_an_agent_that_goes_in_circles_costs_no_more_than_the_deadline() -> None:
    _, _, took = read(bridge(), Circles)
    assert took < SnmpCollector.deadline_s


def test_a_port_that_is_no_interface_still_has_a_name() -> None:
    values = bridge()
    values[f"{BRIDGE}.1.4.1.2.8"] = (INTEGER, 4_000)
    values |= {f"{Q_FDB}.2.10.{dotted(7)}": (INTEGER, 8)}
    device, _, _ = read(values)
    assert [port for _, port, _ in device.fdb] == ["4000"]


def test_is_is_neighbours_and_next_hops_are_read_and_nonsense_among_them_is_left_out() -> None:
    values = bridge()
    for row, state, system in (("1.1", 3, octets(1)), ("2.1", 4, octets(2)), ("3.1", 3, b"\x01"), ("4", 3, octets(4))):
        values |= {f"{ISIS}.1.1.2.{row}": (INTEGER, state), f"{ISIS}.1.1.6.{row}": (OCTETS, system), f"{ISIS}.1.1.4.{row}": (OCTETS, octets(9))}
    values |= {f"{ISIS}.3.1.3.1.1.1": (OCTETS, bytes((10, 0, 0, 2))), f"{ISIS}.3.1.3.1.1.2": (OCTETS, b"\x0a"), f"{ISIS}.3.1.3.9": (OCTETS, b"")}
    good = ("1.4.10.1.0.0.16.2.0.0.1.4.10.0.0.2", "1.4.10.2.0.0.16.2.0.0.1.4.10.0.0.2", "1.4.10.3.0.0.16.2.0.0.0.0")
    bad = ("1", "1.4", "1.4000000000.10.0", "1.4.10.4.0.0.16.9.0.0.1.4.10.0.0.3", "1.4.10.5.0.0.16.2.0.0.1.4.10.0.0", "1.4.10.6.0.0.16.2.0.0.1.4.10.0.0.999")
    values |= {f"{ROUTES}.{row}": (INTEGER, 1) for row in (*good, *bad)}
    device, _, _ = read(values)
    assert device.peers == (("isis", "02:00:00:00:00:09", "failed"), ("isis", "10.0.0.2", "up"))
    assert device.routes == (("10.0.0.2", "Gi0/1", 2),)


def test_a_large_old_routing_table_is_read_up_to_the_limit_alone() -> None:
    values = bridge() | {f"{OLD_ROUTES}.11.{n // 250}.{n % 250}.0.255.255.255.0.0.10.0.0.2": (INTEGER, 2) for n in range(MOST_ROUTES + 500)}
    device, body, _ = read(values)
    assert (device.routes, body["routes_cut"]) == ((("10.0.0.2", "Gi0/2", MOST_ROUTES),), True)


VTP = "1.3.6.1.4.1.9.9.46.1.3.1.1"


def view(vlan: int, *learned: tuple[int, int]) -> Table:
    """The bridge as one VLAN sees it: its ports by numbers of their own, and what was learned."""
    values: dict[str, Typed] = {f"{BRIDGE}.1.4.1.2.{port + 10}": (INTEGER, port) for port in range(1, 9)}
    for machine, port in learned:
        values[f"{FDB}.2.{dotted(vlan * 100 + machine)}"] = (INTEGER, port + 10)
    return Table.of(values)


class OfVlans(Agent):
    """A switch that shows each VLAN to a community of its own, as Cisco IOS does; one that it does not have stays silent."""

    views: Mapping[int, Table] = {10: view(10, (1, 3), (2, 4)), 20: view(20, (1, 4))}

    def __call__(self, data: bytes) -> bytes | None:
        _, at, vlan = decode(data).community.partition(b"@")
        if not at:
            return super().__call__(data)
        return Agent(self.views[int(vlan)])(data) if int(vlan) in self.views else None


def vtp(*vlans: int) -> dict[str, Typed]:
    names: dict[str, Typed] = {f"{VTP}.4.1.{vlan}": (OCTETS, f"net-{vlan}") for vlan in vlans}
    return names | {f"{VTP}.2.1.{vlan}": (INTEGER, 1) for vlan in (*vlans, 1002)}


def test_a_switch_with_a_table_for_each_vlan_under_its_own_community_is_read_in_all_of_them() -> None:
    old = {f"{FDB}.2.{dotted(7)}": (INTEGER, 5)}
    device, body, _ = read({**bridge(), **old, **vtp(10, 20)}, OfVlans)
    assert {(mac[-5:], port, vlan) for mac, port, vlan in device.fdb} == {
        ("03:e9", "Gi0/3", 10),
        ("03:ea", "Gi0/4", 10),
        ("07:d1", "Gi0/4", 20),
        ("00:07", "Gi0/5", 0),
    }
    assert body["vlans"] == {"10": "net-10", "20": "net-20"}


@pytest.mark.slow
def test_a_switch_that_knows_no_such_communities_is_read_as_ever_and_asked_once() -> None:
    old = {f"{FDB}.2.{dotted(7)}": (INTEGER, 5)}
    device, _, _ = read({**bridge(), **old, **vtp(30)}, OfVlans)
    assert [port for _, port, _ in device.fdb] == ["Gi0/5"]


@pytest.mark.slow
def test_a_vlan_that_falls_silent_half_way_leaves_the_topology_as_it_was() -> None:
    _, body, _ = read({**bridge(), **vtp(10, 30)}, OfVlans)
    assert body == {}


class Drawer:
    def get(self, name: str) -> Secret:
        assert name == "v3"
        return Secret(username=USER, auth_key=AUTH_KEY, auth_protocol="sha256", priv_key=PRIVACY_KEY, priv_protocol="aes128")


@pytest.mark.peer
def test_with_version_three_each_vlan_is_a_context(tmp_path: Path) -> None:
    """net-snmp's agent hands its contexts on to agents that have the tables (``proxy -Cn``)."""
    whole = Agent(Table.of({**bridge(), **vtp(10, 20)}))
    agents = {("127.0.0.1", 0): whole, ("127.0.0.2", 0): Agent(OfVlans.views[10]), ("127.0.0.3", 0): Agent(OfVlans.views[20])}
    with Bench(agents) as bench:
        main, *views = (f"{host}:{port}" for host, port in bench.addresses)
        lines = [f"proxy -v 2c -c any {main} .{tree}" for tree in (BRIDGE, "1.3.6.1.4.1.9")]
        lines += [f"proxy -Cn vlan-{vlan} -v 2c -c any {view} .{BRIDGE}" for vlan, view in zip((10, 20), views, strict=True)]
        lines += ["view all included .1", "rouser wang priv -V all vlan*"]
        with snmpd(tmp_path, extra="\n".join(lines)) as agent:
            made = make(as_collector(), {"port": agent.port, "credential": "v3", "timeout_s": 2.0}, Drawer())
            records = list(made.collect(Asset(id="sw", kind="switch", address="127.0.0.1"), NOW))
            made.close()
    (found,) = (record for record in records if isinstance(record, Snapshot) and record.kind == KIND)
    learned = {(mac[-5:], vlan) for mac, _port, vlan in device_of(Asset(id="sw", kind="switch"), found).fdb}
    assert learned == {("03:e9", 10), ("03:ea", 10), ("07:d1", 20)}  # ports are those of the machine that the agent runs on
