"""Records at work: they become verdicts with evidence; what is due and who logs in against the contract is told, and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from compliance.load import load_checks
from compliance.objects import Dates, ProtectionObject
from compliance.office import Office
from compliance.records.shelf import kinds_of, remove, save
from compliance.run import ORGANISATION, SELF, Inspector, every
from core.clock import ManualClock
from core.names import ACCOUNT, EVIDENCE, INCIDENT, VERDICT
from core.records import Event, Sample, Snapshot, ended
from core.settings import ConsoleSettings, Settings
from inventory.asset import Asset
from inventory.credentials import Vault
from service.alerting.journal import DiskJournal
from service.alerting.live import LiveAlerting
from service.alerting.loading import load_configuration
from service.auditing import Auditing
from service.backup import make_backup
from service.cli import app
from service.estate import this_machine
from service.own_state import chains, own_state
from service.recording import Recording
from store.base import Store
from store.open import open_store
from store.snapshots import latest_snapshot, save_snapshot

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
OFFICER = ("security_officer",)
KINDS, _ = kinds_of(Path("nowhere"))
CHECKS = tuple(check for check in load_checks().checks.values() if check.is_worked_out)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", site=tmp_path / "site")


def recording(store: Store, settings: Settings) -> Recording:
    def take(_asset: str, snapshots: Sequence[Snapshot]) -> None:
        for snapshot in snapshots:
            save_snapshot(store, snapshot)

    return Recording(settings, store, take)


def keep(store: Store, kind: str, id: str, **values: Any) -> None:
    save(store, KINDS[kind], id, values, "li", OFFICER, NOW)


def verdicts(store: Store, asset: str) -> Mapping[str, str]:
    return {document.body["check"]: document.body["outcome"] for document in every(store, VERDICT) if document.body["asset"] == asset}


def test_records_become_verdicts_that_rest_on_evidence_and_turn_with_the_records(store: Store, settings: Settings) -> None:
    at_work, inspector = recording(store, settings), Inspector(store, CHECKS)
    at_work.round([], NOW)
    assert not list(inspector.inspect([ORGANISATION], NOW)), "nobody keeps records: nothing to judge"
    keep(store, "post", "a", person="王工", post="system_admin", appointed="2026-01-01", duties="系统")
    keep(store, "post", "b", person="王工", post="audit_admin", appointed="2026-01-01", duties="审计")
    at_work.round([], NOW)
    told = {finding.source: finding for finding in inspector.inspect([ORGANISATION], NOW)}
    assert told["compliance.rec-post-separate"].firing
    assert "王工: audit_admin + system_admin" in str(told["compliance.rec-post-separate"].evidence["observed"])
    assert verdicts(store, ORGANISATION)["rec-post-three"] == "fail"
    assert verdicts(store, ORGANISATION)["rec-post-duties"] == "pass"
    assert verdicts(store, ORGANISATION)["rec-policy-set"] == "unknown"
    assert any(link.body["kind"] == "record.post" and "王工" in link.body["body"] for link in every(store, EVIDENCE))
    keep(store, "post", "b", person="赵工", post="audit_admin", appointed="2026-01-01", duties="审计")
    keep(store, "post", "c", person="钱工", post="security_admin", appointed="2026-01-01", duties="安全")
    at_work.round([], NOW + timedelta(minutes=1))
    told = {finding.source: finding for finding in inspector.inspect([ORGANISATION], NOW + timedelta(minutes=1))}
    assert not told["compliance.rec-post-separate"].firing
    assert verdicts(store, ORGANISATION)["rec-post-three"] == "pass"


def test_records_that_were_all_removed_leave_nothing_that_passes(store: Store, settings: Settings) -> None:
    at_work, inspector = recording(store, settings), Inspector(store, CHECKS)
    keep(store, "classification", "c", title="数据", level="core", mark="标签", handling="加密", owner="信息中心", decided="2026-05-01")
    at_work.round([], NOW)
    list(inspector.inspect([ORGANISATION], NOW))
    assert verdicts(store, ORGANISATION)["rec-classes"] == "pass"
    remove(store, KINDS["classification"], "c", "错", "li", OFFICER, NOW)
    recording(store, settings).round([], NOW + timedelta(minutes=1))
    list(inspector.inspect([ORGANISATION], NOW + timedelta(minutes=1)))
    assert verdicts(store, ORGANISATION)["rec-classes"] == "unknown"


def test_each_protection_object_has_verdicts_of_its_own_steps(store: Store, settings: Settings) -> None:
    at_work, inspector = recording(store, settings), Inspector(store, CHECKS)
    dates = Dates(in_use=date(2025, 1, 1), graded=date(2025, 1, 1), reviewed=date(2025, 1, 1), approved=date(2025, 1, 1))
    filed = ProtectionObject(id="oa", name="办公", s=3, a=3, dates=dates.model_copy(update={"filed": date(2025, 4, 1), "assessed": date(2025, 9, 1)}))
    at_work.round([filed, ProtectionObject(id="web", name="网站", s=3, a=3, dates=dates)], NOW)
    told = inspector.inspect(["object:oa", "object:web"], NOW)
    assert set(verdicts(store, "object:oa").values()) == {"pass"}
    assert {name for name, outcome in verdicts(store, "object:web").items() if outcome == "fail"} == {"rec-object-filed", "rec-object-assessed"}
    assert {finding.asset for finding in told} == {"object:web"}


def test_a_table_that_does_not_change_is_said_again_so_that_it_never_gets_old(store: Store, settings: Settings) -> None:
    at_work = recording(store, settings)
    keep(store, "drill", "d", title="演练", day="2026-05-01", people="王工", result="好")
    for hours in (0, 1, 5, 7):
        at_work.round([], NOW + timedelta(hours=hours))
    seen = latest_snapshot(store, ORGANISATION, "record.drill")
    assert seen is not None
    assert seen.time == NOW + timedelta(hours=7)


def test_what_comes_due_is_told_before_and_after_and_ends_when_it_is_done(store: Store, settings: Settings) -> None:
    auditing = Auditing(Office(store, settings), recording=recording(store, settings), settle=1000 * DAY)
    policy = {"title": "方针", "sort": "policy", "issued": "2025-06-10"}
    keep(store, "policy", "p", **policy)
    (soon,) = auditing.round(NOW)
    assert (soon.source, soon.severity.value, soon.labels["due"]) == ("compliance.record", "info", "review")
    assert auditing.round(NOW + timedelta(minutes=1)) == []
    (late,) = auditing.round(NOW + 20 * DAY)
    assert (late.fingerprint, late.severity.value, late.firing) == (soon.fingerprint, "warning", True)
    assert "方针（2026-06-10）" in late.evidence["zh"]
    keep(store, "policy", "p", **policy, reviewed="2026-06-20")
    (over,) = auditing.round(NOW + 21 * DAY)
    assert (over.fingerprint, over.firing) == (soon.fingerprint, False)


def test_a_login_after_the_end_of_the_contract_is_told_and_so_is_an_account_that_still_works(store: Store, settings: Settings) -> None:
    auditing = Auditing(Office(store, settings), recording=recording(store, settings), settle=1000 * DAY)
    keep(
        store,
        "outsourced",
        "o",
        name="甲",
        vendor="v",
        contract_until="2026-05-20",
        accounts="ops1",
        agreement="2025-01-01",
        requested="2025-01-01",
        approver="李",
    )
    text = "root:0:0:/root:/bin/bash:set:yescrypt:20000:1:90:7::\nops1:1001:1001:/home/o:/bin/bash:set:sha512:20000:0:90:7::\n"
    save_snapshot(store, Snapshot(time=NOW, asset="web1", kind="accounts", body=ended(text)))
    switch = "hostname sw1\nusername ops1 privilege 15 secret 9 ***\nline vty 0 4\nend\n"
    save_snapshot(store, Snapshot(time=NOW, asset="sw1", kind="running-config", body=switch))
    login = Event(id="e1", time=NOW - timedelta(hours=1), asset="web1", kind="login_ok", message="", fields={"user.name": "ops1", "source.ip": "192.0.2.9"})
    store.events.write([login])
    (access,) = [finding for finding in auditing.round(NOW) if finding.source == "compliance.access"]
    assert (access.asset, access.severity.value, access.labels) == ("web1", "critical", {"account": "ops1", "why": "ended"})
    assert "甲" in access.evidence["zh"]
    list(Inspector(store, CHECKS).inspect([ORGANISATION], NOW))
    assert verdicts(store, ORGANISATION)["rec-outsourced-ended"] == "fail"
    told = latest_snapshot(store, ORGANISATION, "record.outsourced")
    assert told is not None
    assert "\tops1@web1,ops1@sw1 [username: 15]\t" in told.body
    (over,) = [finding for finding in auditing.round(NOW + 2 * DAY) if finding.source == "compliance.access"]
    assert not over.firing


def account(store: Store, name: str, *roles: str, **more: Any) -> None:
    body = {"name": name, "roles": list(roles), "created": NOW.isoformat(), "last_login": NOW.isoformat(), "disabled": False, "is_founder": False} | more
    store.documents.put(ACCOUNT, name, body)


def test_the_product_judges_itself_by_what_is_there(store: Store, settings: Settings, tmp_path: Path) -> None:
    inspector = Inspector(store, CHECKS)
    long_ago = (NOW - 200 * DAY).isoformat()
    account(store, "admin", is_founder=True, created=long_ago, last_login=long_ago, must_change=True, password_set=long_ago)
    keeping = settings.model_copy(update={"console": ConsoleSettings(unused_days=0)})
    save_snapshot(store, own_state(store, keeping, this_machine(), chains(store), NOW))
    list(inspector.inspect([SELF], NOW))
    first = verdicts(store, SELF)
    assert {name for name, outcome in first.items() if outcome == "fail"} >= {"self-roles", "self-first-passwords", "self-stale", "self-backup"}
    assert first["self-time"] == "unknown"
    assert {first[name] for name in ("self-password", "self-lockout", "self-tls", "self-audit-whole", "self-audit-kept", "self-evidence-whole")} == {"pass"}
    for name, role in (("wang", "system_admin"), ("zhao", "audit_admin"), ("qian", "security_admin")):
        account(store, name, role)
    account(store, "admin", disabled=True)
    make_backup(settings, tmp_path / "kept", NOW)
    store.metrics.write([Sample(time=NOW, asset=this_machine(), metric="system.time.offset", value=0.004)])
    save_snapshot(store, own_state(store, settings, this_machine(), chains(store), NOW + DAY / 24))
    list(inspector.inspect([SELF], NOW + DAY / 24))
    later = verdicts(store, SELF)
    assert {later[name] for name in ("self-roles", "self-first-passwords", "self-stale", "self-backup", "self-time")} == {"pass"}


def test_weak_settings_and_an_open_folder_are_seen(store: Store, settings: Settings) -> None:
    weak = settings.model_copy(update={"host": "0.0.0.0", "console": ConsoleSettings(password_days=0, idle_minutes=600)})
    (settings.data / "master.key").write_text("x")
    (settings.data / "master.key").chmod(0o644)
    save_snapshot(store, own_state(store, weak, this_machine(), chains(store), NOW))
    list(Inspector(store, CHECKS).inspect([SELF], NOW))
    found = verdicts(store, SELF)
    assert {found[name] for name in ("self-password", "self-lockout", "self-tls", "self-files")} == {"fail"}


def test_nothing_of_a_password_is_in_the_text(store: Store, settings: Settings) -> None:
    account(store, "wang", "system_admin", secret="$argon2id$abc", history=["$argon2id$old"])
    assert "argon2" not in own_state(store, settings, this_machine(), chains(store), NOW).body


@pytest.mark.slow
def test_what_is_due_and_who_logged_in_become_incidents_named_for_people(store: Store, settings: Settings) -> None:
    auditing = Auditing(Office(store, settings), recording=recording(store, settings), settle=1000 * DAY)
    keep(store, "policy", "p", title="方针", sort="policy", issued="2024-01-01")
    keep(store, "vendor", "v", name="某公司", sort="operations", begins="2024-01-01")
    keep(store, "outsourced", "o", name="甲", vendor="某公司", contract_until="2026-05-20", accounts="ops1")
    login = Event(id="e1", time=NOW - timedelta(hours=1), asset="web1", kind="login_ok", message="", fields={"user.name": "ops1"})
    store.events.write([login])
    loaded = load_configuration(settings.site_folder / "alerting", (Asset(id="web1", name="网站"),), (), CHECKS, "Asia/Shanghai")
    alerting = LiveAlerting(settings, store, Vault(store, bytes(32)), ManualClock(NOW), loaded, DiskJournal(settings.data / "alerting.db"))
    try:
        alerting.observe(auditing.round(NOW))
        alerting.tick()
        found = {document.body["root"]: document.body for document in store.documents.find(INCIDENT).items}
    finally:
        alerting.close()
    assert found["web1"]["title"] == {"zh": "网站：合同不允许的登录", "en": "网站: A log-in that the contract does not allow"}
    assert found[ORGANISATION]["title"]["zh"] == "单位：安全管理记录到期"
    assert len(found[ORGANISATION]["members"]) == 2


@pytest.mark.slow
def test_tables_go_out_and_come_in_by_the_command_line(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(settings.data))
    run, sheet = CliRunner().invoke, tmp_path / "posts.csv"
    sheet.write_text("姓名,岗位,任命日期,职责\n王工,系统管理员,2026-01-01,系统\n李工,国王,2026-01-01,x\n", encoding="utf-8")
    seen = run(app, ["record", "import", "post", str(sheet)])
    assert "row 3: 岗位" in seen.output
    assert "row 2: add 王工" in seen.output
    assert "1 records added" in run(app, ["record", "import", "post", str(sheet), "--do"]).output
    assert "1 records written" in run(app, ["record", "export", "post", str(tmp_path / "out.xlsx")]).output
    assert "0 records added" in run(app, ["record", "import", "post", str(tmp_path / "out.xlsx"), "--do"]).output
    assert "岗位与职责 / Posts and responsibilities: 1" in run(app, ["record", "list"]).output
    assert "there is no kind of record" in run(app, ["record", "export", "ghost", str(sheet)]).output


def test_administrators_without_a_second_factor_or_bound_to_no_network_are_seen(store: Store, settings: Settings) -> None:
    inspector = Inspector(store, CHECKS)
    for name, role in (("wang", "system_admin"), ("zhao", "audit_admin"), ("qian", "security_admin")):
        account(store, name, role, second={"key": "x", "box": "y"} if role == "audit_admin" else {})
        store.audit.append(time=NOW, actor="first start", action="account.create", object=name, body={"roles": [role]})
        store.audit.append(time=NOW, actor=name, action="login", object=name, body={})
    everywhere = ConsoleSettings(admin_addresses=("10.9.0.0/24",), role_addresses={"audit_admin": ("0.0.0.0/0",)})
    open_one = settings.model_copy(update={"host": "0.0.0.0", "console": everywhere})
    save_snapshot(store, told := own_state(store, open_one, this_machine(), chains(store), NOW))
    list(inspector.inspect([SELF], NOW))
    found = verdicts(store, SELF)
    assert "no_second=qian,wang\n" in told.body
    assert "unbound_roles=audit_admin\n" in told.body
    assert (found["self-second-factor"], found["self-addresses"]) == ("fail", "fail")
    assert {found[f"self-trail-{kind}"] for kind in ("system", "audit", "security")} == {"pass"}
    bound = settings.model_copy(update={"host": "0.0.0.0", "console": ConsoleSettings(admin_addresses=("10.9.0.0/24",))})
    for name, role in (("wang", "system_admin"), ("qian", "security_admin")):
        account(store, name, role, second={"key": "x", "box": "y"})
    save_snapshot(store, own_state(store, bound, this_machine(), chains(store), NOW + DAY / 24))
    list(inspector.inspect([SELF], NOW + DAY / 24))
    found = verdicts(store, SELF)
    assert (found["self-second-factor"], found["self-addresses"]) == ("pass", "pass")


def test_a_login_or_a_role_that_the_audit_does_not_tell_fails_the_trail(store: Store, settings: Settings) -> None:
    account(store, "wang", "system_admin")
    account(store, "zhao", "audit_admin")
    account(store, "qian", "security_admin")
    for name, roles in (("wang", ["system_admin"]), ("zhao", ["viewer"]), ("qian", ["security_admin"])):
        store.audit.append(time=NOW, actor="first start", action="account.create", object=name, body={"roles": roles})
    for name in ("zhao", "qian"):
        store.audit.append(time=NOW, actor=name, action="login", object=name, body={})
    told = own_state(store, settings, this_machine(), chains(store), NOW).body
    assert "untold_system_admin=wang\n" in told  # logged in, says the account; the audit knows of no login
    assert "untold_audit_admin=zhao\n" in told  # is audit administrator; the audit knows of a viewer
    assert "untold_security_admin=-\n" in told
