"""Every alarm is on record once, people's verdicts reach it, and the figures say what they should."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.names import ALARM, BUDGET, OUTLOOK, PREVIEW, QUALITY, TUNING
from core.records import Event, Finding, Sample, Severity
from detectors.honesty import Alarm
from detectors.series.budgets import BudgetOf
from detectors.series.forecast import Forecast
from detectors.series.offload import Inline
from incidents.config import Rule
from inventory.asset import Asset
from service.alerting.loading import load_configuration
from service.quality.figures import months
from service.quality.outlooks import ahead, body_of, dates_of
from service.quality.quality import Quality
from service.quality.tuning import accepted, longer_hold
from store.base import Selector
from tests.detectors.series import polls
from tests.service.test_live import ASSETS, NOW, House

SHANGHAI = ZoneInfo("Asia/Shanghai")
MEMORY = "system.memory.utilization"


class Judged(House):
    """A house whose alarms are counted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.watch()

    def watch(self) -> None:
        self.quality = Quality(
            self.settings,
            self.store,
            self.clock,
            assets=lambda: {asset.id: asset for asset in ASSETS},
            rule=self.alerting.rule,
            use_budgets=self.use,
            on_tuned=self.reload,
            offload=Inline(),
        )
        self.alerting.carriers |= self.quality.carriers

    def use(self, budget_of: BudgetOf) -> None:
        self.chosen = budget_of

    def reload(self) -> None:
        loaded = load_configuration(self.settings.site_folder / "alerting", ASSETS, (), (), "Asia/Shanghai", accepted(self.store))
        self.problems = loaded.problems
        self.alerting.set_estate(ASSETS, (), loaded)

    def alarms(self) -> list[dict[str, Any]]:
        self.quality.round()
        return [document.body for document in self.store.documents.find(ALARM, sort="start").items]

    def fill(self, value: float, after_s: float = 600) -> None:
        self.clock.advance(after_s)
        sample = self.sample(value)
        self.store.metrics.write([sample])
        self.alerting.observe([sample])

    def cry_wolf(self, times: int = 8) -> None:
        """The disk is above its limit for eight minutes again and again, and people call it false."""
        for number in range(times):
            for _ in range(8):
                self.fill(88, 60)
            self.fill(50, 60)
            self.fill(50, 5400)
            self.quality.alarms.catch_up()
            self.ask("judge_alarm", f"I{number + 1:06d}", ["operator"], verdict="false", number=number)

    def played(self, preview: str) -> dict[str, Any]:
        """The preview once it is over."""
        for _ in range(20):
            self.quality.round()
            body = self.store.documents.get(PREVIEW, preview).body
            if body["state"] != "running":
                return body
        raise AssertionError("the preview does not end")

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


def test_alarms_older_than_the_rollups_go(judged: Judged) -> None:
    judged.fill(99)
    assert len(judged.alarms()) == 1
    assert judged.quality.alarms.forget_old(judged.clock.now() + timedelta(days=399), timedelta(days=400)) == 0
    assert judged.quality.alarms.forget_old(judged.clock.now() + timedelta(days=401), timedelta(days=400)) == 1
    assert judged.store.documents.find(ALARM).items == ()


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


def test_a_rule_that_cries_wolf_gets_a_milder_setting_proposed_with_its_effect_on_the_past(judged: Judged) -> None:
    judged.cry_wolf()
    judged.figures()
    judged.quality.round()
    (proposal,) = [document.body for document in judged.store.documents.find(TUNING).items]
    assert (proposal["rule"], proposal["state"]) == ("disk_filling", "proposed")
    assert (proposal["set"], proposal["was"]) == ({"for": 600.0}, {"for": 300.0})
    assert (proposal["effect"]["before"], proposal["effect"]["removed"], proposal["effect"]["lost_useful"]) == (8, 8, 0)
    assert judged.alerting.rule("disk_filling").for_ == 300  # type: ignore[union-attr]


def test_an_accepted_proposal_takes_effect_is_audited_and_can_be_taken_back(judged: Judged) -> None:
    judged.cry_wolf()
    judged.figures()
    judged.quality.round()
    assert judged.ask("tuning_accept", "", ["operator"], rule="disk_filling")["state"] == "refused"
    assert judged.ask("tuning_accept", "", ["duty_leader"], rule="disk_filling", why="yes")["state"] == "done"
    assert judged.alerting.rule("disk_filling").for_ == 600  # type: ignore[union-attr]
    (entry,) = judged.store.audit.read(action="quality.accepted")
    assert (entry.actor, entry.body["set"], entry.body["was"]) == ("li", {"for": 600.0}, {"for": 300.0})
    judged.ask("tuning_undo", "", ["duty_leader"], rule="disk_filling")
    assert judged.alerting.rule("disk_filling").for_ == 300  # type: ignore[union-attr]


def test_a_rule_that_counts_gets_a_higher_count_proposed(judged: Judged) -> None:
    for attack, (size, said) in enumerate([(9, "false")] * 6 + [(40, "useful")]):
        for number in range(size):
            judged.clock.advance(3)
            fields = {"source.ip": "203.0.113.9", "user.name": "root"}
            event = Event(id=f"{attack}.{number}", time=judged.clock.now(), asset="a", kind="login_failed", message="no", fields=fields)
            judged.store.events.write([event])
            judged.alerting.observe([event])
        judged.clock.advance(3 * 3600)
        judged.alerting.tick()
        judged.quality.alarms.catch_up()
        (alarm,) = judged.store.documents.find(ALARM, sort="-start", limit=1).items
        judged.quality.judge({"user": "li", "roles": ["operator"], "on": alarm.body["incident"], "args": {"verdict": said, "alert": alarm.body["fingerprint"]}})
    judged.figures()
    judged.quality.round()
    assert [alarm["verdict"] for alarm in judged.alarms()] == ["false"] * 6 + ["useful"]
    body = judged.store.documents.get(TUNING, "brute_force").body
    assert (body["set"], body["was"]) == ({"at_least": 12}, {"at_least": 8})
    assert (body["effect"]["before"], body["effect"]["removed"], body["effect"]["removed_false"], body["effect"]["lost_useful"]) == (7, 6, 6, 0)
    assert judged.ask("tuning_accept", "", ["duty_leader"], rule="brute_force")["state"] == "done"
    rule = judged.alerting.rule("brute_force")
    assert rule is not None
    assert rule.at_least == 12
    assert judged.problems == ()


def test_what_a_person_changed_by_hand_wins_over_a_tuning_and_is_said(judged: Judged) -> None:
    body = {"rule": "disk_filling", "state": "accepted", "set": {"for": 600.0}, "was": {"for": 120.0}, "decided": NOW.isoformat()}
    judged.store.documents.put(TUNING, "disk_filling", body)
    judged.reload()
    assert judged.alerting.rule("disk_filling").for_ == 300  # type: ignore[union-attr]
    assert "changed by hand" in str(judged.problems[0])


def test_a_declined_proposal_is_not_made_again_for_a_month(judged: Judged) -> None:
    judged.cry_wolf()
    judged.figures()
    judged.quality.round()
    judged.ask("tuning_decline", "", ["duty_leader"], rule="disk_filling", why="seasonal")
    judged.clock.advance(7 * 86400)
    judged.figures()
    judged.quality.round()
    assert judged.store.documents.get(TUNING, "disk_filling").body["state"] == "declined"


def test_a_proposal_goes_when_its_rule_is_noisy_no_longer(judged: Judged) -> None:
    judged.cry_wolf()
    judged.figures()
    judged.quality.round()
    assert judged.store.documents.find(TUNING).items
    judged.clock.advance(31 * 86400)
    judged.figures()
    assert judged.store.documents.find(TUNING).items == ()


def test_durations_speak_for_a_longer_silence_before_a_rule_on_it_fires() -> None:
    rule = Rule.model_validate({"id": "quiet", "kind": "absence", "of": {"kind": "syslog"}, "within": "10m"})
    lasted = [(4, "false")] * 8 + [(90, "useful")] * 2
    alarms = [
        Alarm(rule="quiet", asset=f"a{n}", group="server", start=NOW, end=NOW + timedelta(minutes=minutes), verdict=verdict)
        for n, (minutes, verdict) in enumerate(lasted)
    ]
    found = longer_hold(rule, alarms)
    assert found is not None
    assert (found["set"], found["was"]) == ({"within": 900.0}, {"within": 600.0})
    assert (found["effect"]["removed"], found["effect"]["lost_useful"], found["effect"]["later_s"]) == (8, 0, 300)


def test_durations_speak_for_a_longer_hold_of_a_rule_on_checks() -> None:
    rule = Rule.model_validate({"id": "reach", "kind": "check", "problem_after": 2})
    said = ["false"] * 8 + ["useful"] * 2
    alarms = [
        Alarm(
            rule="reach",
            asset="a",
            group="g",
            start=(at := NOW + timedelta(hours=n)),
            end=at + timedelta(minutes=60 if one == "useful" else 7),
            verdict=one,
        )
        for n, one in enumerate(said)
    ]
    found = longer_hold(rule, alarms)
    assert found is not None
    assert (found["set"], found["effect"]["removed"], found["effect"]["lost_useful"]) == ({"for": 600.0}, 8, 0)
    assert longer_hold(rule, alarms[8:]) is None


def noisy_history(judged: Judged) -> None:
    """Three days; on the third memory jumps each six hours, each time higher."""
    judged.clock.advance(3 * 86400)
    start, rng = judged.clock.now() - timedelta(days=3), random.Random(1)
    rows = [50 + rng.gauss(0, 0.5) + ((row // 360) * 8 if row > 2880 and row % 360 < 30 else 0) for row in range(3 * 1440)]
    judged.store.metrics.write([Sample(time=start + timedelta(minutes=row), asset="a", metric=MEMORY, value=value) for row, value in enumerate(rows)])


def test_a_budget_is_previewed_on_the_past_before_it_is_switched_on(judged: Judged) -> None:
    noisy_history(judged)
    intent = judged.ask("budget_preview", "", ["duty_leader"], kind="server", metrics="memory", budget="monthly")
    assert intent["state"] == "done"
    body = judged.played(intent["message"])
    assert (body["state"], body["series"], body["all_series"], body["present"]) == ("done", 1, 1, "shipped")
    now, then = body["budgets"]["shipped"], body["budgets"]["monthly"]
    assert now["alarms"] > then["alarms"] == 1
    assert then["list"][0]["metric"] == MEMORY
    assert then["list"][0]["zh"]
    assert not judged.store.documents.find(BUDGET).items


def test_a_preview_goes_on_piece_by_piece_and_ends_when_its_time_is_up(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    start = judged.clock.now()
    judged.store.metrics.write([Sample(time=start, asset="a", metric=MEMORY, value=50, labels={"part": str(part)}) for part in range(5)])
    judged.clock.advance(3600)
    monkeypatch.setattr("service.quality.budgets.PIECE_S", 0.0)  # one series is a piece
    ask = partial(judged.ask, "budget_preview", "", ["duty_leader"], kind="server", metrics="memory", budget="calm")
    name = ask()["message"]
    states = []
    for _ in range(3):
        judged.quality.round()
        body = judged.store.documents.get(PREVIEW, name).body
        states.append((body["state"], body.get("series"), body.get("all_series")))
    assert states == [("running", None, None), ("running", 0, 5), ("running", 1, 5)]
    assert judged.played(name)["series"] == 5
    monkeypatch.setattr("service.quality.budgets.MOST_S", 0.0)
    body = judged.played(ask(again=1)["message"])
    assert (body["state"], body["series"], body["all_series"]) == ("done", 0, 5)


def test_rates_of_events_and_kinds_of_lines_are_previewed(judged: Judged) -> None:
    judged.clock.advance(3 * 86400)
    start = judged.clock.now() - timedelta(days=3)
    minutes = [*range(0, 70 * 60, 5), *(70 * 60 + one / 3 for one in range(150))]
    judged.store.events.write(
        [Event(id=f"e{minute}", time=start + timedelta(minutes=minute), asset="a", kind="syslog", message="link is down") for minute in minutes]
    )
    body = judged.played(judged.ask("budget_preview", "", ["duty_leader"], kind="server", metrics="events", budget="silent")["message"])
    assert (body["series"], body["cut"]) == (1, 0)
    assert body["budgets"]["silent"]["alarms"] == 0
    assert {one["metric"] for one in body["budgets"]["shipped"]["list"]} == {""}
    assert any("最多的一小时" in one["zh"] for one in body["budgets"]["shipped"]["list"])
    assert any("分钟没有事件" in one["zh"] for one in body["budgets"]["shipped"]["list"])


@pytest.mark.slow
def test_whole_hosts_are_previewed(judged: Judged) -> None:
    def broken(row: int, metric: str, value: float) -> float:
        return value + 40 if 2000 <= row < 2060 and metric != "system.network.io" else value

    judged.clock.advance(2 * 86400)
    judged.store.metrics.write([sample for batch in polls(2400, broken, asset="a") for sample in batch])
    body = judged.played(judged.ask("budget_preview", "", ["duty_leader"], kind="server", metrics="together", budget="monthly")["message"])
    assert body["series"] == 1
    assert body["budgets"]["shipped"]["alarms"] >= body["budgets"]["monthly"]["alarms"] == 1
    assert body["budgets"]["monthly"]["list"][0]["metric"].startswith("system.")


def test_test_faults_are_laid_over_copies_once_a_week_and_raise_nothing(judged: Judged) -> None:
    noisy_history(judged)
    before = judged.store.metrics.range(Selector(metric=MEMORY), NOW, judged.clock.now())
    for _ in range(2):
        judged.figures()
        judged.quality.round()
    body = judged.store.documents.get(QUALITY, "recall").body
    assert body["series"] == 1
    assert body["by_fault"]["all"]["cases"] >= 1
    assert body["by_class"].keys() == {"memory"}
    assert judged.store.metrics.range(Selector(metric=MEMORY), NOW, judged.clock.now()) == before
    assert judged.alarms() == []
    assert judged.store.documents.get(QUALITY, "recall-2026-03").body == body


def test_a_budget_switched_on_reaches_the_running_detector_and_is_audited(judged: Judged) -> None:
    judged.ask("budget_set", "", ["duty_leader"], kind="server", metrics="memory", budget="both")
    judged.quality.round()
    assert judged.chosen("a", MEMORY) == "both"
    assert judged.chosen("a", "hw.temperature") == ""
    judged.ask("budget_set", "", ["duty_leader"], kind="server", metrics="memory", budget="", more=1)
    judged.quality.round()
    assert judged.chosen("a", MEMORY) == ""
    assert [entry.body["budget"] for entry in judged.store.audit.read(action="quality.budget")] == ["both", ""]


@pytest.mark.parametrize(
    ("roles", "args"),
    [
        (["operator"], {"budget": "both"}),
        (["duty_leader"], {"budget": "brave"}),
        (["duty_leader"], {"budget": "both", "metrics": "moon"}),
        (["duty_leader"], {"budget": "both", "kind": "submarine"}),
    ],
)
def test_a_wrong_budget_is_refused_in_words(judged: Judged, roles: list[str], args: dict[str, str]) -> None:
    answer = judged.ask("budget_set", "", roles, **args)
    assert answer["state"] == "refused"
    assert answer["message"]


def test_a_preview_that_a_restart_cut_off_says_so(judged: Judged) -> None:
    judged.store.documents.put(PREVIEW, "p1", {"state": "running", "begun": judged.clock.now().isoformat()})
    judged.quality.budgets.tidy(judged.clock.now())
    assert judged.store.documents.get(PREVIEW, "p1").body["state"] == "failed"


def test_forecasts_are_written_with_how_they_did(judged: Judged) -> None:
    forecast = Forecast()
    for hour in range(24 * 6):
        at = NOW + timedelta(hours=hour)
        forecast.observe([Sample(time=at, asset="a", metric="system.filesystem.utilization", value=50 + hour / 12, labels={"mountpoint": "/"})])
    body = body_of(forecast.rows(), NOW)
    (row,) = body["rows"]
    assert (row["asset"], row["labels"], body["series"]) == ("a", {"mountpoint": "/"}, 1)
    assert row["per_day"] == pytest.approx(2, abs=0.1)
    assert row["earliest"] <= row["days"] <= row["latest"]
    assert json.loads(json.dumps(body)) == body
    judged.figures()
    assert judged.store.documents.get(OUTLOOK, "forecast").body["series"] == 0


def test_dates_that_come_near_are_counted_by_kind() -> None:
    assets = [Asset(id="a", dates={"warranty": "2026-03-20", "licence": "2026-02-01"}), Asset(id="b", dates={"warranty": "2027-12-01", "contract": "soon"})]
    rows = ahead([*dates_of(assets, NOW), ("certificate", 45.0), ("certificate", 5.0)])
    assert [(row["kind"], row["all"], row["over"], row["within"]["30"], row["within"]["60"], row["within"]["365"]) for row in rows] == [
        ("licence", 1, 1, 0, 0, 0),
        ("certificate", 2, 0, 1, 2, 2),
        ("warranty", 2, 0, 1, 1, 1),
    ]


def test_certificates_seen_lately_are_among_the_dates(judged: Judged) -> None:
    judged.store.metrics.write([Sample(time=judged.clock.now(), asset="a", metric="tls.certificate.days_left", value=12, labels={"endpoint": "a:443"})])
    judged.figures()
    (row,) = judged.store.documents.get(OUTLOOK, "forecast").body["dates"]
    assert (row["kind"], row["within"]["30"]) == ("certificate", 1)
