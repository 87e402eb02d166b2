"""Every alarm is on record once, people's verdicts reach it, and the figures say what they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.names import ALARM, QUALITY
from core.records import Finding, Severity
from service.quality.figures import months
from service.quality.quality import Quality
from tests.service.test_live import ASSETS, NOW, House

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Judged(House):
    """A house whose alarms are counted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.watch()

    def watch(self) -> None:
        self.quality = Quality(self.store, self.clock, SHANGHAI, lambda: {asset.id: asset for asset in ASSETS}, self.alerting.rule)
        self.alerting.carriers |= self.quality.carriers

    def alarms(self) -> list[dict[str, Any]]:
        self.quality.round()
        return [document.body for document in self.store.documents.find(ALARM, sort="start").items]

    def fill(self, value: float) -> None:
        self.clock.advance(600)
        self.alerting.observe([self.sample(value)])

    def figures(self) -> dict[str, Any]:
        self.clock.advance(60)
        self.quality.alarms.catch_up()
        self.quality.count(self.clock.now())
        return self.store.documents.get(QUALITY, "last30").body


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Judged]:
    made = Judged(tmp_path / "data")
    yield made
    made.alerting.close()
    made.store.close()


def test_each_opening_of_an_alert_is_one_alarm_with_its_end(judged: Judged) -> None:
    for value in (99, 50, 99):
        judged.fill(value)
    first, second = judged.alarms()
    assert (first["rule"], first["asset"], first["group"], first["metric"]) == ("disk_full", "a", "server", "system.filesystem.utilization")
    assert first["incident"] == "I000001"
    assert first["end"] > first["start"]
    assert second["end"] == ""


def test_nothing_is_counted_twice_after_a_restart(judged: Judged) -> None:
    judged.fill(99)
    assert len(judged.alarms()) == 1
    judged.watch()
    assert len(judged.alarms()) == 1


def test_one_press_on_an_incident_judges_all_its_alarms(judged: Judged) -> None:
    judged.fill(99)
    assert judged.ask("judge_alarm", "I000001", ["operator"], verdict="useful")["state"] == "done"
    (alarm,) = judged.alarms()
    assert (alarm["verdict"], alarm["by"]) == ("useful", "li")
    (entry,) = judged.store.audit.read(action="quality.judge")
    assert (entry.actor, entry.object, entry.body["verdict"]) == ("li", "I000001", "useful")


def test_a_verdict_on_one_alert_outweighs_the_one_on_its_incident(judged: Judged) -> None:
    judged.fill(99)
    (alarm,) = judged.alarms()
    judged.ask("judge_alarm", "I000001", ["operator"], verdict="false", alert=alarm["fingerprint"])
    assert judged.ask("judge_alarm", "I000001", ["operator"], verdict="useful")["state"] == "refused"
    assert judged.alarms()[0]["verdict"] == "false"


def test_the_reason_of_a_resolution_is_a_verdict_until_somebody_says_otherwise(judged: Judged) -> None:
    judged.fill(99)
    judged.alerting.tick()
    judged.ask("resolve", "I000001", ["operator"], reason="false_positive", cause="a test")
    assert [(alarm["verdict"], alarm["said"]) for alarm in judged.alarms()] == [("false", "reason")]
    judged.ask("judge_alarm", "I000001", ["operator"], verdict="known")
    assert [(alarm["verdict"], alarm["said"]) for alarm in judged.alarms()] == [("known", "incident")]


@pytest.mark.parametrize(("roles", "verdict"), [(["viewer"], "useful"), (["audit_admin"], "useful"), (["operator"], "rubbish")])
def test_who_may_not_judge_and_what_is_no_verdict_is_refused(judged: Judged, roles: list[str], verdict: str) -> None:
    judged.fill(99)
    assert judged.ask("judge_alarm", "I000001", roles, verdict=verdict)["state"] == "refused"
    assert judged.alarms()[0]["verdict"] == ""


def test_the_figures_tell_detectors_rules_and_groups_apart(judged: Judged) -> None:
    judged.fill(99)
    told = Finding(time=NOW, source="baseline", asset="b", title="x", severity=Severity.WARNING, firing=True, labels={"metric": "m"})
    judged.alerting.observe([told])
    found = judged.figures()
    assert {row["name"] for row in found["by_detector"]} == {"threshold", "baseline"}
    assert {row["name"] for row in found["by_rule"]} == {"disk_full", "baseline"}
    assert {row["name"]: row["alarms"] for row in found["by_group"]} == {"server": 1, "-": 1}


def test_months_are_those_of_the_sites_clock() -> None:
    now = NOW.replace(month=1, day=1, hour=3)
    (this, begin, end), (before, earlier, border) = months(now, SHANGHAI, 1)
    assert (this, before) == ("2026-01", "2025-12")
    assert (begin, end, border) == (now.astimezone(SHANGHAI).replace(hour=0), now.astimezone(SHANGHAI), begin)
    assert border - earlier == timedelta(days=31)
