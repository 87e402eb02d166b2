"""Flows through the service: samples, documents, names, and nothing counted twice."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.network.flows.listener import FlowListener
from collectors.network.flows.listener import Settings as FlowSettings
from collectors.network.flows.minute import Minute
from core.catalogue import catalogue
from core.clock import SystemClock
from core.errors import ConfigError
from core.records import Sample
from core.settings import CollectSettings, Settings
from inventory.asset import Asset
from service.flows import Flows, names_of, samples_of, traffic_of
from store.base import Store
from store.embedded import open_embedded
from store.flows import KIND, Line, Traffic, across, prune_traffic, read_traffic, save_traffic
from tests.collectors.network.flows.wire import a_set, netflow9, record, template
from tests.peers.program import until

START = datetime(2026, 3, 2, 1, 5, tzinfo=UTC)
ESTATE = (
    Asset(id="gw", address="127.0.0.1", site="hq", facts={"flow_sampling": "10"}),
    Asset(id="web", address="10.1.0.5", site="hq"),
    Asset(id="db", address="10.2.0.9", addresses=("10.2.0.10",), site="branch"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_embedded(tmp_path, "service")
    yield opened
    opened.close()


def netflow5(*flows: tuple[str, str, int, int, int], sequence: int = 0) -> bytes:
    """Flows of (source, destination, source port, destination port, bytes) over TCP."""
    head = struct.pack("!HHIIIIBBH", 5, len(flows), 1, 2, 3, sequence, 0, 0, 0)
    return head + b"".join(
        struct.pack("!4s4s4xHHII8xHH2xB9x", socket.inet_aton(source), socket.inet_aton(destination), 3, 4, 1, size, source_port, destination_port, 6)
        for source, destination, source_port, destination_port, size in flows
    )


def one_minute(*datagrams: bytes) -> Minute:
    """What a listener makes of them when it stops."""
    kept: list[Minute] = []
    listener = FlowListener(FlowSettings(ports=(0,)), kept.extend, SystemClock(), names_of(ESTATE, [("10.2.0.0/16", "数据区")]))
    listener.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for datagram in datagrams:
            link.sendto(datagram, ("127.0.0.1", listener.ports[0]))

    def count() -> float:
        return next(sample.value for sample in listener.samples("self") if sample.metric == "flows.datagrams")

    until(lambda: count() == len(datagrams), "all datagrams", 30)
    listener.stop()
    assert kept
    whole = [minute for minute in kept if minute.flows]
    assert len(whole) == 1, "the test ran over the end of a minute"
    return whole[0]


@pytest.fixture(scope="module")
def minute() -> Minute:
    for _ in range(2):  # a minute may end between two datagrams
        try:
            return one_minute(
                netflow5(("10.1.0.5", "10.2.0.9", 40000, 3306, 1000), ("10.2.0.9", "10.1.0.5", 3306, 40001, 9000)),
                netflow5(("10.1.0.5", "203.0.113.7", 40002, 443, 500), sequence=5),
            )
        except AssertionError:
            continue
    pytest.fail("no whole minute")


def test_addresses_become_assets_zones_and_applications(minute: Minute) -> None:
    assert minute.exporter == "gw"
    assert (minute.bytes, minute.flows, minute.rate, minute.lost) == (105_000, 3, 10, 3)
    assert [(each.names, each.bytes, each.sent) for each in minute.talkers] == [
        (("10.1.0.5", "web"), 105_000, 15_000),
        (("10.2.0.9", "db"), 100_000, 90_000),
        (("203.0.113.7", ""), 5_000, 0),
    ]
    assert [(each.names, each.bytes) for each in minute.applications] == [(("mysql",), 100_000), (("https",), 5_000)]
    assert [(each.names, each.bytes) for each in minute.zones] == [(("数据区", "hq"), 90_000), (("hq", "数据区"), 10_000), (("hq", "outside"), 5_000)]
    assert minute.conversations[0].names == ("10.2.0.9", "10.1.0.5", "mysql", "3", "4")


def test_every_sample_is_in_the_catalogue_and_rates_are_per_second(minute: Minute) -> None:
    (traffic,) = traffic_of([minute])
    whole = Traffic(exporter="gw", address="", protocol="", start=START, end=START + timedelta(seconds=60), counts=traffic.counts, lists=traffic.lists)
    samples = samples_of(whole)
    assert {sample.metric for sample in samples} <= catalogue().keys()
    assert _value(samples, "gw", "flow.io") == 1750
    assert _value(samples, "gw", "flow.application.io", application="mysql") == pytest.approx(100_000 / 60)
    assert _value(samples, "db", "flow.asset.io", direction="transmit", exporter="gw") == 1500


def _value(samples: list[Sample], asset: str, metric: str, **labels: str) -> float:
    return next(each.value for each in samples if (each.asset, each.metric, dict(each.labels)) == (asset, metric, labels))


def test_unknown_ports_do_not_make_new_labels(minute: Minute) -> None:
    lists = {"applications": [Line((f"tcp/{port}",), 100, 1) for port in range(5000, 5050)], "zones": [], "assets": []}
    traffic = Traffic(exporter="gw", address="", protocol="", start=START, end=START + timedelta(seconds=50), counts={"bytes": 6000}, lists=lists)
    assert [(each.labels, each.value) for each in samples_of(traffic) if each.metric == "flow.application.io"] == [({"application": "other"}, 120)]


def traffic_at(number: int, size: int = 100, exporter: str = "gw") -> Traffic:
    start = START + timedelta(minutes=number)
    lists: dict[str, list[Line]] = {name: [] for name in ("talkers", "zones", "assets")} | {
        "applications": [Line(("https",), size, 1)],
        "conversations": [Line(("10.1.0.5", "10.2.0.9", "https", "3", "4"), size, 1)],
    }
    return Traffic(
        exporter=exporter, address="", protocol="IPFIX", start=start, end=start + timedelta(minutes=1), counts={"bytes": size, "lost": 1}, lists=lists
    )


def test_minutes_add_up_to_hours_and_days(store: Store) -> None:
    for number in range(60):
        save_traffic(store.documents, traffic_at(number))
    for length in (timedelta(hours=1), timedelta(hours=2), timedelta(hours=48), timedelta(days=7)):
        (found,) = read_traffic(store.documents, START + timedelta(hours=1) - length, START + timedelta(hours=1))
        assert found.counts["bytes"] == 6000
        assert found.lists["applications"] == [Line(("https",), 6000, 60)]
    assert len(store.documents.find(KIND).items) == 60 + 2 + 1


def test_a_minute_that_is_offered_again_counts_once(store: Store) -> None:
    for _ in range(3):
        save_traffic(store.documents, traffic_at(0))
    (found,) = read_traffic(store.documents, START, START + timedelta(hours=1))
    assert found.counts["bytes"] == 100


def test_what_two_exporters_saw_counts_once(store: Store) -> None:
    save_traffic(store.documents, traffic_at(0, 100, "core"))
    save_traffic(store.documents, traffic_at(0, 90, "edge"))
    found = read_traffic(store.documents, START, START + timedelta(hours=1))
    assert [(each.exporter, each.bytes) for each in found] == [("core", 100), ("edge", 90)]
    assert across(found)["conversations"] == [Line(("10.1.0.5", "10.2.0.9", "https"), 100, 1)]


def test_each_span_is_deleted_at_its_own_age(store: Store) -> None:
    save_traffic(store.documents, traffic_at(0))
    assert prune_traffic(store.documents, START + timedelta(hours=1)) == 0
    assert prune_traffic(store.documents, START + timedelta(hours=7)) == 1
    assert prune_traffic(store.documents, START + timedelta(days=61)) == 1
    assert [document.body["span"] for document in store.documents.find(KIND).items] == ["day"]


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        listener = FlowListener(FlowSettings(ports=(link.getsockname()[1],)), lambda _minutes: None, SystemClock())
        with pytest.raises(ConfigError, match="port taken"):
            listener.start()


def test_what_cannot_be_kept_is_offered_again() -> None:
    kept: list[Minute] = []
    refusals = [True, True]

    def deliver(minutes: list[Minute]) -> None:
        if refusals:
            refusals.pop()
            raise RuntimeError("store away")
        kept.extend(minutes)

    listener = FlowListener(FlowSettings(ports=(0,), span_s=1.0), deliver, SystemClock())  # type: ignore[arg-type]
    listener.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.sendto(netflow5(("10.1.0.5", "10.2.0.9", 1, 2, 3)), ("127.0.0.1", listener.ports[0]))
    until(lambda: bool(kept), "delivery after two refusals", 60)
    listener.stop()
    assert (kept[0].exporter, kept[0].bytes, listener.dropped) == ("127.0.0.1", 3, 0)


class Kept:
    """The pipeline as far as flows know it."""

    def __init__(self, store: Store) -> None:
        self.store, self.samples = store, list[Sample]()

    def keep_and_tell(self, _asset: str, records: list[Sample]) -> bool:
        self.samples += records
        return True


def serving(store: Store, folder: Path) -> tuple[Flows, int, Kept]:
    kept = Kept(store)
    flows = Flows(Settings(data=folder, collect=CollectSettings(flows_udp=0)), kept, SystemClock())  # type: ignore[arg-type]
    flows.set_assets(ESTATE)
    flows.start()
    assert flows._listener is not None
    return flows, flows._listener.ports[0], kept


def sent(flows: Flows, port: int, datagram: bytes) -> None:
    """Send from one port of ours, as an exporter does, and wait until it was read."""

    def count() -> float:
        return next(sample.value for sample in flows.samples("self") if sample.metric == "flows.datagrams")

    before = count()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.sendto(datagram, ("127.0.0.1", port))
        until(lambda: count() > before, "the datagram", 30)


def test_templates_outlive_a_restart(store: Store, tmp_path: Path) -> None:
    flows, port, _kept = serving(store, tmp_path)
    sent(flows, port, netflow9(template()))
    flows.stop()
    flows, port, kept = serving(store, tmp_path)
    sent(flows, port, netflow9(a_set(256, record()), sequence=1))
    flows.stop()
    assert [sample.value for sample in kept.samples if sample.metric == "flow.unknown"] == [0]
    assert sum(sample.value for sample in kept.samples if sample.metric == "flow.io") > 0


def test_zones_are_the_networks_of_the_address_plan(store: Store, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "networks.yaml").write_text("networks:\n  - {prefix: 10.2.0.0/16, name: 数据区}\n  - {prefix: 10.1.0.0/16}\n", encoding="utf-8")
    flows, port, kept = serving(store, tmp_path)
    sent(flows, port, netflow5(("10.1.0.5", "10.2.0.9", 40000, 3306, 1000)))
    flows.stop()
    assert {(sample.labels["from"], sample.labels["to"]) for sample in kept.samples if sample.metric == "flow.zone.io"} == {("10.1.0.0/16", "数据区")}
