"""A trap, a log line and the poll that they hasten: one alert, one incident, told once, ended when the port is back."""

import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.names import INCIDENT
from core.records import Event
from core.settings import read_settings
from inventory.asset import Asset
from service.serve import Service, build
from store.base import Selector
from store.filter import Term
from store.snapshots import latest_snapshot
from tests.collectors.events.test_traps import LINK_DOWN, send
from tests.peers.program import until
from tests.peers.snmp_agent import INTEGER, TICKS, Agent, Bench, Table, switch

IF = "1.3.6.1.2.1.2.2.1"
UP_FOR_TEN_DAYS = {"1.3.6.1.2.1.1.3.0": (TICKS, 90_000_000), f"{IF}.9.2": (TICKS, 3_600_000)}
ASSETS = """
assets:
  - {{id: core1, kind: switch, address: 127.0.0.1, collect: {{snmp: {{port: {port}, interval: 3600, timeout_s: 2.0}}}}}}
"""


@pytest.fixture
def agent() -> Iterator[tuple[Bench, Agent]]:
    one = Agent(Table.of(switch("core1", ports=2) | UP_FOR_TEN_DAYS))
    with Bench({("127.0.0.1", 0): one}) as bench:
        yield bench, one


@pytest.fixture
def service(tmp_path: Path, agent: tuple[Bench, Agent]) -> Iterator[Service]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "assets.yaml").write_text(ASSETS.format(port=agent[0].addresses[0][1]), encoding="utf-8")
    environment = {"WANGLOU_DATA": str(tmp_path), "WANGLOU_COLLECT__TRAP_PORT": "0", "WANGLOU_COLLECT__SYSLOG_UDP": "0", "WANGLOU_LOG_LEVEL": "error"}
    made = build(read_settings(None, environment), SystemClock())
    made.start()
    yield made
    made.stop()


def incidents(service: Service) -> list[dict[str, Any]]:
    """The incidents, but those about the checks that the product makes of itself, which come when it gets round to them."""
    found = [dict(document.body) for document in service.store.documents.find(INCIDENT).items]
    return [one for one in found if not all(member["rule"].startswith("compliance.self-") for member in one["members"])]


def log_line(service: Service, text: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), ("127.0.0.1", service.listeners.ports["udp"]))


def ports(service: Service) -> dict[str, float]:
    found = service.store.metrics.latest(Selector(metric="network.interface.oper"), service.settings.events_age, service.clock.now())
    return {sample.labels["interface"]: sample.value for sample in found}


def links_down(service: Service) -> Sequence[Event]:
    now = service.clock.now()
    return service.store.events.search(Term("event.kind", "link_down"), since=now - timedelta(hours=1), until=now + timedelta(hours=1)).items


@pytest.mark.peer
def test_a_link_down_trap_its_log_line_and_their_hastened_poll_are_one_incident(tmp_path: Path, service: Service, agent: tuple[Bench, Agent]) -> None:
    until(lambda: ports(service).get("Gi0/2") == 1 and latest_snapshot(service.store, "core1", "snmp.inventory") is not None, "the first poll", 60)
    values = switch("core1", ports=2) | UP_FOR_TEN_DAYS
    agent[1].table = Table.of(values | {f"{IF}.8.2": (INTEGER, 2)})
    traps = service.listeners.ports["traps"]
    for _ in range(3):
        log_line(service, "<187>45: core1: Mar  1 10:00:00: %LINK-3-UPDOWN: Interface GigabitEthernet0/2, changed state to down")
        send(tmp_path, "snmptrap", "-v2c", "-c", "public", f"127.0.0.1:{traps}", "", LINK_DOWN[0], f"{IF}.1.2", "i", "2")
    until(lambda: len(incidents(service)) == 1, "an incident", 60)
    (incident,) = incidents(service)
    assert [(member["rule"], member["labels"]) for member in incident["members"]] == [("interface_lost", {"interface": "Gi0/2"})]
    until(lambda: len(links_down(service)) == 6, "every event", 60)
    assert {(event.asset, event.fields["network.interface"]) for event in links_down(service)} == {("core1", "Gi0/2")}

    agent[1].table = Table.of(values)
    send(tmp_path, "snmptrap", "-v2c", "-c", "public", f"127.0.0.1:{traps}", "", "1.3.6.1.6.3.1.1.5.4", f"{IF}.1.2", "i", "2")
    until(lambda: [one["state"] for one in incidents(service)] == ["resolved"], "its end", 60)


def test_a_taken_port_stops_nothing_else_and_is_an_incident(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        ports = {"WANGLOU_COLLECT__TRAP_PORT": str(other.getsockname()[1]), "WANGLOU_COLLECT__SYSLOG_UDP": "0"}
        made = build(read_settings(None, {"WANGLOU_DATA": str(tmp_path), "WANGLOU_LOG_LEVEL": "error", **ports}), SystemClock())
        made.start()
        try:
            made.look_at_itself()
            assert made.listeners.ports["udp"] > 0
            until(lambda: [one["members"][0]["rule"] for one in incidents(made)] == ["self.listener"], "an incident", 60)
        finally:
            made.stop()


def test_who_listens_knows_an_asset_before_it_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build(read_settings(None, {"WANGLOU_DATA": str(tmp_path), "WANGLOU_LOG_LEVEL": "error"}), SystemClock())
    told: list[str] = []

    def listen(name: str) -> Callable[..., tuple[()]]:
        def take(*_: object) -> tuple[()]:
            told.append(name)
            return ()

        return take

    monkeypatch.setattr(made.alerting, "set_estate", listen("alerting"))
    for name in ("listeners", "playing", "flows", "runner"):
        monkeypatch.setattr(getattr(made, name), "set_assets", listen(name))
    try:
        made.use_estate([Asset(id="core1", address="127.0.0.1")], ())
    finally:
        made.stop()
    assert sorted(told) == ["alerting", "flows", "listeners", "playing", "runner"]
    assert told[-1] == "runner"
