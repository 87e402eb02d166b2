"""The duty calendar, the figures of the review, and the draft of a post-incident review."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from docx import Document

from compliance.reports.write import rendered
from console.queries import duty, review
from console.queries.cases import Case, case_of
from console.queries.notices import Notice
from console.reports import incident
from core.calendar import Calendar

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 10, 1, 2, tzinfo=UTC)


def shift(start: datetime, hours: float, person: str, why: str = "turn") -> duty.Shift:
    return duty.Shift(start=start, end=start + timedelta(hours=hours), person=person, why=why)


def test_a_row_of_the_calendar_says_who_takes_over_when_and_what_day_it_is() -> None:
    eight = datetime(2026, 10, 1, 8, tzinfo=ZONE)
    roster = duty.Roster(
        name="net", shifts=(shift(eight - timedelta(days=1), 24, "li"), shift(eight, 6, "wang", "swap"), shift(eight + timedelta(hours=6), 18, ""))
    )
    (row,) = duty.calendar_rows([roster], date(2026, 10, 1), 1, Calendar(), ZONE)
    assert row["net"] == "li → 08:00 wang ⇄ → 14:00 ✕ nobody"
    assert row["day"].startswith("10-01 Thu · ")  # the National Day has a name
    assert duty.day_label(date(2026, 10, 10), Calendar()).endswith("working day")  # a Saturday that is worked
    assert [gap.start.hour for gap in roster.gaps(NOW)] == [14]
    assert roster.gaps(NOW + timedelta(days=3)) == []


def case(number: int, priority: str = "P1", **body: Any) -> Case:
    opened = NOW - timedelta(days=1) + timedelta(minutes=number)
    member = {"fingerprint": "f", "rule": "cpu", "asset": "a", "start": (opened - timedelta(seconds=60)).isoformat(), "state": "ended", "text": "hot <b>"}
    story = [
        {"time": opened.isoformat(), "who": "", "what": "open"},
        {"time": (opened + timedelta(minutes=5)).isoformat(), "who": "li", "what": "comment", "text": "looked at it"},
    ]
    return case_of(
        {
            "id": f"I{number}",
            "priority": priority,
            "root": "a",
            "state": "closed",
            "opened": opened.isoformat(),
            "members": [member],
            "timeline": story,
            "title": {"zh": "热", "en": "hot"},
            **body,
        }
    )


def promise(state: str, used_s: float) -> dict[str, Any]:
    return {"ack": {"state": state, "used_s": used_s, "limit_s": 900.0}}


def test_figures_are_median_and_nine_tenths_of_promises_that_are_behind_us() -> None:
    cases = [case(n, sla=promise("met", 60.0 * n)) for n in range(1, 10)] + [case(10, sla=promise("breached", 6000)), case(11, sla=promise("running", 5))]
    (line,) = review.lines(cases)
    assert (line.priority, line.incidents, line.detect.median) == ("P1", 11, 60.0)
    assert (line.acknowledge.count, line.acknowledge.median, line.acknowledge.p90, line.acknowledge.late) == (10, 330.0, 540.0, 1)
    assert line.resolve == review.Times()


def test_false_alarms_duplicates_and_planned_work_are_counted_apart() -> None:
    apart = [case(n, reason=reason, sla=promise("breached", 9000)) for n, reason in enumerate(("false_positive", "duplicate", "planned"))]
    (line,) = review.lines([*apart, case(7, verdict="false", sla=promise("breached", 9000)), case(8, reason="fixed", sla=promise("met", 60))])
    assert (line.incidents, line.apart, line.acknowledge.count, line.acknowledge.median, line.acknowledge.late) == (5, 4, 1, 60.0, 0)


@pytest.mark.parametrize(("count", "share", "place"), [(10, 0.9, 9), (11, 0.9, 10), (1, 0.9, 1), (2, 0.5, 1), (3, 1.0, 3)])
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(count: int, share: float, place: int) -> None:
    assert review.quantile([float(n) for n in range(count, 0, -1)], share) == place


def test_what_came_twice_is_a_problem_with_its_causes() -> None:
    cases = [case(1, cause="dust"), case(2, cause="dust"), case(3), case(4, root="b")]
    (problem,) = review.problems(cases)
    assert (problem.asset, problem.rule, len(problem.incidents), problem.causes) == ("a", "cpu", 3, "dust")


def test_a_shift_hands_over_what_is_open_however_old_and_what_it_ended() -> None:
    old = case(1, state="acknowledged")
    ended = case(2, state="resolved", resolved=NOW.isoformat())
    told = duty.handed_over([old, ended], NOW - timedelta(hours=1))
    assert {key: [one.id for one in found] for key, found in told.items()} == {"open": ["I1"], "opened": [], "ended": ["I2"]}


def test_the_draft_holds_the_story_and_room_for_measures() -> None:
    ran = incident.Command(NOW, "li", "a", "systemctl restart nginx", "finished")
    sent = Notice(time=NOW, receiver="wecom", person="wang", reason="escalation", answer="ok", tries=1)
    made = incident.content(case(1, cause="dust", sla=promise("met", 120)), [], lambda asset: f"asset {asset}", "en", ZONE, NOW, [ran], [sent])
    document = Document(BytesIO(rendered(made, "docx")))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert {"looked at it", "dust", "hot <b>", "kept: 2 min of 15 min", "measure", "systemctl restart nginx", "asset a", "wecom", "you are called"} <= set(
        cells
    )
    assert rendered(made, "pdf").startswith(b"%PDF-")
