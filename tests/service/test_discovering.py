"""Discovery as the service does it: queue, plan, rules, restart, and what the audit says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collectors.network.discovery import Limits, Order, Outcome
from core.clock import ManualClock
from core.errors import ConfigError, Refused
from core.names import SEARCH
from core.records import Event
from core.secrets import NoSecrets
from core.settings import DiscoverySettings, Settings
from detectors.rules.told import Told
from inventory.book import Book
from inventory.discovery.inbox import Inbox
from inventory.discovery.plan import FILE
from inventory.discovery.sighting import Sighting
from service import discovering
from service.cli import app
from service.discovering import Discovering, allowed_ranges
from store.base import Store
from store.open import open_store
from tests.inventory.discovery.makers import agent, page

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Net:
    """Stands for the network: addresses that answer; ``orders`` are what was asked of it."""

    def __init__(self) -> None:
        self.answers: dict[str, Sighting] = {}
        self.orders: list[Order] = []
        self.until: threading.Event | None = None

    def search(self, order: Order, _limits: Limits, _now: Any, on_sighting: Any, stop: threading.Event, on_asked: Any) -> Outcome:
        self.orders.append(order)
        addresses = [*order.addresses, *order.seeds]
        on_asked(0, len(addresses))
        if self.until is not None:
            self.until.set()
            assert stop.wait(30)
            return Outcome(stopped=True)
        for address in addresses:
            if address in self.answers:
                on_sighting(self.answers[address])
        return Outcome(searched=set(addresses), found=len(self.answers))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    made = Net()
    monkeypatch.setattr(discovering, "search", made.search)
    return made


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def service(store: Store, tmp_path: Path, clock: ManualClock, told: list[Event], net: Net) -> Discovering:
    settings = Settings(data=tmp_path / "data", site=tmp_path, discovery=DiscoverySettings(allowed=("10.0.0.0/16",)))
    return Discovering(settings, store, NoSecrets(), clock, lambda: Book(store).all(), told.extend)


def intent(what: Mapping[str, Any], roles: Sequence[str] = ("operator",)) -> dict[str, Any]:
    return {"user": "li", "roles": list(roles), "args": dict(what)}


def searches(store: Store) -> list[dict[str, Any]]:
    return [document.body for document in store.documents.find(SEARCH, sort="created").items]


def test_a_search_that_was_asked_for_ends_in_the_inbox_the_events_and_the_audit(service: Discovering, store: Store, net: Net, told: list[Event]) -> None:
    net.answers = {"10.0.0.5": agent("10.0.0.5", "core", serial="SN12345")}
    id = service.carriers["discover"](intent({"ranges": ["10.0.0.0/28"]}))  # noqa: A001
    service.work()
    body = store.documents.get(SEARCH, id).body
    assert (body["state"], body["asked"], body["found"], body["new"]) == ("done", 14, 1, 1)
    assert [candidate.title for candidate in Inbox(store).all()] == ["core"]
    assert [(event.kind, event.asset) for event in told] == [("device_found", "wanglou")]
    entries = [(entry.actor, entry.action) for entry in store.audit.read()]
    assert entries == [("li", "discovery.search"), ("li", "discovery.end")]
    assert store.audit.read()[0].body == {"ranges": ["10.0.0.0/28"]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"ranges": ["10.0.0.0/8"]}, "at most 4,096"),
        ({"ranges": ["192.168.0.0/24"]}, "not inside a range that may be searched"),
        ({"seeds": ["192.168.0.1"]}, "the seed 192.168.0.1 is not inside"),
        ({"seeds": ["nobody"]}, "neither an address nor the id of an asset"),
        ({"ranges": ["10.0.0.1"], "credentials": ["absent"]}, "credentials: there is no credential called 'absent'"),
        ({"ranges": ["10.0.0.1"], "ports": [0]}, "ports: a port is a number"),
        ({"ranges": ["10.0.0.1"], "colour": "red"}, "colour: "),
        ({}, "a search needs ranges or seeds"),
    ],
)
def test_what_may_not_be_searched_is_refused_and_never_queued(service: Discovering, store: Store, net: Net, args: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        service.carriers["discover"](intent(args))
    assert searches(store) == []
    assert net.orders == []


def test_who_may_only_look_is_refused(service: Discovering) -> None:
    for what in service.carriers:
        with pytest.raises(Refused, match="your roles"):
            service.carriers[what](intent({"ranges": ["10.0.0.1"], "candidate": "x"}, roles=("viewer", "audit_admin")))


def test_what_is_no_longer_there_is_a_refusal_and_no_crash(service: Discovering) -> None:
    for what in ("take_in", "set_aside", "bring_back", "accept_changes", "forget_candidate"):
        with pytest.raises(Refused, match="no candidate 'gone'"):
            service.carriers[what](intent({"candidate": "gone"}))


def test_the_plan_searches_by_itself_and_its_rules_take_in(service: Discovering, store: Store, net: Net, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        "searches:\n  - {name: all, ranges: [10.0.0.0/28], every: 1h}\n"
        "rules:\n  - {name: core, when: {name: core}, take_in: {site: hq}}\n  - {name: rest, when: {answers: http}, ignore: true}\n",
        encoding="utf-8",
    )
    net.answers = {"10.0.0.5": agent("10.0.0.5", "core", os="vrp", model="S5735"), "10.0.0.6": page("10.0.0.6", "printer")}
    service.work()
    service.work()
    assert len(net.orders) == 1
    assert Book(store).get("core").site == "hq"
    assert {candidate.state for candidate in Inbox(store).all()} == {"known", "ignored"}
    clock.advance(3600)
    service.work()
    assert len(net.orders) == 2
    assert searches(store)[0]["by"] == "site plan"


def test_a_broken_plan_is_a_problem_of_the_site_and_the_one_before_stays(service: Discovering, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("searches: 5\n", encoding="utf-8")
    service.work()
    assert "discovery.yaml:1: searches" in str(service.problems[0])
    (tmp_path / FILE).unlink()
    service.work()
    assert service.problems == ()


def test_a_plan_without_an_allowed_range_is_a_problem_of_the_site_and_nothing_is_asked(service: Discovering, net: Net, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("searches:\n  - {name: all, ranges: [10.0.0.0/28], every: 1h}\n", encoding="utf-8")
    service.settings = Settings(data=tmp_path / "data", site=tmp_path)
    service.work()
    assert "set discovery.allowed" in str(service.problems[0])
    assert net.orders == []


def test_a_search_can_be_stopped(service: Discovering, store: Store, net: Net) -> None:
    net.until = threading.Event()
    service.carriers["discover"](intent({"ranges": ["10.0.0.0/28"]}))
    work = threading.Thread(target=service.work)
    work.start()
    assert net.until.wait(30)
    service.carriers["stop_discovery"](intent({}))
    work.join(30)
    assert [body["state"] for body in searches(store)] == ["stopped"]
    with pytest.raises(Refused, match="no search is under way"):
        service.carriers["stop_discovery"](intent({}))


def test_a_search_that_the_end_of_the_service_cut_short_is_begun_again_but_not_for_ever(
    service: Discovering, store: Store, net: Net, clock: ManualClock
) -> None:
    service.carriers["discover"](intent({"ranges": ["10.0.0.0/28"]}))
    for expected in (("running", 1), ("running", 2)):
        net.until = threading.Event()
        begun = Discovering(service.settings, store, NoSecrets(), clock, list, lambda _events: None)
        work = threading.Thread(target=begun.work)
        work.start()
        assert net.until.wait(30)
        begun.end()
        work.join(30)
        (body,) = searches(store)
        assert (body["state"], body["tries"]) == expected
    Discovering(service.settings, store, NoSecrets(), clock, list, lambda _events: None).work()
    (body,) = searches(store)
    assert (body["state"], body["message"]) == ("failed", "the service ended twice in it")


def test_a_device_that_is_gone_and_back_is_told_with_its_asset(service: Discovering, store: Store, net: Net, clock: ManualClock, told: list[Event]) -> None:
    Book(store).save("core", {"address": "10.0.0.5", "kind": "switch"}, source="site", who="site files", now=NOW)
    for answers in (True, False, False, True):
        net.answers = {"10.0.0.5": agent("10.0.0.5", "core")} if answers else {}
        service.carriers["discover"](intent({"ranges": ["10.0.0.5"]}))
        service.work()
        clock.advance(60)
    assert [(event.kind, event.asset) for event in told] == [("device_gone", "core"), ("device_back", "core")]


def test_who_appears_where_all_was_searched_before_is_unknown_until_somebody_decides(
    service: Discovering, store: Store, net: Net, clock: ManualClock, told: list[Event]
) -> None:
    def round_of(*answers: Sighting) -> None:
        net.answers = {one.address: one for one in answers}
        service.carriers["discover"](intent({"ranges": ["10.0.0.0/28"]}))
        service.work()
        clock.advance(60)

    round_of(page("10.0.0.5", "first"))
    round_of(page("10.0.0.5", "first"), page("10.0.0.6", "stranger"))
    assert [(event.kind, event.fields["host.ip"]) for event in told] == [("device_found", "10.0.0.5"), ("device_unknown", "10.0.0.6")]
    stranger = next(candidate for candidate in Inbox(store).all() if candidate.addresses == ("10.0.0.6",))
    service.carriers["take_in"](intent({"candidate": stranger.id}))
    assert [(event.kind, event.asset, event.fields["host.ip"]) for event in told[2:]] == [("device_handled", "wanglou", "10.0.0.6")]


def test_a_swapped_device_is_told_until_somebody_accepts_it(service: Discovering, store: Store, net: Net, told: list[Event]) -> None:
    Book(store).save("core", {"address": "10.0.0.5", "serial": "OLD-1"}, source="site", who="site files", now=NOW)
    net.answers = {"10.0.0.5": agent("10.0.0.5", "core", serial="NEW-1")}
    service.carriers["discover"](intent({"ranges": ["10.0.0.5"]}))
    service.work()
    service.carriers["accept_changes"](intent({"candidate": Inbox(store).all()[0].id}))
    assert [(event.kind, event.asset) for event in told] == [("device_changed", "core"), ("device_accepted", "core")]
    assert "serial: OLD-1 -> NEW-1" in told[0].message
    watch = Told()
    raised = [finding for event in told for finding in watch.read([event], NOW)]
    assert [(finding.source, finding.asset, finding.firing) for finding in raised] == [("told_swapped", "core", True), ("told_swapped", "core", False)]


def test_the_command_line_searches_prints_and_fills_the_inbox(tmp_path: Path, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WANGLOU_DISCOVERY__ALLOWED", "10.0.0.0/16, 10.9.0.1")
    net.answers = {"10.0.0.5": agent("10.0.0.5", "core", vendor="Huawei", model="S5735", os="vrp", serial="SN12345")}
    ran = CliRunner().invoke(app, ["discover", "10.0.0.0/28", "--seed", "10.9.0.1", "--snmp-port", "1161", "--port", "0"])
    assert ran.exit_code == 0, ran.output
    assert "new      10.0.0.5" in ran.output
    assert "core" in ran.output
    assert "15 addresses asked, 1 answered, 1 devices" in ran.output
    assert (net.orders[0].snmp_ports, net.orders[0].ports) == ((1161,), ())
    refused = CliRunner().invoke(app, ["discover", "10.0.0.0/8"])
    assert refused.exit_code == 78
    assert "at most 4,096" in refused.output


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"discovery\.allowed: '10\.0' is no range"):
        allowed_ranges(DiscoverySettings(allowed=("10.0",)))
