"""Configurations in the service: changes with their author, windows, unsaved changes, templates, when to fetch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.errors import Refused
from core.names import CONFIG_CHANGE, CONFIG_STATE, RUN
from core.records import Event, Finding, Snapshot
from core.settings import Settings
from inventory.asset import Asset
from service.configuration import AT_MOST_S, SETTLE_S, UNSAVED_FOR, Configurations
from store.base import Body, Store
from store.embedded import open_embedded
from store.snapshots import save_snapshot
from tests.inventory.configuration.devices import device

START = datetime(2026, 3, 3, 2, tzinfo=UTC)  # a Tuesday, ten o'clock in Shanghai
SWITCH = Asset(id="sw1", kind="switch", collect={"cli": {"platform": "cisco_ios"}})
BASE = device("ios")
OPEN = BASE.replace(" transport input ssh\nline vty 5", " transport input ssh telnet\nline vty 5")


class Bench:
    """A store, a clock and the part under test; what it tells is kept."""

    def __init__(self, store: Store, site: Path) -> None:
        self.store, self.site, self.clock = store, site, ManualClock(START)
        self.findings: list[Finding] = []
        self.events: list[Event] = []
        self.polled: list[str] = []
        site.mkdir(parents=True, exist_ok=True)
        self.subject = Configurations(
            Settings(data=site.parent, site=site), store, self.clock, lambda: {"sw1": SWITCH}, self.poll, self.keep, self.findings.extend
        )

    def poll(self, asset: str) -> int:
        self.polled.append(asset)
        return int(asset == "sw1")

    def keep(self, _asset: str, events: Sequence[Event]) -> None:
        self.store.events.write(list(events))
        self.events += events

    def sees(self, body: str, kind: str = "running-config") -> None:
        snapshot = Snapshot(time=self.clock.now(), asset="sw1", kind=kind, body=body)
        if save_snapshot(self.store, snapshot):
            self.subject.noticed(snapshot)
        self.subject.round()

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span).total_seconds())

    def says(self, kind: str, user: str = "", **fields: str) -> None:
        named = {"user.name": user} if user else {}
        event = Event(id=f"{kind}{self.clock.now()}", time=self.clock.now(), asset="sw1", kind=kind, message="", fields={**named, **fields})
        self.store.events.write([event])
        self.subject.read([event], self.clock.now())

    def changes(self) -> list[Body]:
        return [document.body for document in self.store.documents.find(CONFIG_CHANGE, sort="time").items]

    def firing(self) -> dict[str, bool]:
        return {finding.source: finding.firing for finding in self.findings}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_embedded(tmp_path / "data", "service")
    yield Bench(store, tmp_path / "site")
    store.close()


def test_the_first_version_is_no_change(bench: Bench) -> None:
    bench.sees(BASE)
    assert not bench.changes()
    assert not bench.events


def test_a_change_is_kept_with_its_author_and_told_with_its_difference(bench: Bench) -> None:
    bench.sees(BASE)
    bench.later(hours=1)
    bench.sees(BASE)
    bench.later(minutes=20)
    bench.says("config_changed", "wang", **{"source.ip": "10.1.1.9"})
    bench.later(minutes=10)
    bench.sees(OPEN)
    (change,) = bench.changes()
    assert (change["user"], change["how"], change["source"]) == ("wang", "said", "10.1.1.9")
    assert change["made"] == (START + timedelta(minutes=80)).isoformat()
    assert change["before"] == (START + timedelta(hours=1)).isoformat()
    assert (change["added"], change["removed"], change["allowed"]) == (1, 1, None)
    (event,) = bench.events
    assert (event.kind, event.fields["user.name"]) == ("config_changed", "wang")
    assert "-  transport input ssh\n+  transport input ssh telnet" in event.message
    assert "line vty 0 4" in event.message


@pytest.mark.parametrize(("kind", "how"), [("config_command", "said"), ("login_ok", "logged in")])
def test_the_server_that_lets_people_in_tells_who_it_was(bench: Bench, kind: str, how: str) -> None:
    bench.sees(BASE)
    bench.later(minutes=30)
    fields = {"user.name": "li", "source.ip": "10.1.1.7", "client.name": "sw1"}
    event = Event(id=kind, time=bench.clock.now(), asset="aaa", kind=kind, message="", fields=fields)
    other = Event(id="other", time=bench.clock.now(), asset="aaa", kind=kind, message="", fields={**fields, "user.name": "zhao", "client.name": "sw9"})
    bench.store.events.write([event, other])
    bench.subject.read([event, other], bench.clock.now())
    bench.later(seconds=SETTLE_S + 1)
    bench.subject.round()
    assert bench.polled[-1:] == (["sw1"] if kind == "config_command" else [])
    bench.sees(OPEN)
    (change,) = bench.changes()
    assert (change["user"], change["how"], change["source"]) == ("li", how, "10.1.1.7")


def test_a_version_that_only_moved_lines_is_no_change_to_tell(bench: Bench) -> None:
    bench.sees("interface a\n shutdown\ninterface b\n mtu 9000\nend\n")
    bench.later(minutes=5)
    bench.sees("interface b\n mtu 9000\ninterface a\n shutdown\nend\n")
    assert [(change["added"], change["removed"]) for change in bench.changes()] == [(0, 0)]
    assert not bench.events


def test_changes_that_were_missed_are_made_up_for_once(bench: Bench) -> None:
    for number in range(4):
        save_snapshot(bench.store, Snapshot(time=bench.clock.now(), asset="sw1", kind="running-config", body=f"hostname r{number}\nend\n"))
        bench.later(minutes=5)
    bench.subject.round()
    assert len(bench.changes()) == 3
    bench.later(hours=2)
    bench.subject.round()
    assert len(bench.changes()) == 3
    assert len(bench.events) == 3


def windows(bench: Bench, begin: str, end: str) -> None:
    (bench.site / "calendar.yaml").write_text(f'change_windows:\n  - {{days: [every], from: "{begin}", until: "{end}"}}\n', encoding="utf-8")
    bench.subject.use_rules()


def test_a_change_outside_the_windows_is_an_event_of_its_own(bench: Bench) -> None:
    windows(bench, "22:00", "23:00")
    bench.sees(BASE)
    bench.later(minutes=5)
    bench.sees(OPEN)
    assert [event.kind for event in bench.events] == ["config_changed", "config_outside_window"]
    assert "+" in bench.events[1].message
    assert bench.changes()[0]["allowed"] is False


def test_a_change_within_a_window_is_not(bench: Bench) -> None:
    windows(bench, "09:00", "11:00")
    bench.sees(BASE)
    bench.later(minutes=5)
    bench.sees(OPEN)
    assert [event.kind for event in bench.events] == ["config_changed"]
    assert bench.changes()[0]["allowed"] is True


def test_a_change_that_belongs_to_an_approved_request_is_announced(bench: Bench) -> None:
    windows(bench, "22:00", "23:00")
    run = "r20260303-095000-abcdef"
    bench.store.documents.put(RUN, run, {"assets": ["sw1"], "asked": START.isoformat(), "agreed": START.isoformat(), "ended": ""})
    bench.sees(BASE)
    bench.later(minutes=5)
    bench.sees(OPEN)
    assert [event.kind for event in bench.events] == ["config_changed"]
    assert (bench.changes()[0]["allowed"], bench.changes()[0]["run"]) == (True, run)


def test_what_was_not_saved_is_told_after_a_while_and_ends_when_it_is_saved(bench: Bench) -> None:
    bench.sees(BASE)
    bench.sees(BASE, "startup-config")
    bench.sees(OPEN)
    assert "configuration.unsaved" not in bench.firing()
    bench.later(seconds=UNSAVED_FOR.total_seconds() + 1)
    bench.subject.round()
    assert bench.firing()["configuration.unsaved"] is True
    assert bench.events[-1].kind == "config_unsaved"
    bench.later(hours=2)
    bench.subject.round()
    assert [event.kind for event in bench.events].count("config_unsaved") == 1
    bench.sees(OPEN, "startup-config")
    assert bench.firing()["configuration.unsaved"] is False
    assert bench.store.documents.get(CONFIG_STATE, "sw1").body["unsaved"] is None


def test_a_restart_does_not_forget_what_was_told(bench: Bench, tmp_path: Path) -> None:
    bench.sees(BASE)
    bench.sees(BASE, "startup-config")
    bench.sees(OPEN)
    bench.later(hours=1)
    bench.subject.round()
    again = Bench(bench.store, bench.site)
    again.clock.advance(timedelta(hours=2).total_seconds())
    again.sees(OPEN, "startup-config")
    assert again.firing()["configuration.unsaved"] is False


TEMPLATE = "name: vty\ntitle: {zh: 远程登录, en: Remote login}\nkinds: [switch]\nmust:\n  - {line: transport input ssh, inside: '^line vty'}\n"


def test_deviations_from_a_template_are_told_and_end(bench: Bench) -> None:
    (bench.site / "templates").mkdir()
    (bench.site / "templates" / "vty.yaml").write_text(TEMPLATE, encoding="utf-8")
    (bench.site / "templates" / "bad.yaml").write_text("name: [", encoding="utf-8")
    bench.subject.use_rules()
    assert "bad.yaml" in str(bench.subject.rules.problems[0])
    bench.sees(OPEN)
    finding = next(finding for finding in bench.findings if finding.source == "configuration.template")
    assert (finding.firing, dict(finding.labels)) == (True, {"template": "vty"})
    assert finding.evidence["observed"] == ["- line vty 0 4 > transport input ssh"]
    bench.sees(BASE)
    assert bench.firing()["configuration.template"] is False


def test_a_template_that_is_gone_ends_its_deviations(bench: Bench) -> None:
    (bench.site / "templates").mkdir()
    path = bench.site / "templates" / "vty.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    bench.subject.use_rules()
    bench.sees(OPEN)
    path.unlink()
    bench.subject.use_rules()
    bench.subject.round()
    assert bench.firing()["configuration.template"] is False


def test_a_device_that_says_it_was_configured_is_read_when_it_is_quiet_again(bench: Bench) -> None:
    bench.subject.round()
    bench.says("config_changed", "wang")
    bench.later(seconds=SETTLE_S - 1)
    bench.says("config_changed", "wang")
    bench.later(seconds=2)
    bench.subject.round()
    assert not bench.polled
    bench.later(seconds=SETTLE_S)
    bench.subject.round()
    assert bench.polled == ["sw1"]
    bench.later(seconds=60)
    bench.subject.round()
    assert bench.polled == ["sw1"]


def test_a_device_that_never_stops_talking_is_read_all_the_same(bench: Bench) -> None:
    for _ in range(int(AT_MOST_S // 10) + 1):
        bench.says("config_changed", "wang")
        bench.later(seconds=10)
        bench.subject.round()
    assert bench.polled == ["sw1"]


def test_what_we_concluded_ourselves_hastens_nothing(bench: Bench) -> None:
    bench.says("config_changed", "wang", **{"snapshot.kind": "running-config"})
    bench.later(hours=1)
    bench.subject.round()
    assert not bench.polled


def test_a_person_asks_for_a_fetch_and_an_asset_without_a_command_line_is_refused(bench: Bench) -> None:
    carry = bench.subject.carriers["fetch_config"]
    assert carry({"args": {"asset": "sw1"}, "user": "li"}) == "sw1"
    with pytest.raises(Refused, match="no collector cli"):
        carry({"args": {"asset": "web1"}, "user": "li"})
