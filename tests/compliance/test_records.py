from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from compliance import evidence
from compliance.attachments import keep
from compliance.evaluate import evaluate
from compliance.load import SHIPPED, read_check
from compliance.records.access import DATABASES, breaches, holders, in_databases, in_hours, on_devices, working
from compliance.records.judge import Judged, Record, World, judge, table
from compliance.records.kind import RecordKind, load_kinds, read_values
from compliance.records.shelf import records, remove, save, versions
from compliance.records.table import as_csv, read, take_in, template, workbook
from core.errors import ConfigError, Refused
from core.records import Event, Snapshot, ended
from store.base import Store
from store.open import open_store

KINDS, PROBLEMS = load_kinds()
TODAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
OFFICER = ("security_officer",)
CHECKS = [read_check(path) for path in sorted((SHIPPED / "records").glob("rec-*.yaml"))]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def record(kind: str, id: str, **values: Any) -> Record:
    return Record(kind=kind, id=id, values=read_values(KINDS[kind], values))


def judged(*found: Record, today: date = TODAY, accounts: dict[str, list[str]] | None = None) -> dict[str, Judged]:
    by_kind: dict[str, list[Record]] = {}
    for one in found:
        by_kind.setdefault(one.kind, []).append(one)
    world = World(by_kind, today, accounts or {})
    return {one.record.id: one for kind in by_kind for one in judge(KINDS[kind], world)}


def test_every_shipped_kind_is_read() -> None:
    assert not PROBLEMS
    assert {"policy", "post", "training", "classification", "vendor", "outsourced", "upkeep", "plan", "drill"} <= set(KINDS)


def test_a_kind_with_a_wrong_date_field_is_refused_with_file_and_line(tmp_path: Path) -> None:
    text = "id: pass\ntitle: {zh: 通行证, en: Passes}\nabout: {zh: a, en: a}\nname: owner\nends: until\nfields:\n  - {id: owner, zh: 持有人, en: Owner}\n"
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(text.replace("ends: until\n", ""), encoding="utf-8")
    found, problems = load_kinds((tmp_path,))
    assert list(found) == ["pass"]
    assert "until is no date field" in str(problems[0])
    assert "bad.yaml" in str(problems[0])


def test_a_review_is_late_a_year_after_the_last_one_and_soon_a_month_before() -> None:
    policy = {"title": "方针", "sort": "policy", "issued": "2024-01-01", "reviewed": "2025-06-20"}
    assert judged(record("policy", "p", **policy))["p"].soon == ("review",)
    assert judged(record("policy", "p", **policy), today=date(2026, 7, 1))["p"].late == ("review",)
    never = judged(record("policy", "p", title="方针", sort="policy"))["p"]
    assert (never.due, never.late) == ({"review": None}, ("review",))
    own = judged(record("policy", "p", **policy, review_months="24"), today=date(2026, 7, 1))["p"]
    assert own.late == ()


def test_one_person_in_two_of_the_three_administrators_is_a_gap_in_both_records() -> None:
    posts = [record("post", "a", person="王工", post="system_admin"), record("post", "b", person="王工", post="audit_admin")]
    found = judged(*posts, record("post", "c", person="李工", post="security_admin"))
    assert "not_separate" in found["a"].gaps
    assert "not_separate" in found["b"].gaps
    assert "not_separate" not in found["c"].gaps
    assert found["a"].found == ("王工: audit_admin + system_admin",)


def test_who_gave_up_the_other_post_is_separate() -> None:
    posts = [record("post", "a", person="王工", post="system_admin", until="2026-05-31"), record("post", "b", person="王工", post="audit_admin")]
    assert "not_separate" not in judged(*posts)["b"].gaps


def test_training_counts_for_twelve_months_and_only_for_those_who_took_part() -> None:
    people = [record("person", "w", name="王工"), record("person", "l", name="李工")]
    course = record("training", "t", title="意识", sort="awareness", day="2025-07-01", people="王工，赵工")
    found = judged(*people, course)
    assert "not_trained" not in found["w"].gaps
    assert "not_trained" in found["l"].gaps
    assert "not_trained" in judged(*people, course, today=date(2026, 7, 15))["w"].gaps


def test_an_account_that_works_after_the_contract_is_a_gap_and_before_is_none() -> None:
    one = {"name": "甲", "vendor": "某公司", "contract_until": "2026-05-31", "accounts": "Ops1"}
    assert judged(record("outsourced", "o", **one), accounts={"ops1": ["web1"]})["o"].gaps == ("account_open",)
    assert judged(record("outsourced", "o", **one), accounts={"ops1": ["web1"]})["o"].found == ("Ops1@web1",)
    assert "account_open" not in judged(record("outsourced", "o", **one), today=date(2026, 5, 31), accounts={"ops1": ["web1"]})["o"].gaps
    assert judged(record("outsourced", "o", **one))["o"].state == "ended"


def test_what_was_written_before_a_kind_changed_breaks_nothing() -> None:
    old = Record(kind="policy", id="p", values={"title": "方针", "sort": "policy", "issued": "去年", "review_months": "很久", "gone": 1})
    found = judged(old)["p"]
    assert found.late == ("review",)
    ended = Record(kind="outsourced", id="o", values={"name": "甲", "contract_until": "?", "accounts": ["ops1"]})
    assert not list(breaches(holders(KINDS, {"outsourced": [ended]}), [login("ops1", NOW)], ZONE))


def test_accounts_without_a_shell_or_expired_do_not_work_any_more() -> None:
    text = (
        "root:0:0:/root:/bin/bash:set:yescrypt:20000:1:90:7::\nops1:1001:1001:/home/o:/bin/bash:locked::20000:0:90:7::\n"
        "ops2:1002:1002:/home/o:/usr/sbin/nologin:set:sha512:20000:0:90:7::\nops3:1003:1003:/home/o:/bin/bash:set:sha512:20000:0:90:7::20001\n"
    )
    assert working({"web1": ended(text), "web2": "ops1:broken"}, ["OPS1", "ops2", "ops3"], NOW) == {"ops1": ["web1"]}


def test_accounts_on_network_devices_that_still_let_somebody_in() -> None:
    lines = ("Ops1 password cipher x", "ops1 privilege level 15", "ops2 password cipher x", "ops2 state block")
    vrp = "sysname s1\naaa\n" + "".join(f" local-user {line}\n" for line in lines)
    texts = {
        "s1": f"#\n{vrp}#\nuser-interface vty 0 4\n#\nreturn\n",
        "cut": f"#\n{vrp}#\nuser-interface vty 0 4\n",
        "fw1": '#config-version=FG\nconfig system admin\n    edit "ops1"\n        set accprofile "super,admin"\n    next\nend\n',
        "sw2": "hostname sw2\nusername ops1x secret 9 x\nline vty 0 4\nend\n",
    }
    assert on_devices(texts.items(), ["OPS1", "ops2"], TODAY) == {"ops1": ["fw1 [config system admin: super admin]", "s1 [aaa: 15]", "s1 [aaa]"]}
    assert on_devices(texts.items(), [], TODAY) == {}


def login(account: str, time: datetime) -> Event:
    return Event(id=f"{account}{time}", time=time, asset="web1", kind="login_ok", message="", fields={"user.name": account, "source.ip": "192.0.2.9"})


def test_a_login_after_the_end_or_outside_the_hours_is_a_breach() -> None:
    one = record("outsourced", "o", name="甲", vendor="v", contract_until="2026-06-01", accounts="ops1", window="Mon-Fri 09:00-18:00")
    held = holders(KINDS, {"outsourced": [one]})
    monday = datetime(2026, 6, 1, 10, tzinfo=ZONE)
    seen = [login("ops1", monday), login("ops1", monday.replace(hour=20)), login("OPS1", monday.replace(day=2)), login("li", monday.replace(day=2))]
    assert [(found.why, found.event.time.day) for found in breaches(held, seen, ZONE)] == [("hours", 1), ("ended", 2)]


def test_an_account_that_somebody_else_still_holds_is_no_breach() -> None:
    old = record("outsourced", "o", name="甲", vendor="v", contract_until="2026-01-01", accounts="ops1")
    new = record("outsourced", "n", name="乙", vendor="v", contract_until="2027-01-01", accounts="ops1")
    assert not list(breaches(holders(KINDS, {"outsourced": [old, new]}), [login("ops1", NOW)], ZONE))


def test_accounts_inside_databases_are_found_with_their_rights() -> None:
    texts = {
        "postgresql.accounts": "Ops1\tyes\tyes\tno\tno\tno\tno\tscram\t\t\nops2\tno\tno\tno\tno\tno\tno\tscram\t\t\n"
        "ops3\tyes\tno\tno\tno\tno\tno\tscram\t2026-01-01T00:00:00+00:00\t\nops4\tyes\tno\tno\tno\tno\tno\tscram\t2036-01-01T00:00:00+00:00\t\n"
        f"ops5\tyes\tno\tno\tno\tno\tno\tscram\t{(NOW + timedelta(hours=5)).isoformat()}\t\n",
        "mysql.accounts": "ops1\t10.1.1.1\tyes\tset\tx\tno\tyes\tno\tyes\t\tno\t\nops1\t10.1.1.2\tyes\tset\tx\tno\tyes\tno\tyes\t\tno\t\n"
        "ops2\t%\tno\tset\tx\tyes\tno\tno\tno\t\tno\t\n",
        "redis.accounts": "ops1\tyes\tset\tconfig flushall\tall\nops2\tno\tset\tconfig\tall\nops3\tyes\tmissing\tconfig\tall\nops4\tyes\tset\t\tno\n",
    }
    names = ("ops1", "ops2", "ops3", "ops4", "ops5")
    found = {kind: in_databases(kind, [("db", ended(texts[kind]))], names, NOW) for kind in DATABASES}
    assert found == {
        "postgresql.accounts": {"ops1": ["db [postgresql: superuser]"], "ops4": ["db [postgresql]"], "ops5": ["db [postgresql]"]},
        "mysql.accounts": {"ops1": ["db [mysql: file create_user]"]},
        "redis.accounts": {"ops1": ["db [redis: config flushall]"], "ops4": ["db [redis]"]},
    }
    assert in_databases("redis.accounts", [("db", texts["redis.accounts"])], names, NOW) == {}, "a text without its end says nothing"
    assert in_databases("redis.accounts", [("db", ended("nonsense"))], names, NOW) == {}


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    assert in_hours("Fri 22:00-06:00", datetime(2026, 6, 6, 5, 59, tzinfo=ZONE))
    assert not in_hours("Fri 22:00-06:00", datetime(2026, 6, 5, 5, 59, tzinfo=ZONE))
    assert in_hours("Sat-Mon 09:00-10:00", datetime(2026, 6, 7, 9, 0, tzinfo=ZONE))
    assert in_hours("office hours", datetime(2026, 6, 7, 9, 0, tzinfo=ZONE))
    assert not in_hours("09:00-18:00", datetime(2026, 6, 7, 18, 0, tzinfo=ZONE))


def test_the_table_says_the_same_until_a_date_has_passed() -> None:
    kind, values = KINDS["policy"], {"title": "方针\t总体\n二", "sort": "policy", "issued": "2025-06-20"}
    texts = [table(kind, judge(kind, World({"policy": [record("policy", "p", **values)]}, day))) for day in (TODAY, date(2026, 6, 15), date(2026, 7, 1))]
    assert texts[0] == texts[1] != texts[2]
    assert "方针 总体 二" in texts[0]
    assert all(line.count("\t") == texts[0].splitlines()[0].count("\t") for line in texts[0].splitlines())


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"sort": "policy"}, "title"),
        ({"title": "a", "sort": "novel"}, "sort"),
        ({"title": "a", "sort": "policy", "issued": "yesterday"}, "issued"),
        ({"title": "a", "sort": "policy", "review_months": "nan"}, "review_months"),
        ({"title": "a", "sort": "policy", "colour": "red"}, "colour"),
        ({"title": "a" * 5000, "sort": "policy"}, "title"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(values: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_values(KINDS["policy"], values)
    assert caught.value.key == key


def test_hours_that_nobody_can_read_are_refused() -> None:
    with pytest.raises(ConfigError, match="Mon-Fri 09:00-18:00"):
        read_values(KINDS["outsourced"], {"name": "a", "vendor": "v", "contract_until": "2026-01-01", "window": "office hours"})


def test_every_version_is_audited_and_stands_in_the_chain(store: Store) -> None:
    kind = KINDS["policy"]
    first = save(store, kind, "", {"title": "方针", "sort": "总体方针"}, "li", OFFICER, NOW)
    save(store, kind, first.id, {"title": "方针", "sort": "policy", "version": "2"}, "wang", OFFICER, NOW, seen=1)
    save(store, kind, first.id, {"title": "方针", "sort": "policy", "version": "2"}, "wang", OFFICER, NOW)
    remove(store, kind, first.id, "重复", "li", OFFICER, NOW)
    assert [(body["version"], body["who"], body.get("why", "")) for body in versions(store, "policy", first.id)] == [
        (3, "li", "重复"),
        (2, "wang", ""),
        (1, "li", ""),
    ]
    assert records(store) == {}
    assert evidence.first_break(store.documents) is None
    assert [entry.action for entry in store.audit.read() if entry.action.startswith("record")] == ["record.save", "record.save", "record.remove"]


def test_a_record_is_not_written_over_what_somebody_else_changed_meanwhile(store: Store) -> None:
    kind = KINDS["policy"]
    one = save(store, kind, "p", {"title": "方针", "sort": "policy"}, "li", OFFICER, NOW)
    save(store, kind, "p", {"title": "方针二", "sort": "policy"}, "wang", OFFICER, NOW, seen=one.version)
    with pytest.raises(Refused, match="meanwhile"):
        save(store, kind, "p", {"title": "方针三", "sort": "policy"}, "li", OFFICER, NOW, seen=one.version)


def test_a_record_carries_its_documents_by_digest_through_its_versions(store: Store, tmp_path: Path) -> None:
    kind, paper = KINDS["policy"], keep(tmp_path, "方针.txt", "第一条".encode())
    one = save(store, kind, "p", {"title": "方针", "sort": "policy"}, "li", OFFICER, NOW, files=[paper])
    assert (one.files, one.values["document"]) == ((paper,), "方针.txt")
    again = save(store, kind, "p", {**one.values, "version": "2"}, "li", OFFICER, NOW)
    assert (again.version, again.files) == (2, (paper,))
    newer = keep(tmp_path, "方针.txt", "第二条".encode())
    assert save(store, kind, "p", again.values, "li", OFFICER, NOW, files=[newer]).version == 3
    assert [body["files"][0]["sha256"] for body in versions(store, "policy", "p")] == [newer.sha256, paper.sha256, paper.sha256]


def test_only_those_who_keep_a_kind_may_write_it(store: Store) -> None:
    with pytest.raises(Refused):
        save(store, KINDS["policy"], "", {"title": "方针", "sort": "policy"}, "li", ("operator",), NOW)
    assert save(store, KINDS["drill"], "", {"title": "演练", "day": "2026-05-01"}, "li", ("operator",), NOW).version == 1
    with pytest.raises(Refused):
        remove(store, KINDS["drill"], "none", "x", "li", OFFICER, NOW)


def test_a_table_is_imported_with_every_wrong_row_named_and_twice_doubles_nothing(store: Store) -> None:
    kind = KINDS["training"]
    text = "主题*,类别,日期,参加人员,心情\n意识培训,安全意识,2026/5/1,王工；李工,好\n坏行,安全意识,明天,,\n,安全意识,2026-05-01,,\n考核,exam,2026-05-02,王工,\n"
    rows, problems = read(kind, text.encode("gb18030"), ())
    assert [row.what for row in rows] == ["add", "add"]
    assert [(problem.row, problem.column) for problem in problems] == [(1, "心情"), (3, "日期"), (4, "主题")]
    assert take_in(store, kind, text.encode(), "li", OFFICER, NOW)[0] == 2
    assert take_in(store, kind, text.encode(), "li", OFFICER, NOW)[0] == 0
    assert {tuple(one.values["people"]) for one in records(store)["training"]} == {("王工", "李工"), ("王工",)}


def test_what_is_exported_is_imported_again_as_it_was(store: Store) -> None:
    kind = KINDS["outsourced"]
    values = {"name": "=甲", "vendor": "某公司", "contract_until": "2026-05-31", "accounts": "a,b", "window": "Mon-Fri 09:00-18:00"}
    one = save(store, kind, "o-1", values, "li", OFFICER, NOW)
    for zh in (True, False):
        for data in (workbook(kind, [one], zh=zh), as_csv(kind, [one], zh=zh)):
            rows, problems = read(kind, data, [one])
            assert not problems
            assert [(row.id, row.what) for row in rows] == [("o-1", "same")]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_empty_table_of_every_kind_names_columns_that_import_knows(kind: RecordKind) -> None:
    assert read(kind, template(kind, zh=True), ()) == ([], [])
    assert read(kind, template(kind, zh=False), ()) == ([], [])


def test_a_file_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigError):
        read(KINDS["policy"], b"PK\x03\x04 no workbook", ())
    rows, problems = read(KINDS["policy"], b"a,b\n1,2\n", ())
    assert not rows
    assert problems[0].row == 1


def outcomes(kind: str, *found: Record, today: date = TODAY) -> dict[str, str]:
    """What the shipped checks say of these records, by check."""
    body = table(KINDS[kind], judge(KINDS[kind], World({kind: list(found)}, today)))
    text = Snapshot(time=NOW, asset="organisation", kind=f"record.{kind}", body=ended(body))
    return {check.id: evaluate(check, "organisation", [text], NOW).outcome.value for check in CHECKS if f"record.{kind}" in check.kinds}


def test_training_on_malicious_code_counts_a_year_and_older_records_without_topics_tell_nothing() -> None:
    course = {"title": "意识", "sort": "awareness", "people": "王工"}
    named = record("training", "t", day="2025-07-01", topics="malware, mail", **course)
    assert outcomes("training", named)["rec-training-malware"] == "pass"
    assert outcomes("training", named, today=date(2026, 7, 15))["rec-training-malware"] == "fail"
    assert outcomes("training", record("training", "t", day="2026-05-01", topics="mail", **course))["rec-training-malware"] == "fail"
    assert outcomes("training", record("training", "t", day="2026-05-01", **course))["rec-training-malware"] == "unknown"


def test_inspections_are_passed_on_logs_analysed_every_month_and_assessments_followed_up() -> None:
    full = {"title": "检查", "sort": "full", "day": "2026-05-01", "by": "王工", "checklist": "yes", "document": "r.pdf"}
    told = record("inspection", "f", told="各科室", told_on="2026-05-03", **full)
    logs = record("inspection", "l", title="日志", sort="logs", day="2026-05-20", by="王工")
    found = outcomes("inspection", told, logs)
    assert (found["rec-inspection-passed-on"], found["rec-logs-analysed"], found["rec-assessment-followed"]) == ("pass", "pass", "not_applicable")
    assert outcomes("inspection", record("inspection", "f", **full))["rec-inspection-passed-on"] == "fail"
    assert outcomes("inspection", logs, today=date(2026, 6, 25))["rec-logs-analysed"] == "fail"
    test = {"title": "渗透", "sort": "assessment", "day": "2026-05-20", "by": "某公司", "document": "r.pdf", "findings": "弱口令"}
    assert outcomes("inspection", record("inspection", "a", **test))["rec-assessment-followed"] == "fail"
    assert outcomes("inspection", record("inspection", "a", mended="2026-05-25", **test))["rec-assessment-followed"] == "pass"


def test_a_release_is_allowed_has_a_version_and_was_tested() -> None:
    release = {"matter": "2.3 发布", "sort": "release", "requested": "2026-05-20", "approver": "李科长"}
    first = outcomes("permit", record("permit", "r", **release))
    assert (first["rec-permit-release"], first["rec-permit-release-checked"]) == ("fail", "fail")
    whole = outcomes("permit", record("permit", "r", version="2.3", tested="2026-05-19", scanned="yes", **release))
    assert (whole["rec-permit-release"], whole["rec-permit-release-checked"], whole["rec-permit-bring-in"]) == ("pass", "pass", "not_applicable")
