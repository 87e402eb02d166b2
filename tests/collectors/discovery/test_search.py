"""Whole searches on loopback, with a real SNMP agent, a real SSH server and a real web server."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.network.discovery import Limits, Order, Outcome, search
from collectors.network.discovery.agent import Key
from collectors.network.discovery.arp import KernelTable
from core.secrets import Secret
from inventory.discovery.guess import guess
from inventory.discovery.ranges import parse_range
from inventory.discovery.sighting import Sighting
from tests.collectors.support import serving, trickle
from tests.peers.program import accepts, free_port, running
from tests.peers.snmpd import AUTH_KEY, COMMUNITY, PRIVACY_KEY, USER, snmpd
from tests.peers.sshd import sshd

LOOPBACK = (parse_range("127.0.0.0/8"),)
V3 = Secret(username=USER, auth_key=AUTH_KEY, auth_protocol="sha256", priv_key=PRIVACY_KEY, priv_protocol="aes128")


def searched(
    addresses: Iterable[str] = ("127.0.0.1",), stop: threading.Event | None = None, limits: Limits | None = None, **order: Any
) -> tuple[list[Sighting], Outcome]:
    seen: list[Sighting] = []
    limits = limits or Limits(LOOPBACK, rate_per_s=1000, workers=8, timeout_s=1.0)
    outcome = search(Order(addresses, **order), limits, lambda: datetime.now(UTC), seen.append, stop or threading.Event(), lambda _asked, _known: None)
    return seen, outcome


def keys(**secrets: Secret) -> Sequence[Key]:
    return [Key(name, secret) for name, secret in secrets.items()]


@pytest.mark.peer
def test_an_agent_is_found_by_the_credential_that_it_takes(tmp_path: Path) -> None:
    with snmpd(tmp_path) as agent:
        seen, outcome = searched(keys=keys(wrong=Secret(community="guess"), right=Secret(community=COMMUNITY)), snmp_ports=(agent.port,))
    (found,) = seen
    assert outcome.searched == {"127.0.0.1"}
    assert found.snmp is not None
    assert (found.snmp.credential, found.snmp.version, found.snmp.port, found.snmp.sysname) == ("right", "2c", agent.port, "peer-one")
    assert found.snmp.engine
    assert found.snmp.descr.startswith("Linux")
    assert guess(found).kind == "server"
    assert COMMUNITY not in found.model_dump_json()


@pytest.mark.peer
def test_an_ipv6_address_is_asked_like_any_other_and_found_from_the_tables_of_neighbours(tmp_path: Path) -> None:
    """The agent's own table of neighbours (ipNetToPhysicalTable) leads from IPv4 to IPv6."""
    port = free_port(socket.SOCK_DGRAM)
    (tmp_path / "index.html").write_text("<title>six</title>", encoding="utf-8")
    web = free_port()
    pages = [sys.executable, "-m", "http.server", "--bind", "::1", "--directory", str(tmp_path), str(web)]
    both = Limits((*LOOPBACK, parse_range("::1")), rate_per_s=1000, workers=8, timeout_s=1.0)
    extra = f"agentAddress udp6:[::1]:{port}\nrocommunity6 {COMMUNITY} ::1\noverride 1.3.6.1.2.1.4.35.1.4.1.2.16{'.0' * 15}.1 octet_str 0x02a10b000001\n"
    with snmpd(tmp_path, port, extra), running(pages, lambda: accepts(web, "::1"), tmp_path / "http.log"):
        seen, outcome = searched(("0:0::1",), limits=both, keys=keys(right=Secret(community=COMMUNITY)), snmp_ports=(port,), ports=(web,))
        led, _ = searched((), limits=both, seeds=("127.0.0.1",), hops=1, keys=keys(right=Secret(community=COMMUNITY)), snmp_ports=(port,))
    (found,) = seen
    assert (found.address, outcome.searched) == ("::1", {"::1"})
    assert found.snmp is not None
    assert (found.snmp.sysname, found.ports[0].title) == ("peer-one", "six")
    assert {one.address for one in led} >= {"127.0.0.1", "::1"}


@pytest.mark.peer
def test_version_three_with_keys_is_found_too_and_a_key_that_is_too_short_is_told(tmp_path: Path) -> None:
    with snmpd(tmp_path) as agent:
        bad = Secret(username=USER, auth_key="short", auth_protocol="sha256")
        seen, outcome = searched(keys=keys(bad=bad, good=V3), snmp_ports=(agent.port,))
    assert seen[0].snmp is not None
    assert (seen[0].snmp.credential, seen[0].snmp.version) == ("good", "3")
    assert "credential bad: auth_key: must have at least 8 characters" in outcome.problems[0]


@pytest.mark.peer
def test_an_ssh_server_and_a_web_server_are_told_by_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>办公自动化系统</title>", encoding="utf-8")
    port = free_port()
    arguments = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(port)]
    with sshd(tmp_path) as ssh, running(arguments, lambda: accepts(port), tmp_path / "http.log"):
        seen, _ = searched(ports=(ssh.port, port))
    by_way = {one.way: one for one in seen[0].ports}
    assert by_way["ssh"].banner.startswith("SSH-2.0-OpenSSH")
    assert (by_way["http"].title, by_way["http"].status) == ("办公自动化系统", 200)
    assert by_way["http"].server.startswith("SimpleHTTP")


def test_the_kernel_s_table_gives_the_addresses_of_the_neighbourhood(tmp_path: Path) -> None:
    table = tmp_path / "arp"
    table.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.0.0.1         0x1         0x2         AA:bb:cc:00:00:01     *        eth0\n"
        "10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "nonsense\n",
        encoding="ascii",
    )
    known = KernelTable(table)
    assert [known.mac(f"10.0.0.{number}") for number in (1, 2, 3)] == ["aa:bb:cc:00:00:01", "", ""]
    assert KernelTable(tmp_path / "absent").mac("10.0.0.1") == ""


def test_where_nothing_answers_nothing_is_sighted() -> None:
    seen, outcome = searched(["127.9.9.1", "127.9.9.2"], keys=keys(public=Secret()), snmp_ports=(free_port(),), ports=(free_port(),))
    assert seen == []
    assert outcome.searched == {"127.9.9.1", "127.9.9.2"}
    assert not outcome.stopped


def test_no_address_outside_the_allowed_ranges_is_ever_asked() -> None:
    asked: list[bytes] = []
    with serving(lambda link: asked.append(link.recv(1))) as port:
        seen, outcome = searched(["127.0.0.1"], limits=Limits((parse_range("127.0.0.2/32"),)), ports=(port,))
    assert (seen, outcome.searched, outcome.outside, asked) == ([], set(), 1, [])


def test_one_slow_server_does_not_hold_up_the_others() -> None:
    with serving(trickle(b"x")) as slow, serving(lambda link: link.sendall(b"SSH-2.0-Quick\r\n")) as quick:
        seen, _ = searched(ports=(slow, quick))
    assert [one.banner for one in seen[0].ports if one.way == "ssh"] == ["SSH-2.0-Quick"]


def test_a_search_that_is_stopped_ends_and_says_so() -> None:
    stop = threading.Event()
    limits = Limits(LOOPBACK, rate_per_s=1.0, workers=2)
    addresses = [f"127.8.0.{number}" for number in range(1, 200)]
    threading.Timer(0.5, stop.set).start()
    _, outcome = searched(addresses, stop, limits, ports=(1,))
    assert outcome.stopped
    assert len(outcome.searched) < 199


def test_more_leads_than_may_be_asked_are_left_out_and_told() -> None:
    _, outcome = searched([f"127.8.0.{number}" for number in range(1, 20)], limits=Limits(LOOPBACK, max_addresses=5, rate_per_s=1000))
    assert len(outcome.searched) == 5
    assert "discovery.max_addresses" in outcome.problems[0]


@pytest.mark.peer
def test_seeds_lead_along_neighbours_and_address_tables(tmp_path: Path) -> None:
    net = 90 + free_port() % 100
    log = tmp_path / "simulator.log"
    arguments = [sys.executable, "-m", "simulator", "--net", str(net), "--control", str(free_port()), "--speed", "0"]
    key = keys(public=Secret())
    core = f"127.{net}.1.1"

    def is_up() -> bool:
        seen, _ = searched([core], keys=key, snmp_ports=(1161,))
        return bool(seen)

    with running(arguments, is_up, log, timeout_s=60):
        seen, outcome = searched((), seeds=[core], hops=6, keys=key, snmp_ports=(1161,))
    names = {one.snmp.sysname for one in seen if one.snmp}
    assert {"hq-core1", "hq-core2", "lab-acc1"} <= names
    assert len(outcome.searched) >= len(names)
