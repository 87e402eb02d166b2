"""The page of detection quality, and judging on an incident: what is shown, and what is asked of the service."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Literal
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from compliance.office import Office
from compliance.reports.content import Words
from compliance.reports.detection import content
from compliance.reports.write import rendered
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries import quality
from console.queries.charts import line_chart
from console.queries.quality import bands_then, level_changes
from core.names import ALARM, BUDGET, INTENT, OUTLOOK, PREVIEW, QUALITY, ROOTS, TUNING
from detectors.faults import Trial, recall
from detectors.honesty import Alarm
from service.quality.figures import summary
from store.base import Series
from tests.console.seed import fill
from tests.console.test_views import Visitor, live, opened, said, visitor

pytestmark = pytest.mark.slow

__all__ = ["live", "visitor"]  # fixtures
NOW = datetime.now(UTC)


def leader(language: str = "en") -> Account:
    return Account(name="li", roles=(Role.DUTY_LEADER,), language=language)


@pytest.fixture
def counted(live: Desk) -> Desk:
    verdicts = ["useful", "false", "false", "false", "", ""]
    alarms = [Alarm(rule="disk_filling", asset=f"a{n}", group="server", start=NOW - timedelta(hours=n), verdict=one) for n, one in enumerate(verdicts)]
    live.store.documents.put(QUALITY, "last30", summary(alarms, NOW - timedelta(days=30), NOW, lambda _alarm: "threshold"))
    live.store.documents.put(QUALITY, "place", {"after": 7})
    told = {"before": 40, "removed": 31, "lost_useful": 1, "removed_false": 20, "useful": 9, "later_s": 900}
    tuning = {
        "rule": "disk_filling",
        "state": "proposed",
        "proposed": NOW.isoformat(),
        "decided": "",
        "by": "",
        "why": "",
        "set": {"for": 1200.0},
        "was": {"for": 300.0},
        "effect": told,
    }
    live.store.documents.put(TUNING, "disk_filling", {**tuning, "series": 20, "all_series": 25})
    chosen = {"kind": "server", "metrics": "memory", "budget": "calm"}
    live.store.documents.put(BUDGET, "server.memory", {**chosen, "by": "wang", "at": NOW.isoformat()})
    alarm = {
        "time": NOW.isoformat(),
        "asset": "a1",
        "metric": "system.memory.utilization",
        "labels": {},
        "value": 9,
        "low": 1,
        "high": 2,
        "zh": "高",
        "en": "high",
    }
    played = {"shipped": {"alarms": 9, "a_month_all": 20.0, "list": [alarm]}, "calm": {"alarms": 2, "a_month_all": 4.0, "list": [alarm]}}
    preview: dict[str, Any] = {
        **chosen,
        "present": "shipped",
        "by": "li",
        "state": "done",
        "begun": NOW.isoformat(),
        "series": 20,
        "all_series": 90,
        "days": 30,
    }
    live.store.documents.put(PREVIEW, "p1", {**preview, "budgets": played})
    row = {
        "asset": "a1",
        "metric": "system.filesystem.utilization",
        "labels": {"mountpoint": "/var"},
        "value": 80.0,
        "per_day": 2.0,
        "days": 10.0,
        "earliest": 8.0,
    }
    row |= {"latest": None, "tomorrow": 82.0, "width": 0.5, "error": 0.2, "scored": 300, "hit": 0.91}
    due = {"kind": "certificate", "all": 9, "over": 0, "within": {"30": 2, "60": 3, "90": 3, "365": 9}}
    live.store.documents.put(
        OUTLOOK, "forecast", {"rows": [row], "series": 12, "scored": 300, "hit": 0.91, "error": 0.2, "updated": NOW.isoformat(), "dates": [due]}
    )
    trials = [Trial("step", "system.memory.utilization", found=n < 3, delay_s=120.0, was_quiet=True) for n in range(4)]
    live.store.documents.put(QUALITY, "recall", {"series": 4, "by_fault": recall(trials), "by_class": {}, "updated": NOW.isoformat()})
    return live


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            (
                "6 alarms, 4 judged; of these 25% were worth it",
                "31 of 40 alarms would not have come",
                "hold 5 min → 20 min",
                "instead of **9**",
                "91% within their interval",
            ),
        ),
        ("zh_CN", ("共 6 次告警，已评价 4 次，其中 25% 有用", "40 次告警中有 31 次不会发生", "持续时间", "现行设置", "12 条序列中有 **1** 条")),
    ],
)
def test_figures_proposals_and_previews_are_shown_with_their_numbers(counted: Desk, visitor: Visitor, language: str, texts: tuple[str, ...]) -> None:
    visitor.account = leader(language)
    test = opened("quality.py")
    assert not test.exception
    shown = said(test).replace("\\", "")
    assert [text for text in texts if text not in shown] == []


def asked(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    return [(document.body["what"], document.body["args"]) for document in desk.store.documents.find(INTENT).items]


def test_a_duty_leader_accepts_a_proposal_and_switches_a_budget_on(counted: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.actions.WAIT_S", 0.0)
    visitor.account = leader()
    test = opened("quality.py")
    test.button(key="accept-disk_filling").click().run()
    test.button(key="budget-on-p1").click().run()
    test.button(key="budget-look").click().run()
    assert asked(counted)[:2] == [
        ("tuning_accept", {"rule": "disk_filling", "why": ""}),
        ("budget_set", {"kind": "server", "metrics": "memory", "budget": "calm"}),
    ]
    assert asked(counted)[2][0] == "budget_preview"


def test_an_operator_sees_proposals_but_decides_nothing(counted: Desk, visitor: Visitor) -> None:
    visitor.account = Account(name="me", roles=(Role.OPERATOR,), language="en")
    test = opened("quality.py")
    assert "31 of 40" in said(test)
    assert not [button for button in test.button if str(button.key).startswith(("accept", "decline", "budget", "undo"))]


@pytest.fixture
def incident(live: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("console.actions.WAIT_S", 0.0)
    fill(live.store, datetime.now(UTC), incidents=1, assets=3, hours=1)
    alarm = {"fingerprint": "f00000", "incident": "i00000", "verdict": "useful", "by": "wang", "said": "incident", "start": NOW.isoformat()}
    live.store.documents.put(ALARM, "f00000-1", alarm)
    shift = {"metric": "system.cpu.utilization", "labels": {}, "before": 20.0, "value": 97.0, "size": 31.0, "since": NOW.isoformat()}
    first = {
        "asset": "server-001",
        "score": 1.5,
        "own": 1.0,
        "deepest": True,
        "since": NOW.isoformat(),
        "shifts": [shift],
        "explains": [["server-000", "depends_on"]],
    }
    body = {"incident": "i00000", "candidates": 5, "series": 31, "suspects": [first], "chance_1": 0.2, "chance_3": 0.6}
    live.store.documents.put(ROOTS, "i00000", body)
    visitor.account = leader()
    return opened("incident.py")


def test_one_press_judges_an_incident(incident: AppTest, live: Desk) -> None:
    assert "useful" in said(incident)
    incident.button(key="judge-false").click().run()
    (intent,) = live.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["on"], intent.body["args"]) == ("judge_alarm", "i00000", {"verdict": "false"})


def test_the_likely_root_is_shown_with_its_evidence_and_the_level_of_chance(incident: AppTest) -> None:
    shown = said(incident).replace("\\", "")
    assert "Where it probably began" in shown
    assert "31 times its usual spread" in shown
    assert "depends on" in shown
    assert "20%" in shown


def test_a_change_of_level_is_marked_on_the_chart_of_its_metric(live: Desk) -> None:
    metric, at = "system.memory.utilization", NOW - timedelta(hours=3)
    body = {"asset": "a", "rule": "change", "metric": metric, "since": at.isoformat(), "start": NOW.isoformat(), "incident": "", "fingerprint": "f"}
    live.store.documents.put(ALARM, "f-1", body)
    steps = level_changes(live.store, "a", metric, NOW - timedelta(hours=6), NOW)
    assert steps == [at]
    assert level_changes(live.store, "a", metric, NOW - timedelta(hours=2), NOW) == []
    series = Series(metric=metric, asset="a", labels={}, points=((NOW - timedelta(hours=1), 5.0), (NOW, 6.0)))
    spec = line_chart([series], since=NOW - timedelta(hours=6), until=NOW, zone=ZoneInfo("Asia/Shanghai"), unit="%", steps=steps)
    assert len(spec["series"][0]["markLine"]["data"]) == 1


def test_the_band_of_an_alarm_that_is_over_is_drawn_where_it_held(live: Desk) -> None:
    metric = "system.memory.utilization"

    def alarm(name: str, hours: int, minutes: int) -> None:
        start = NOW - timedelta(hours=hours)
        body = {"asset": "a", "rule": "baseline", "metric": metric, "start": start.isoformat(), "low": 10.0, "high": 20.0, "fingerprint": name}
        live.store.documents.put(ALARM, name, {**body, "end": (start + timedelta(minutes=minutes)).isoformat()})

    alarm("in", 3, 20)
    alarm("before", 9, 20)
    past = bands_then(live.store, "a", metric, NOW - timedelta(hours=6), NOW)
    assert [(band.low, band.high, band.at) for band in past] == [(10.0, 20.0, NOW - timedelta(hours=3))]
    series = Series(metric=metric, asset="a", labels={}, points=((NOW - timedelta(hours=1), 5.0), (NOW, 6.0)))
    spec = line_chart([series], since=NOW - timedelta(hours=6), until=NOW, zone=ZoneInfo("Asia/Shanghai"), unit="%", past=past)
    ((low, high),) = spec["series"][0]["markArea"]["data"]
    assert (low["yAxis"], high["yAxis"]) == (10.0, 20.0)
    assert 20 * 60_000 < high["xAxis"] - low["xAxis"] < 60 * 60_000


@pytest.mark.parametrize(("language", "words"), [("en", "Detection quality"), ("zh_CN", "检测质量")])
def test_the_month_is_a_document_in_both_languages(counted: Desk, language: Literal["en", "zh_CN"], words: str) -> None:
    body, proposals = counted.store.documents.get(QUALITY, "last30").body, quality.proposals(counted.store)
    made = content("2026-03", body, quality.recall(counted.store), proposals, Words(language, counted.zone), NOW)
    with ZipFile(BytesIO(rendered(made, "docx"))) as parts:
        text = re.sub(r"<[^>]+>", "", parts.read("word/document.xml").decode())
    assert words in text
    assert "disk_filling" in text
    assert "3 / 4 (75%)" in text
    assert made.title == words


def test_a_report_of_the_calendar_is_offered_on_the_page(counted: Desk, visitor: Visitor) -> None:
    body = counted.store.documents.get(QUALITY, "last30").body
    made = content("2026-03", body, None, [], Words("en", counted.zone), NOW)
    Office(counted.store, counted.settings).keep_detection(made, "docx", "wanglou", NOW)
    visitor.account = leader()
    test = opened("quality.py")
    assert not test.exception
    assert "A report makes itself by the calendar, next" in said(test)
    (shelf,) = [box for box in test.selectbox if box.key == "quality-shelf"]
    assert shelf.options[0].startswith("Detection quality 2026-03 · docx")
