"""Wireless controllers of four vendors as recordings: access points, clients, channels, rogues, failures; one of them over the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from collectors.network.snmp.device import read_device
from collectors.network.snmp.profile import profiles_in_force
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.recording import RecordedSession
from collectors.network.snmp.samples import measures
from collectors.network.snmp.values import Value
from core.catalogue import catalogue
from tests.peers.snmp_agent import INTEGER, OCTETS, OID, TICKS, Typed
from tests.snmp.test_collector import Watched

SYSTEM = "1.3.6.1.2.1.1"
LOBBY, ROOF = "232.215.101.161.219.224", "232.215.101.161.219.225"
Figures = dict[tuple[str, tuple[str, ...]], float]


def serial(text: str) -> str:
    """An octet string as an index: its length, then its bytes."""
    return ".".join(map(str, (len(text), *text.encode())))


def huawei() -> dict[str, Value]:
    base = "1.3.6.1.4.1.2011.6.139"
    values: dict[str, Value] = {f"{SYSTEM}.1.0": b"Huawei AC6508 Huawei Versatile Routing Platform Software", f"{SYSTEM}.2.0": "1.3.6.1.4.1.2011.2.240.17"}
    for place, name, state, clients, failed in ((LOBBY, "lobby", 8, 12, 40), (ROOF, "roof", 4, 0, 0)):
        values |= {f"{base}.13.3.3.1.4.{place}": name.encode(), f"{base}.13.3.3.1.6.{place}": state, f"{base}.13.3.3.1.44.{place}": clients}
        values |= {f"{base}.18.1.3.1.21.{place}": failed}
    for radio, channel, used, noise in ((0, 6, 81, 4294967201), (1, 149, 20, 0)):
        values |= {f"{base}.16.1.2.1.3.{LOBBY}.{radio}": b"lobby", f"{base}.16.1.2.1.7.{LOBBY}.{radio}": channel}
        values |= {f"{base}.16.1.2.1.25.{LOBBY}.{radio}": used, f"{base}.16.1.2.1.24.{LOBBY}.{radio}": noise}
    return values


def h3c() -> dict[str, Value]:
    base, lobby, roof = "1.3.6.1.4.1.25506.2.75", serial("210235A0T6C1"), serial("210235A0T6C2")
    values: dict[str, Value] = {
        f"{SYSTEM}.1.0": b"H3C Comware Platform Software, Software Version 7.1 H3C WX3540H",
        f"{SYSTEM}.2.0": "1.3.6.1.4.1.25506.1.1400",
    }
    values |= {f"{base}.1.1.2.1.0": 2, f"{base}.1.1.2.2.0": 31, f"{base}.10.3.1.0": 1000}
    for place, name, state, clients in ((lobby, "lobby", 5, 30), (roof, "roof", 2, 1)):
        values |= {f"{base}.2.1.2.1.8.{place}": name.encode(), f"{base}.2.1.1.1.4.{place}": state, f"{base}.2.2.3.1.6.{place}": clients}
        values |= {f"{base}.2.2.3.1.2.{place}": 7, f"{base}.2.1.3.1.26.{place}.1": 55}
    return values | {f"{base}.5.2.1.1.2.2.0.0.0.0.{number}": b"unknown" for number in range(3)}


def cisco() -> dict[str, Value]:
    base = "1.3.6.1.4.1.14179.2"
    values: dict[str, Value] = {f"{SYSTEM}.1.0": b"Cisco Controller", f"{SYSTEM}.2.0": "1.3.6.1.4.1.9.1.1615"}
    for place, name, state in ((LOBBY, "lobby", 1), (ROOF, "roof", 2)):
        values |= {f"{base}.2.1.1.3.{place}": name.encode(), f"{base}.2.1.1.6.{place}": state}
    for slot, clients, used in ((0, 4, 30), (1, 9, 12)):
        values |= {f"{base}.2.13.1.4.{LOBBY}.{slot}": clients, f"{base}.2.13.1.3.{LOBBY}.{slot}": used, f"{base}.2.2.1.4.{LOBBY}.{slot}": 36}
    values |= {f"{base}.1.1.1.2.1": b"office", f"{base}.1.1.1.38.1": 10, f"{base}.1.1.1.2.2": b"guest", f"{base}.1.1.1.38.2": 3}
    return values | {f"{base}.1.7.1.2.2.0.0.0.0.1": 4}


def aruba() -> dict[str, Value]:
    base = "1.3.6.1.4.1.14823.2.2.1.5.2.1"
    values: dict[str, Value] = {f"{SYSTEM}.1.0": b"ArubaOS (MODEL: Aruba7205), Version 8.6", f"{SYSTEM}.2.0": "1.3.6.1.4.1.14823.1.1.35", f"{base}.2.0": 13}
    for place, name, state in ((LOBBY, "lobby", 1), (ROOF, "roof", 2)):
        values |= {f"{base}.4.1.3.{place}": name.encode(), f"{base}.4.1.19.{place}": state}
    return values | {f"{base}.5.1.3.{LOBBY}.1": 11, f"{base}.5.1.6.{LOBBY}.1": 44, f"{base}.5.1.7.{LOBBY}.1": 13}


def figures(values: dict[str, Value]) -> Figures:
    session = RecordedSession({f"{SYSTEM}.3.0": 100, **values})
    reading = read_device(Reader(session, time.monotonic, time.monotonic() + 30), profiles_in_force())
    found = {(name, tuple(labels.values())): value for name, value, labels in measures(reading) if name.startswith("wireless.")}
    assert {name for name, _labels in found} <= catalogue().keys()
    return found


def test_huawei() -> None:
    assert figures(huawei()) == {
        ("wireless.access_point.up", ("lobby",)): 1,
        ("wireless.access_point.up", ("roof",)): 0,
        ("wireless.access_points", ()): 2,
        ("wireless.access_points.down", ()): 1,
        ("wireless.clients", ("lobby",)): 12,
        ("wireless.clients", ("roof",)): 0,
        ("wireless.clients", ()): 12,
        ("wireless.channel", ("lobby", "0")): 6,
        ("wireless.channel", ("lobby", "1")): 149,
        ("wireless.channel.utilization", ("lobby", "0")): 81,
        ("wireless.channel.utilization", ("lobby", "1")): 20,
        ("wireless.noise", ("lobby", "0")): -95,
    }


def test_h3c() -> None:
    found = figures(h3c())
    assert found["wireless.clients", ()] == 31
    assert found["wireless.access_points.down", ()] == 1
    assert found["wireless.clients", ("lobby",)] == 30
    assert found["wireless.channel.utilization", ("roof", "1")] == 55
    assert found["wireless.rogues", ()] == 3


def test_cisco_counts_each_client_once() -> None:
    found = figures(cisco())
    assert found["wireless.clients", ()] == 13
    assert found["wireless.clients", ("guest",)] == 3
    assert found["wireless.clients", ("lobby", "1")] == 9
    assert found["wireless.access_points.down", ()] == 1
    assert found["wireless.rogues", ()] == 1


def test_aruba() -> None:
    found = figures(aruba())
    assert (found["wireless.clients", ()], found["wireless.clients", ("lobby", "1")]) == (13, 13)
    assert (found["wireless.channel", ("lobby", "1")], found["wireless.channel.utilization", ("lobby", "1")]) == (11, 44)
    assert found["wireless.access_point.up", ("roof",)] == 0


def test_a_device_without_wireless_says_nothing_of_it() -> None:
    assert figures({f"{SYSTEM}.1.0": b"Linux", f"{SYSTEM}.2.0": "1.3.6.1.4.1.8072.3.2.10"}) == {}


@pytest.fixture
def watched() -> Iterator[Watched]:
    typed = {oid: _typed(oid, value) for oid, value in huawei().items()}
    given = Watched(typed | {f"{SYSTEM}.3.0": (TICKS, 5000)})
    yield given
    given.bench.close()


def _typed(oid: str, value: Value) -> Typed:
    if isinstance(value, int):
        return (INTEGER, value) if value < 2**31 else (INTEGER, value - 2**32)
    return (OID, str(value)) if oid.endswith("1.1.2.0") else (OCTETS, value if isinstance(value, bytes) else str(value))


def test_failed_associations_become_a_rate_over_the_wire(watched: Watched) -> None:
    first = watched.poll()
    assert first["wireless.channel.utilization", "lobby/0"] == 81
    assert first["wireless.noise", "lobby/0"] == -95
    assert ("wireless.associations.failed", "lobby") not in first
    second = watched.poll({f"1.3.6.1.4.1.2011.6.139.18.1.3.1.21.{LOBBY}": (INTEGER, 100), f"{SYSTEM}.3.0": (TICKS, 11000)})
    assert second["wireless.associations.failed", "lobby"] == 1
    assert second["wireless.access_points.down", ""] == 1
