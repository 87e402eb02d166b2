"""The live alerting over a real store and journal: restarts, what people ask, notices that fail, a store that is away."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import StoreAway
from core.names import ALERT, INCIDENT, INTENT, MUTE, NOTICE
from core.records import Finding, Result, Severity, State
from core.settings import ConsoleSettings, Settings
from incidents.config import Configuration
from inventory.credentials import Vault
from service.alerting import open_alerting
from service.alerting.live import LiveAlerting
from service.alerting.loading import Loaded
from store.base import Store
from store.embedded import open_embedded
from tests.peers.hook import Taking, serving

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def configuration(**more: Any) -> Configuration:
    return Configuration.model_validate(
        {
            "assets": [{"id": "core", "importance": "critical"}, {"id": "web"}],
            "rules": [{"id": "ping", "kind": "check", "class": "reach", "severity": "critical", "reachability": True}, {"id": "odd", "severity": "high"}],
            "people": [{"id": "li", "roles": ["operator"]}],
            **more,
        }
    )


@contextmanager
def opened(
    folder: Path, clock: ManualClock, config: Configuration | None = None, wrap: Callable[[Store], Store] | None = None, address: str = ""
) -> Iterator[tuple[LiveAlerting, Store]]:
    store = open_embedded(folder, "service")
    seen = wrap(store) if wrap else store
    settings = Settings(data=folder, console=ConsoleSettings(address=address))
    alerting = open_alerting(settings, seen, Vault(store, b"k" * 32), clock, Loaded(config or configuration(), {}))
    try:
        yield alerting, store
    finally:
        alerting.close()
        store.close()


def odd(firing: bool = True) -> Finding:
    return Finding(time=NOW, source="odd", asset="web", title="奇怪 / Odd", severity=Severity.HIGH, firing=firing)


def bad(times: int, alerting: LiveAlerting, clock: ManualClock) -> None:
    for _ in range(times):
        alerting.observe([Result(time=clock.now(), rule="ping", asset="core", state=State.CRITICAL, text="no answer")])
        clock.advance(60)


def bodies(store: Store, kind: str) -> list[dict[str, Any]]:
    return [dict(document.body) for document in store.documents.find(kind).items]


def ask(store: Store, what: str, on: str = "", user: str = "li", roles: Sequence[str] = ("operator",), **args: Any) -> Callable[[], dict[str, Any]]:
    body = {"what": what, "user": user, "roles": list(roles), "unit": "", "args": args, "on": on, "state": "new"}
    store.documents.put(INTENT, f"{what}-{on}", body)
    return lambda: dict(next(one.body for one in store.documents.find(INTENT).items if one.id == f"{what}-{on}"))


def test_an_incident_is_a_document_with_its_members_and_story(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.observe([odd()])
        (incident,) = bodies(store, INCIDENT)
        assert (incident["id"], incident["root"], incident["state"], incident["priority"]) == ("I000001", "web", "open", "P2")
        assert incident["title"] == {"zh": "web：奇怪", "en": "web: Odd"}
        assert [one["rule"] for one in incident["members"]] == ["odd"]
        assert "open" in [entry["what"] for entry in incident["timeline"]]
        assert [one["state"] for one in bodies(store, ALERT)] == ["firing"]
        assert "alert.open" in [entry.action for entry in store.audit.read()]


def test_a_restart_keeps_incidents_pending_counts_and_numbers(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with opened(tmp_path, clock) as (alerting, _):
        alerting.observe([odd()])
        bad(2, alerting, clock)
    clock.advance(30)
    with opened(tmp_path, clock) as (alerting, store):
        assert [one["state"] for one in bodies(store, INCIDENT)] == ["open"]
        bad(1, alerting, clock)
        alerting.observe([odd(firing=False)])
        assert [(one["id"], one["root"], one["state"]) for one in bodies(store, INCIDENT)] == [("I000001", "web", "resolved"), ("I000002", "core", "open")]


def test_without_a_clean_end_the_journal_brings_everything_back(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store = open_embedded(tmp_path, "service")
    alerting = open_alerting(Settings(data=tmp_path), store, Vault(store, b"k" * 32), clock, Loaded(configuration(), {}))
    alerting.observe([odd()])
    before = store.audit.read()
    store.close()  # no close of the alerting: as after kill -9
    with opened(tmp_path, clock) as (_, again):
        assert [one["root"] for one in bodies(again, INCIDENT)] == ["web"]
        assert [entry.action for entry in again.audit.read()] == [entry.action for entry in before]
        assert again.audit.verify() is None


def test_a_rule_removed_while_the_service_was_down_ends_its_alerts(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with opened(tmp_path, clock) as (alerting, _):
        alerting.observe([odd()])
    with opened(tmp_path, clock, configuration(rules=[])) as (_, store):
        assert [(one["state"], one["reason"]) for one in bodies(store, ALERT)] == [("ended", "rule_removed")]
        assert [one["state"] for one in bodies(store, INCIDENT)] == ["resolved"]


def test_times_stay_after_a_kill_before_the_first_state(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store = open_embedded(tmp_path, "service")
    alerting = open_alerting(Settings(data=tmp_path), store, Vault(store, b"k" * 32), clock, Loaded(configuration(), {}))
    alerting.observe([odd()])
    store.close()
    clock.advance(3600)
    with opened(tmp_path, clock) as (_, again):
        assert [one["opened"] for one in bodies(again, INCIDENT)] == [NOW.isoformat()]


def test_a_store_made_anew_gets_all_documents_again(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with opened(tmp_path / "a", clock) as (alerting, _):
        alerting.observe([odd()])
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "alerting.db").rename(tmp_path / "b" / "alerting.db")
    with opened(tmp_path / "b", clock) as (_, store):
        assert [one["root"] for one in bodies(store, INCIDENT)] == ["web"]
        assert [one["state"] for one in bodies(store, ALERT)] == ["firing"]


def test_what_people_ask_is_done_or_refused_with_the_reason(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.observe([odd()])
        acknowledged, closed = ask(store, "acknowledge", "I000001"), ask(store, "close", "I000001", reason="fixed")
        alerting.carry_out_intents()
        assert (acknowledged()["state"], acknowledged()["message"]) == ("done", "")
        assert closed()["state"] == "refused"
        assert "acknowledged" in closed()["message"]
        assert [(one["state"], one["owner"]) for one in bodies(store, INCIDENT)] == [("acknowledged", "li")]
        assert "alert.refused:close" in [entry.action for entry in store.audit.read()]


def test_an_intent_is_carried_out_once(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.observe([odd()])
        ask(store, "comment", "I000001", text="looking at it")
        alerting.carry_out_intents()
        alerting.carry_out_intents()
        assert [entry.action for entry in store.audit.read()].count("alert.comment") == 1


def test_a_mute_is_a_document_and_holds(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        ask(store, "mute", match={"asset": "web"}, why="works", until="2h")
        alerting.carry_out_intents()
        alerting.observe([odd()])
        assert [(one["by"], one["active"]) for one in bodies(store, MUTE)] == [("li", True)]
        assert [one["held_by"] for one in bodies(store, ALERT)] == ["silence"]


class Hook(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.answers: list[int] = []
        self.got: list[dict[str, Any]] = []


class _Taking(Taking):
    server: Hook

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.body()))
        self.done(self.server.answers.pop(0) if self.server.answers else 200)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def until(alerting: LiveAlerting, wanted: Callable[[], bool]) -> None:
    """Tick until something is there, at most five real seconds."""
    for _ in range(250):
        alerting.tick()
        if wanted():
            return
        threading.Event().wait(0.02)
    raise AssertionError("did not happen within 5 s")


def with_hook(hook: Hook) -> Configuration:
    return configuration(
        receivers=[{"id": "hook", "kind": "webhook", "default": True, "resolved": True, "target": f"http://127.0.0.1:{hook.server_address[1]}/"}]
    )


def test_a_notice_that_failed_is_sent_again_and_each_attempt_is_recorded(tmp_path: Path, hook: Hook) -> None:
    clock = ManualClock(NOW)
    hook.answers = [500]
    with opened(tmp_path, clock, with_hook(hook)) as (alerting, store):
        alerting.observe([odd()])
        clock.advance(30)
        until(alerting, lambda: len(bodies(store, NOTICE)) == 1)
        clock.advance(10)
        until(alerting, lambda: len(bodies(store, NOTICE)) == 2)
        alerting.observe([odd(firing=False)])
        clock.advance(300)
        until(alerting, lambda: len(hook.got) == 3)
        assert [one["reason"] for one in hook.got] == ["first", "first", "resolved"]
        assert min(one["answer"] for one in bodies(store, NOTICE)) == "500"


def test_a_notice_under_way_at_a_kill_is_sent_after_the_start(tmp_path: Path, hook: Hook) -> None:
    clock = ManualClock(NOW)
    hook.answers = [500]
    store = open_embedded(tmp_path, "service")
    alerting = open_alerting(Settings(data=tmp_path), store, Vault(store, b"k" * 32), clock, Loaded(with_hook(hook), {}))
    alerting.observe([odd()])
    clock.advance(30)
    until(alerting, lambda: len(hook.got) == 1)
    store.close()
    clock.advance(60)
    with opened(tmp_path, clock, with_hook(hook)) as (again, _):
        until(again, lambda: len(hook.got) == 2)
        assert [one["reason"] for one in hook.got] == ["first", "first"]


def test_a_refused_channel_is_an_alert_about_the_product(tmp_path: Path, hook: Hook) -> None:
    clock = ManualClock(NOW)
    hook.answers = [401]
    with opened(tmp_path, clock, with_hook(hook)) as (alerting, _):
        alerting.observe([odd()])
        clock.advance(30)
        until(alerting, lambda: bool(alerting.self_alerts()))
        assert "hook" in alerting.self_alerts()[0]["title_en"]


class Away:
    """A store whose documents refuse while ``away``."""

    def __init__(self, store: Store) -> None:
        self._store, self.away = store, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @property
    def documents(self) -> Any:
        if self.away:
            raise StoreAway("the disk is full")
        return self._store.documents


def test_alerting_goes_on_while_the_store_refuses_and_writes_later(tmp_path: Path) -> None:
    away: list[Away] = []

    def wrap(store: Store) -> Store:
        away.append(Away(store))
        return away[0]

    with opened(tmp_path, ManualClock(NOW), wrap=wrap) as (alerting, store):
        alerting.observe([odd()])
        assert bodies(store, INCIDENT) == []
        away[0].away = False
        alerting.tick()
        assert [one["root"] for one in bodies(store, INCIDENT)] == ["web"]


def test_a_changed_estate_counts_at_once(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        config = configuration()
        alerting.observe([odd()])
        assets: Sequence[Any] = [asset.model_copy(update={"importance": "critical"}) for asset in config.assets]
        alerting.set_estate(assets, config.people)
        alerting.observe([Finding(time=NOW, source="odd", asset="core", title="odd", severity=Severity.HIGH, firing=True)])
        assert [one["priority"] for one in bodies(store, INCIDENT)] == ["P2", "P1"]
