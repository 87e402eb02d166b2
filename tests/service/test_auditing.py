from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from compliance import evidence
from compliance.exemptions import Exemption, decide, request
from compliance.objects import Dates, ProtectionObject
from compliance.office import Office
from compliance.register import save_object
from compliance.remedies import Remedy, hand_out, report_done
from compliance.reports.content import Content
from compliance.reports.detection import span_title
from compliance.reports.schedule import Scheduled, in_force, read_schedule
from compliance.risk import Level
from core.errors import ConfigError, NotFound
from core.names import ALARM, QUALITY
from core.records import Finding
from core.settings import Settings
from service.auditing import Auditing
from service.quality.report import report_of
from store.base import Store
from store.open import open_store

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OFFICER = ["security_officer"]
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    return Office(store, Settings(data=tmp_path / "data"))


def subject(assessed: datetime) -> ProtectionObject:
    return ProtectionObject(id="oa", name="办公", s=3, a=3, dates=Dates(graded=NOW.date(), filed=datetime(2025, 9, 1).date(), assessed=assessed.date()))  # noqa: DTZ001


def steps(found: list[Finding]) -> dict[str, tuple[bool, str]]:
    return {one.labels["step"]: (one.firing, one.severity.value) for one in found if one.source == "compliance.object"}


def test_a_date_that_comes_near_is_told_once_then_again_when_it_has_passed_and_ends_when_the_work_is_done(store: Store, office: Office) -> None:
    save_object(store, subject(NOW - 330 * DAY), "li", OFFICER, NOW)
    auditing = Auditing(office)
    assert steps(auditing.round(NOW))["assessed"] == (True, "warning")
    assert steps(auditing.round(NOW + timedelta(minutes=1))) == {}
    assert steps(Auditing(office).round(NOW + DAY)) == {}
    assert steps(auditing.round(NOW + 40 * DAY))["assessed"] == (True, "high")
    save_object(store, subject(NOW + 40 * DAY), "li", OFFICER, NOW + 40 * DAY)
    assert steps(auditing.round(NOW + 41 * DAY))["assessed"] == (False, "high")


def test_an_exemption_that_runs_out_is_told_before_and_after(store: Store, office: Office) -> None:
    asked = Exemption(id="", item="G.CES.AC.2", object="oa", reason="r", compensation="c", requester="li", requested=NOW, expires=NOW + 20 * DAY)
    decide(store, request(store, asked, OFFICER).id, "wang", OFFICER, NOW, grant=True, remark="ok")
    auditing = Auditing(office)
    (soon,) = auditing.round(NOW)
    assert (soon.source, soon.severity.value, soon.firing) == ("compliance.exemption", "warning", True)
    (ended,) = auditing.round(NOW + 21 * DAY)
    assert (ended.fingerprint, ended.severity.value) == (soon.fingerprint, "high")
    assert "重新计入" in ended.evidence["zh"]


def test_a_remedy_past_its_day_is_an_incident_until_the_work_is_reported(store: Store, office: Office) -> None:
    wanted = Remedy(item="G.CES.AC.2", object="oa", owner="ann", due=NOW.date() + 10 * DAY, level=Level.HIGH, measure="关闭 root", by="li", created=NOW)
    save_object(store, subject(NOW), "li", OFFICER, NOW)
    remedy = hand_out(store, wanted, OFFICER, NOW.date())

    def told(found: list[Finding]) -> list[tuple[bool, str, str]]:
        return [(one.firing, one.severity.value, one.labels["remedy"]) for one in found if one.source == "compliance.remedy"]

    auditing = Auditing(office)
    assert told(auditing.round(NOW + 10 * DAY)) == [], "its day is not over"
    late = auditing.round(NOW + 11 * DAY)
    assert told(late) == [(True, "high", remedy.id)]
    (said,) = [one for one in late if one.source == "compliance.remedy"]
    assert {"owner": "ann", "item": "G.CES.AC.2", "object": "oa"}.items() <= said.evidence.items()
    assert "关闭 root" in said.evidence["zh"]
    assert told(auditing.round(NOW + 12 * DAY)) == [], "told once"
    assert told(Auditing(office).round(NOW + 12 * DAY)) == [], "also over a restart"
    report_done(store, remedy.id, "ann", ("operator",), "已关闭", NOW + 12 * DAY)
    assert told(auditing.round(NOW + 12 * DAY)) == [(False, "high", remedy.id)]


def test_each_day_is_noted_once_and_the_head_of_the_chain_goes_into_the_audit(store: Store, office: Office) -> None:
    auditing = Auditing(office, settle=timedelta())
    for hours in (0, 1, 2, 24, 25):
        auditing.round(NOW + timedelta(hours=hours))
    days = [said["day"] for _, said in evidence.notes(store.documents, evidence.DAYS)]
    assert days == ["2026-03-02", "2026-03-03"]
    heads = [entry.body for entry in store.audit.read() if entry.action == "compliance.head"]
    assert heads[-1] == {"seq": evidence.head(store.documents)[0], "hash": evidence.head(store.documents)[1]}


def test_just_after_a_start_no_day_is_noted(store: Store, office: Office) -> None:
    auditing = Auditing(office)
    auditing.round(NOW)
    auditing.round(NOW + timedelta(minutes=9))
    assert list(evidence.notes(store.documents, evidence.DAYS)) == []
    auditing.round(NOW + timedelta(minutes=11))
    assert len(list(evidence.notes(store.documents, evidence.DAYS))) == 1


def test_a_scheduled_report_is_made_once_per_due_time_kept_and_thinned_out(store: Store, office: Office) -> None:
    office.settings.site_folder.mkdir(parents=True)
    text = "reports:\n  - {id: daily, kind: summary, format: xlsx, every: day, hour: 6, keep: 2}\n"
    (office.settings.site_folder / "reports.yaml").write_text(text, encoding="utf-8")
    auditing = Auditing(office)
    for hours in range(0, 24 * 5, 6):
        auditing.round(NOW + timedelta(hours=hours))
    kept = office.kept()
    assert len(kept) == 2
    assert len(list(office.shelf.iterdir())) == 2
    assert len([entry for entry in store.audit.read() if entry.action == "compliance.report.summary"]) == 4
    assert office.read(str(kept[0]["file"]))[:2] == b"PK"


def test_the_report_on_detection_makes_itself_on_the_first_of_the_month_about_the_month_before(store: Store, office: Office) -> None:
    for name, start in (("in", NOW + 20 * DAY), ("late", NOW + 30 * DAY)):
        body = {"rule": f"rule_{name}", "asset": "a", "group": "server", "start": start.isoformat(), "verdict": "false"}
        store.documents.put(ALARM, name, body)
    for at in (NOW + 5 * DAY, NOW - 40 * DAY):
        store.documents.put(QUALITY, f"recall-{at:%Y-%m}", {"updated": at.isoformat(), "series": at.day, "by_fault": {}})
    made: list[Content] = []

    def on_detection(scheduled: Scheduled, due: datetime, now: datetime) -> Content:
        made.append(report_of(store, scheduled, lambda _alarm: "threshold", due, now, ZONE))
        return made[-1]

    auditing = Auditing(office, on_detection=on_detection)
    for days in range(32):
        auditing.round(NOW + days * DAY)
    ((kept,), (report,)) = office.kept(), made
    assert (kept["kind"], kept["title"], kept["schedule"]) == ("detection", "检测质量 2026-03", "detection")
    assert office.read(str(kept["file"]))[:2] == b"PK"
    assert [entry.object for entry in store.audit.read() if entry.action == "quality.report"] == ["2026-03"]
    assert dict(report.cover)["告警数"] == "1"
    text = str(report.blocks)
    assert "rule_in" in text
    assert "rule_late" not in text
    assert "在 7 条历史序列" in text


def test_a_site_writes_its_own_time_for_the_report_on_detection_and_the_shipped_one_is_gone(tmp_path: Path) -> None:
    (tmp_path / "reports.yaml").write_text("reports:\n  - {id: w, kind: detection, every: week}\n  - {id: x, kind: detection, object: oa}\n", encoding="utf-8")
    found, problems = read_schedule(tmp_path)
    assert [one.id for one in in_force(found, "en")] == ["w"]
    assert [(one.id, one.language, one.every) for one in in_force([], "en")] == [("detection", "en", "month")]
    assert "about no object" in str(problems[0])


@pytest.mark.parametrize(
    ("every", "title"),
    [
        ("day", "2026-03-01"),
        ("week", "2026-02-23 – 2026-03-01"),
        ("month", "2026-02"),
        ("quarter", "2025-10-01 – 2025-12-31"),
        ("year", "2025-01-01 – 2025-12-31"),
    ],
)
def test_a_report_on_detection_is_about_the_whole_period_before_it(every: str, title: str) -> None:
    scheduled = Scheduled.model_validate({"id": "x", "kind": "detection", "every": every})
    due = scheduled.due(NOW, ZONE)
    assert span_title(*scheduled.period(due)) == title
    assert scheduled.due(scheduled.next_due(NOW, ZONE), ZONE) == scheduled.next_due(NOW, ZONE) > NOW


def test_a_report_that_was_changed_on_disk_is_not_handed_out(office: Office) -> None:
    dossier = office.dossier(office.subject(""), NOW, NOW)
    name = office.keep(office.make("summary", dossier, "xlsx", "en"), "summary", "li", NOW)
    (office.shelf / name).write_bytes(b"other")
    with pytest.raises(ConfigError, match="changed"):
        office.read(name)
    office.drop(name)
    with pytest.raises(NotFound):
        office.read(name)


def test_a_schedule_for_an_object_that_is_gone_is_said_and_the_others_go_on(office: Office) -> None:
    office.settings.site_folder.mkdir(parents=True)
    text = "reports:\n  - {id: a, object: gone, format: xlsx, every: day}\n  - {id: b, format: xlsx, every: day}\n  - {id: c, every: moon}\n"
    (office.settings.site_folder / "reports.yaml").write_text(text, encoding="utf-8")
    auditing = Auditing(office)
    auditing.round(NOW)
    auditing.round(NOW + DAY)
    assert len(office.kept()) == 1
    assert [problem.line for problem in auditing.problems] == [4, None]
    assert "gone" in str(auditing.problems[1])


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({"every": "day"}, "2026-03-02T06:00"),
        ({"every": "day", "hour": 12}, "2026-03-01T12:00"),
        ({"every": "week", "day": 1}, "2026-03-02T06:00"),
        ({"every": "week", "day": 5}, "2026-02-27T06:00"),
        ({"every": "month", "day": 31}, "2026-02-28T06:00"),
        ({"every": "month", "day": 2}, "2026-03-02T06:00"),
        ({"every": "quarter", "day": 15}, "2026-01-15T06:00"),
        ({"every": "year", "day": 5}, "2026-01-05T06:00"),
    ],
)
def test_when_a_report_was_due_last(values: dict[str, object], due: str) -> None:
    found = Scheduled.model_validate({"id": "x", **values}).due(NOW, ZONE)
    assert f"{found:%Y-%m-%dT%H:%M}" == due
    assert found.tzinfo is ZONE


def test_a_wrong_schedule_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "reports.yaml").write_text("reports:\n  - {id: a}\n  - {id: a}\n  - {id: b, every: week, day: 9}\n", encoding="utf-8")
    found, problems = read_schedule(tmp_path)
    assert [one.id for one in found] == ["a"]
    assert [problem.line for problem in problems] == [3, 4]


def test_a_day_to_come_is_refused(office: Office) -> None:
    with pytest.raises(ConfigError, match="not come yet"):
        office.moment((NOW + 2 * DAY).date(), NOW)
    assert office.moment(None, NOW) == NOW
    assert office.moment((NOW - DAY).date(), NOW).astimezone(ZONE).hour == 23
