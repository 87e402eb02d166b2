"""What only rules need of links: how long a port is up, half duplex, aggregated links, routing neighbours, roles, own limits."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from collectors.network.snmp.reading import Reading, Sensor
from collectors.network.snmp.samples import measures
from core.catalogue import catalogue
from core.records import Event, Record
from inventory.asset import Asset
from tests.peers.snmp_agent import COUNTER, COUNTER64, INTEGER, OCTETS, TICKS, Table, Typed, switch
from tests.snmp.test_collector import NOW, Watched, samples

IF, STACK = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.2.1.3"
BGP, OSPF, VRRP = "1.3.6.1.2.1.15.3.1", "1.3.6.1.2.1.14.10.1.6", "1.3.6.1.2.1.68.1.3.1.3"
MORE: dict[str, Typed] = {
    "1.3.6.1.2.1.1.3.0": (TICKS, 90_000_000),
    f"{IF}.9.2": (TICKS, 3_600_000),
    f"{IF}.9.3": (TICKS, 95_000_000),
    "1.3.6.1.2.1.10.7.2.1.19.2": (INTEGER, 2),
    "1.3.6.1.2.1.10.7.2.1.19.4": (INTEGER, 3),
    f"{IF}.8.2": (INTEGER, 1),
    f"{IF}.8.3": (INTEGER, 1),
    f"{IF}.8.4": (INTEGER, 1),
    f"{IF}.2.50": (OCTETS, "Trunk50"),
    f"{IF}.3.50": (INTEGER, 161),
    f"{IF}.7.50": (INTEGER, 1),
    f"{IF}.8.50": (INTEGER, 1),
    **{f"{STACK}.50.{port}": (INTEGER, 1) for port in (2, 3)},
    f"{STACK}.0.50": (INTEGER, 1),
    f"{STACK}.2.0": (INTEGER, 1),
    "1.2.840.10006.300.43.1.2.1.1.13.4": (INTEGER, 50),
    f"{BGP}.2.10.0.0.2": (INTEGER, 6),
    f"{BGP}.3.10.0.0.2": (INTEGER, 2),
    f"{BGP}.2.10.0.0.3": (INTEGER, 1),
    f"{BGP}.3.10.0.0.3": (INTEGER, 1),
    f"{OSPF}.10.0.0.6.0": (INTEGER, 8),
    f"{VRRP}.3.1": (INTEGER, 3),
}


@pytest.fixture
def watched() -> Iterator[Watched]:
    given = Watched(switch("one", ports=4) | MORE)
    yield given
    given.bench.close()


def poll(watched: Watched, minutes: float, gone: tuple[str, ...] = (), **changed: int) -> list[Record]:
    names = {"port3": f"{IF}.8.3", "bgp": f"{BGP}.2.10.0.0.2", "ospf": f"{OSPF}.10.0.0.6.0", "vrrp": f"{VRRP}.3.1"}
    watched.at += 60
    watched.values |= {names[name]: (INTEGER, value) for name, value in changed.items()}
    watched.agent.table = Table.of({oid: value for oid, value in watched.values.items() if oid not in gone})
    return list(watched.collector.collect(Asset(id="peer", address="127.0.0.1"), NOW + timedelta(minutes=minutes)))


def test_it_tells_how_long_a_port_is_up_and_who_runs_in_half_duplex(watched: Watched) -> None:
    got = samples(poll(watched, 0))
    assert got["network.interface.unchanged", "Gi0/2"] == 864_000
    assert ("network.interface.unchanged", "Gi0/3") not in got  # later than now
    assert [got.get(("network.interface.half_duplex", f"Gi0/{port}")) for port in (2, 3, 4)] == [1, None, 0]
    assert not [key for key in samples(poll(watched, 1)) if key[0] in ("network.interface.unchanged", "network.interface.half_duplex")]


def test_members_of_an_aggregated_link_are_counted_by_both_tables(watched: Watched) -> None:
    assert samples(poll(watched, 0))["network.lag.members", "Trunk50"] == 3
    leaves = (f"{STACK}.50.3", "1.2.840.10006.300.43.1.2.1.1.13.4")
    assert samples(poll(watched, 1, gone=leaves, port3=2))["network.lag.members", "Trunk50"] == 2


def test_routing_neighbours_are_up_or_down_and_missed_when_they_leave_the_table(watched: Watched) -> None:
    first = samples(poll(watched, 0))
    assert {key: value for key, value in first.items() if "peer" in key[0] or "neighbour.up" in key[0]} == {
        ("network.bgp.peer.up", "10.0.0.2"): 1,
        ("network.ospf.neighbour.up", "10.0.0.6"): 1,
    }
    second = samples(poll(watched, 1, gone=(f"{OSPF}.10.0.0.6.0",), bgp=3))
    assert (second["network.bgp.peer.up", "10.0.0.2"], second["network.ospf.neighbour.up", "10.0.0.6"]) == (0, 0)
    third = samples(poll(watched, 2, bgp=6))
    assert (third["network.bgp.peer.up", "10.0.0.2"], third["network.ospf.neighbour.up", "10.0.0.6"]) == (1, 1)


def test_a_neighbour_that_stays_away_for_a_day_is_forgotten(watched: Watched) -> None:
    poll(watched, 0)
    gone = (f"{OSPF}.10.0.0.6.0",)
    assert ("network.ospf.neighbour.up", "10.0.0.6") in samples(poll(watched, 60 * 23, gone))
    assert ("network.ospf.neighbour.up", "10.0.0.6") not in samples(poll(watched, 60 * 25, gone))


def test_a_role_that_changes_is_an_event(watched: Watched) -> None:
    assert samples(poll(watched, 0))["network.ha.role", "VRRP 3.1"] == 3
    assert not [record for record in poll(watched, 1) if isinstance(record, Event)]
    (event,) = [record for record in poll(watched, 2, vrrp=2) if isinstance(record, Event)]
    assert (event.kind, event.message) == ("ha_role_changed", "VRRP 3.1: master -> backup")


def test_all_of_it_is_in_the_catalogue(watched: Watched) -> None:
    watched.values |= {f"{IF}.10.2": (COUNTER, 1), "1.3.6.1.2.1.31.1.1.1.6.2": (COUNTER64, 1)}
    assert {key[0] for key in samples(poll(watched, 0))} - set(catalogue()) == set()


@pytest.mark.parametrize(
    ("sensor", "margin"),
    [
        (Sensor("temperature", "Inlet", 50, "1", high=60), ("hw.temperature.margin", 10)),
        (Sensor("temperature", "Inlet", 70, "1", low=-5, high=60), ("hw.temperature.margin", -10)),
        (Sensor("dbm", "Rx", -20, "1", low=-18.4, high=0), ("hw.optical_power.margin", pytest.approx(-1.6))),
        (Sensor("dbm", "Rx", -40, "1", low=-18.4, high=0), ("hw.optical_power.margin", 0)),
        (Sensor("temperature", "Inlet", 50, "1", low=0, high=0), None),
        (Sensor("temperature", "Inlet", 50, "1", low=60, high=10), None),
        (Sensor("temperature", "Inlet", 50, "1"), None),
    ],
)
def test_how_far_a_sensor_is_within_the_limits_that_the_device_holds(sensor: Sensor, margin: tuple[str, float] | None) -> None:
    found = [(metric, value) for metric, value, _ in measures(Reading(sensors=(sensor,))) if metric.endswith(".margin")]
    assert found == ([] if margin is None else [margin])


def test_an_is_is_neighbour_is_told_by_system_and_circuit_and_is_lost_when_it_leaves(watched: Watched) -> None:
    isis, metric = "1.3.6.1.2.1.138.1.6.1.1", "network.isis.neighbour.up"
    watched.values |= {f"{isis}.2.4.1": (INTEGER, 3), f"{isis}.6.4.1": (OCTETS, bytes((1, 0, 0, 0, 0, 2)))}
    assert samples(poll(watched, 0))[metric, "0100.0000.0002 4"] == 1
    assert samples(poll(watched, 1, gone=(f"{isis}.2.4.1", f"{isis}.6.4.1")))[metric, "0100.0000.0002 4"] == 0
    watched.values |= {f"{isis}.2.4.1": (INTEGER, 4)}
    assert samples(poll(watched, 2))[metric, "0100.0000.0002 4"] == 0
