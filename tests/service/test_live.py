"""Alerting in the running service: durable over a kill, quiet about what is good, and the only one that carries out intents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.names import INCIDENT, INTENT, NOTICE
from core.records import Finding, Result, Sample, Severity, State
from core.settings import Settings
from incidents.notify.answer import Answer
from inventory.asset import Asset
from inventory.credentials import Vault
from service.alerting.journal import DiskJournal
from service.alerting.live import LiveAlerting
from service.alerting.loading import load_configuration
from store.base import ABSENT, Store
from store.open import open_store

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
ASSETS = (Asset(id="a", importance="high"),)


class House:
    """A store, a clock, and an alerting that can be killed and opened again."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder)
        self.store: Store = open_store("embedded", folder, "service")
        self.clock = ManualClock(NOW)
        self.alerting = self.open()

    def open(self) -> LiveAlerting:
        loaded = load_configuration(self.settings.site_folder / "alerting", ASSETS, (), (), "Asia/Shanghai")
        return LiveAlerting(self.settings, self.store, Vault(self.store, bytes(32)), self.clock, loaded, DiskJournal(self.settings.data / "alerting.db"))

    def kill(self, down_s: float) -> None:
        """As after kill -9: nothing is closed, another process opens the same files later."""
        self.clock.advance(down_s)
        self.alerting = self.open()

    def sample(self, value: float, metric: str = "system.filesystem.utilization") -> Sample:
        return Sample(time=self.clock.now(), asset="a", metric=metric, value=value, labels={"mountpoint": "/"})

    def incidents(self) -> list[dict[str, Any]]:
        self.alerting.tick()
        return [document.body for document in self.store.documents.find(INCIDENT).items]

    def pass_time(self, until: Callable[[], bool]) -> None:
        """Steps of five seconds, none of them while a notice is under way; at most a minute of waiting."""
        deadline = time.monotonic() + 60
        while not until():
            assert time.monotonic() < deadline
            if not self.alerting._flying:
                self.clock.advance(5)
            self.alerting.tick()
            time.sleep(0.001)

    def ask(self, what: str, on: str, roles: list[str], **args: Any) -> dict[str, Any]:
        body = {"what": what, "user": "li", "roles": roles, "unit": "", "args": args, "on": on, "state": "new"}
        self.store.documents.put(INTENT, f"{what}-{on}-{len(args)}", body, ABSENT)
        self.alerting.carry_out_intents()
        return self.store.documents.get(INTENT, f"{what}-{on}-{len(args)}").body


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "data")
    yield made
    made.alerting.close()
    made.store.close()


def test_an_incident_survives_a_kill_and_is_neither_lost_nor_doubled(house: House) -> None:
    house.alerting.observe([house.sample(99)])
    house.kill(60)
    house.alerting.observe([house.sample(99)])
    (incident,) = house.incidents()
    assert (incident["state"], [member["rule"] for member in incident["members"]], incident["priority"]) == ("open", ["disk_full"], "P1")
    house.alerting.observe([house.sample(50)])
    assert house.incidents()[0]["state"] == "resolved"


def test_what_is_good_and_was_good_is_not_written_down(house: House) -> None:
    journal = house.alerting._journal
    for _ in range(50):
        house.clock.advance(60)
        house.alerting.observe([house.sample(50), Result(time=house.clock.now(), asset="a", rule="reach", state=State.OK)])
    assert journal.count == 0
    house.alerting.observe([house.sample(99)])
    assert journal.count > 0


def test_every_step_is_audited_once_also_over_a_kill(house: House) -> None:
    house.alerting.observe([house.sample(99)])
    house.kill(5)
    actions = [entry.action for entry in house.store.audit.read()]
    assert actions.count("alert.open") == 1
    assert actions.count("alert.fire") == 1


def test_an_audit_entry_that_a_kill_cut_off_is_appended_at_the_return(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(house.alerting, "_settle", lambda **_: None)
        house.alerting.observe([house.sample(99)])
    assert house.store.audit.read() == []
    house.kill(5)
    assert "alert.open" in [entry.action for entry in house.store.audit.read()]
    assert len(house.incidents()) == 1


def test_a_person_acknowledges_through_an_intent_and_a_viewer_is_refused(house: House) -> None:
    house.alerting.observe([house.sample(99)])
    (incident,) = house.incidents()
    refused = house.ask("acknowledge", incident["id"], ["viewer"])
    assert refused["state"] == "refused"
    assert house.incidents()[0]["state"] == "open"
    done = house.ask("acknowledge", incident["id"], ["operator"], expires="2h")
    assert (done["state"], done["message"]) == ("done", "")
    assert (house.incidents()[0]["state"], house.incidents()[0]["owner"]) == ("acknowledged", "li")


def test_a_finding_fires_until_it_is_cleared_however_long_that_takes(house: House) -> None:
    def finding(*, firing: bool) -> Finding:
        return Finding(time=house.clock.now(), source="compliance.x", asset="a", title="中 / en", severity=Severity.HIGH, firing=firing)

    house.alerting.observe([finding(firing=True)])
    house.clock.advance(7 * 86400)
    house.alerting.tick()
    assert house.incidents()[0]["state"] == "open"
    house.alerting.observe([finding(firing=False)])
    assert house.incidents()[0]["state"] == "resolved"


def test_a_jump_of_the_wall_clock_is_told_and_moves_no_distance(house: House) -> None:
    house.alerting.observe([house.sample(99)])
    house.clock.jump(10 * 365 * 86400)
    house.alerting.tick()
    assert house.incidents()[0]["state"] == "open"
    assert ["clock" in one["title_en"] for one in house.alerting.self_alerts()] == [True]


def test_an_incident_that_is_over_for_months_leaves_the_memory_but_not_the_store(house: House) -> None:
    for day in range(4):
        house.alerting.observe([house.sample(99)])
        for _ in range(21):  # so many good ones that nothing looks like flapping
            house.clock.advance(60)
            house.alerting.observe([house.sample(50)])
        words = {"reason": "fixed", "cause": "logs", "review": "rotation was off"}
        assert house.ask("close", f"I{day + 1:06d}", ["duty_leader"], **words)["message"] == ""
        house.clock.advance(86400.0 * (40 if day < 3 else 1))
        house.alerting.tick()
    known = house.alerting._alerting.engine.world.incidents
    assert sorted(known) == [2, 3, 4]  # the first one ended 121 days ago
    assert [(body["id"], body["state"], body["members"][0]["state"]) for body in house.incidents()] == [(f"I{n:06d}", "closed", "ended") for n in range(1, 5)]
    house.kill(5)
    assert sorted(house.alerting._alerting.engine.world.incidents) == [2, 3, 4]
    house.alerting.observe([house.sample(99)])
    *before, last = house.incidents()
    assert (last["id"], last["members"][0]["state"]) == ("I000005", "firing")  # numbers are never used twice
    assert {body["members"][0]["state"] for body in before} == {"ended"}  # what ended there stays ended there
    assert before[-1]["members"][0]["end"] == before[-1]["resolved"]


def test_what_still_fires_is_never_forgotten(house: House) -> None:
    house.alerting.observe([house.sample(99)])
    house.clock.advance(86400.0 * 200)
    house.alerting.tick()
    assert len(house.alerting._alerting.engine.world.incidents) == 1
    house.alerting.observe([house.sample(50)])
    assert house.incidents()[0]["state"] == "resolved"


def test_an_intent_that_breaks_does_not_keep_the_others_waiting(house: House) -> None:
    house.alerting.carriers |= {"lost": lambda intent: str(house.store.documents.get("run", "x")), "broken": lambda intent: str(intent["nothing"])}
    for number, what in enumerate(("lost", "broken", "unheard of", "acknowledge")):
        house.store.documents.put(INTENT, str(number), {"what": what, "user": "li", "roles": ["operator"], "on": "I000009", "state": "new"}, ABSENT)
    house.store.documents.put(INTENT, "4", {"user": "li", "state": "new"}, ABSENT)
    house.alerting.carry_out_intents()
    found = {document.id: document.body for document in house.store.documents.find(INTENT).items}
    assert {body["state"] for body in found.values()} == {"refused"}
    assert all(body["message"] for body in found.values())


def test_a_storm_is_twenty_mails_and_one_summary_where_the_site_said_nothing_of_a_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def mail(_receiver: Any, content: Mapping[str, Any], *_rest: Any) -> Answer:
        told.append(content["reason"])
        return Answer("ok")

    monkeypatch.setattr("service.alerting.live.send", mail)
    folder = house.settings.site_folder / "alerting"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text("receivers: [{id: mail, target: duty@bureau.example, default: true}]\n")
    house.kill(1)
    house.alerting.observe([Finding(time=NOW, source="odd", asset=f"x{n}", title="x", severity=Severity.WARNING, firing=True) for n in range(60)])
    house.pass_time(lambda: len(told) > 20)
    assert told == ["first"] * 20 + ["summary"]
    answers = Counter(document.body["answer"] for document in house.store.documents.find(NOTICE, limit=200).items)
    assert answers["held:limit"] == 40
