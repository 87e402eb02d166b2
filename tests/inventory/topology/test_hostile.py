"""Loops, contradictions, and bodies that nobody should send: no crash, the same answer in any order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import Snapshot
from inventory.asset import Asset
from inventory.topology.directory import directory_of
from inventory.topology.evidence import KIND, Device, device_of
from inventory.topology.history import body_of, fold, known_of
from inventory.topology.links import MOST, links
from inventory.topology.places import addresses, clashes, places
from tests.inventory.topology.makers import NOW, device, directory, mac, told

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=12), lambda inner: st.lists(inner, max_size=4), max_leaves=12)
KEYS = ("sysname", "chassis", "bridge", "macs", "addresses", "fdb", "arp", "lag", "stp", "vlans", "peers", "neighbours")
NAMES = st.sampled_from(["a", "b", "c", "d"])
PORTS = st.sampled_from(["1", "2", "Gi1/0/1", "GigabitEthernet1/0/1", ""])
MACS = st.integers(1, 6).map(mac)


def said(name: str, body: Any) -> Device:
    return device_of(Asset(id=name, kind="switch"), Snapshot(time=NOW, asset=name, kind=KIND, body=json.dumps(body)))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON | st.dictionaries(st.text(max_size=5), JSON, max_size=3)))
def test_no_body_makes_it_fail(body: dict[str, Any]) -> None:
    both = directory_of([said("a", body), said("b", {"sysname": "b", "bridge": mac(2), "fdb": [[mac(1), "1", 1]]})])
    for known in fold([], links(both), NOW):
        assert known_of(known.id, json.loads(json.dumps(body_of(known)))) == known
    places(both), clashes(both), addresses(both)


def test_a_body_that_is_no_json_says_nothing() -> None:
    broken = device_of(Asset(id="a"), Snapshot(time=NOW, asset="a", kind=KIND, body="{"))
    assert (broken.fdb, broken.neighbours) == ((), ())


@st.composite
def networks(draw: st.DrawFn) -> list[Device]:
    """Four devices that claim things of each other at random."""
    found = []
    for number, name in enumerate("abcd", 1):
        neighbours = draw(st.lists(st.builds(lambda port, far, remote: told(port or "9", far, remote), PORTS, NAMES, PORTS), max_size=3))
        fdb = draw(st.lists(st.tuples(MACS, PORTS.filter(bool), st.integers(0, 5)).map(list), max_size=5))
        arp = draw(st.lists(st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2"]), MACS, PORTS).map(list), max_size=3))
        found.append(device(name, number, neighbours=neighbours, fdb=fdb, arp=arp))
    return found


@settings(max_examples=60, deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_devices_changes_nothing_and_every_link_is_sane(devices: list[Device], random: Any) -> None:
    found = links(directory_of(devices))
    mixed = list(devices)
    random.shuffle(mixed)
    assert links(directory_of(mixed)) == found
    for link in found:
        assert 0 < link.confidence <= MOST
        assert link.sources
        assert link.a.asset
        assert link.a.asset != link.b.asset
    assert len({link.key for link in found}) == len(found)


def ring(**more: Any) -> list[Device]:
    """Three switches in a ring; the port from b to c is blocked, so frames between b and c pass a."""
    blocked = {"port": "2", "state": "blocking", "bridge": mac(2), "bridge_port": 2}
    lldp = bool(more.get("lldp"))
    return [
        device("a", 1, fdb=[[mac(2), "1", 1], [mac(3), "2", 1]], neighbours=[told("1", "b", "1"), told("2", "c", "1")] if lldp else []),
        device("b", 2, fdb=[[mac(1), "1", 1], [mac(3), "1", 1]], neighbours=[told("1", "a", "1"), told("2", "c", "2")] if lldp else []),
        device(
            "c",
            3,
            fdb=[[mac(1), "1", 1], [mac(2), "1", 1]],
            stp={"root": mac(1), "ports": [blocked]},
            neighbours=[told("1", "a", "2"), told("2", "b", "2")] if lldp else [],
        ),
    ]


def test_a_ring_is_three_links_and_the_blocked_one_is_among_them() -> None:
    found = {(link.a.text, link.b.text): link for link in links(directory(*ring(lldp=True)))}
    assert sorted(found) == [("a 1", "b 1"), ("a 2", "c 1"), ("b 2", "c 2")]
    assert found["b 2", "c 2"].sources == ("lldp", "stp")
    assert all(not link.against for link in found.values())


def test_a_ring_without_neighbour_protocols_is_found_by_tables_and_spanning_tree() -> None:
    found = {(link.a.text, link.b.text): link.sources for link in links(directory(*ring()))}
    assert found == {("a 1", "b 1"): ("fdb",), ("a 2", "c 1"): ("fdb",), ("b", "c 2"): ("stp",)}


def test_two_ends_that_name_different_ports_leave_two_doubtful_links_that_say_why() -> None:
    found = links(directory(device("a", 1, neighbours=[told("1", "b", "5")]), device("b", 2, neighbours=[told("6", "a", "1")])))
    assert [(link.a.port, link.b.port) for link in found] == [("1", "5"), ("1", "6")]
    assert min(link.confidence for link in found) < 0.5
    assert sum(bool(link.against) for link in found) == 1
