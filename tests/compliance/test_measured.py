"""Texts that are worked out from stored records, and that their checks judge like any collected one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from compliance.check import Check
from compliance.kinds import form_of, readable, rows
from compliance.load import load_checks
from compliance.measured import estate
from compliance.measured.records import texts
from compliance.measured.take import Measurer, read_connections
from compliance.objects import People, ProtectionObject, Scope
from compliance.prove import NOW, is_meant, platforms
from compliance.rounds.template import load_templates
from compliance.run import ESTATE, ORGANISATION, Inspector
from core.names import EVIDENCE, INCIDENT, ROUND, RUN, VERDICT
from core.records import Event, Sample, Snapshot, ended
from inventory.asset import Asset
from store.base import Store
from store.open import open_store
from store.snapshots import save_snapshot

CHECKS = tuple(load_checks().checks.values())
MEASURED = tuple(check for check in CHECKS if check.is_worked_out and not any(kind.startswith(("record.", "self.")) for kind in check.kinds))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SENSOR = Asset(id="env", kind="sensor", room="机房", owner="li", collect={"modbus": {}})
CORE = Asset(id="core", kind="switch", importance="critical", site="hq", collect={"snmp": {}})
SERVER = Asset(id="web", kind="server", importance="high", reached_by=("core",))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


def sample(metric: str, value: float, asset: str = "env", age: timedelta = HOUR, **labels: str) -> Sample:
    return Sample(time=NOW - age, asset=asset, metric=metric, value=value, labels=labels)


def measurer(store: Store, *objects: ProtectionObject) -> Measurer:
    return Measurer(store, lambda: objects, load_templates()[0].values)


def outcomes(store: Store, asset: str) -> dict[str, str]:
    return {body["check"]: body["outcome"] for document in store.documents.find(VERDICT, limit=5000).items if (body := document.body)["asset"] == asset}


def judged(store: Store, *assets: Asset) -> None:
    kept = measurer(store).take(assets, NOW)
    Inspector(store, CHECKS).inspect(sorted(kept), NOW)


@pytest.mark.parametrize("check", MEASURED, ids=[check.id for check in MEASURED])
def test_each_measured_check_is_a_question_about_some_conforming_sample(check: Check) -> None:
    assert any(is_meant(check, platform) for platform in platforms())


def test_every_text_that_is_worked_out_has_the_form_of_its_kind(store: Store) -> None:
    store.metrics.write([sample("hw.temperature", 24.0, sensor="a\tb"), sample("hw.state", 0, sensor="leak")])
    for snapshot in measurer(store).work_out((SENSOR, CORE, SERVER), NOW):
        assert form_of(snapshot.kind).command != snapshot.kind
        if snapshot.body:
            lines = readable(snapshot.kind, snapshot.body)
            if form_of(snapshot.kind).form == "rows":
                assert len(rows(snapshot.kind, lines, NOW)) >= (0 if snapshot.kind == "metrics.week" else 1)


def test_a_hot_room_fails_and_a_silent_sensor_cannot_be_told(store: Store) -> None:
    store.metrics.write([sample("hw.temperature", 24.0), sample("hw.temperature", 33.0, age=20 * HOUR), sample("hw.humidity", 50.0, age=3 * DAY)])
    judged(store, SENSOR)
    found = outcomes(store, "env")
    assert found["env-temperature"] == "fail"
    assert found["env-humidity"] == "unknown"
    assert "env-leak" not in found, "a sensor without a leak detector is not asked about one"


def test_a_sensor_is_not_asked_for_its_password_policy(store: Store) -> None:
    store.metrics.write([sample("hw.temperature", 24.0)])
    judged(store, SENSOR)
    assert not [name for name in outcomes(store, "env") if name.startswith(("lnx-", "net-ssh"))]


def test_the_estate_is_judged_by_what_people_did(store: Store) -> None:
    store.documents.put(RUN, "r1", {"playbook": "restore-drill", "state": "done", "ended": (NOW - 20 * DAY).isoformat()})
    store.documents.put(ROUND, "d", {"template": "daily-room", "state": "signed", "signed": (NOW - HOUR).isoformat(), "items": []})
    judged(store, SENSOR)
    found = outcomes(store, ESTATE)
    assert found["est-restore-drill"] == "pass"
    assert found["est-config-backup"] == "unknown", "that no run is on record here does not say that nothing was done elsewhere"
    assert found["est-rounds"] == "fail", "the other templates were never walked"
    assert found["est-incidents"] == "unknown"


def test_incidents_without_cause_and_review_fail(store: Store) -> None:
    body = {
        "opened": (NOW - 5 * DAY).isoformat(),
        "acknowledged": (NOW - 5 * DAY + HOUR).isoformat(),
        "resolved": (NOW - 4 * DAY).isoformat(),
        "priority": "P1",
        "security": True,
        "cause": "",
        "reason": "",
        "review": "",
    }
    store.documents.put(INCIDENT, "I1", body)
    judged(store)
    assert outcomes(store, ESTATE)["est-incidents"] == "fail"
    store.documents.put(INCIDENT, "I1", body | {"cause": "disk", "review": "replaced"})
    judged(store)
    assert outcomes(store, ESTATE)["est-incidents"] == "pass"


def test_a_switch_whose_stop_alone_breaks_a_server_is_a_single_point() -> None:
    alone = texts((CORE, SERVER), (), {})
    assert "stops=1" in alone["core"]
    paired = SERVER.model_copy(update={"reached_by": Asset(id="x", reached_by=("core", "core2")).reached_by})  # type: ignore[arg-type]
    assert "stops=0" in texts((CORE, CORE.model_copy(update={"id": "core2"}), paired), (), {})["core"]


def test_owner_and_level_come_from_the_protection_object() -> None:
    mine = ProtectionObject(id="oa", name="OA", s=3, a=2, people=People(owner="王"), scope=Scope(assets=("core",)))
    text = texts((CORE,), (mine,), {})["core"]
    assert "owner=王\n" in text
    assert "object=oa\n" in text
    assert "level=3\n" in text


def test_an_unchanged_estate_adds_nothing_to_the_evidence(store: Store) -> None:
    store.metrics.write([sample("hw.temperature", 24.4), sample("system.cpu.utilization", 31.0, "core")])
    judged(store, SENSOR, CORE)
    before = len(store.documents.find(EVIDENCE, limit=5000).items)
    store.metrics.write([sample("hw.temperature", 24.6, age=timedelta(minutes=1)), sample("system.cpu.utilization", 32.0, "core", timedelta(minutes=1))])
    judged(store, SENSOR, CORE)
    assert len(store.documents.find(EVIDENCE, limit=5000).items) == before


def test_log_ins_without_a_user_fail_the_audit_fields(store: Store) -> None:
    fields = {"asset.id": "web", "log.source.address": "10.0.0.1", "event.category": "authentication", "event.outcome": "success"}
    store.events.write([Event(id=f"e{n}", time=NOW - n * HOUR, asset="web", kind="login_ok", message="x", fields=fields) for n in range(5)])
    judged(store, SERVER)
    assert outcomes(store, ESTATE)["est-log-fields"] == "fail"


def test_a_system_on_a_single_server_is_not_redundant() -> None:
    alone = Asset(id="oa", kind="system", importance="high", runs_on=("web",))  # type: ignore[arg-type]
    paired = Asset(id="oa", kind="system", importance="high", depends_on={"any": ["web", "web2"]})  # type: ignore[arg-type]
    assert "rests_on=1\nsingle=1\n" in texts((alone, SERVER), (), {})["oa"]
    assert "rests_on=2\nsingle=0\n" in texts((paired, SERVER, SERVER.model_copy(update={"id": "web2"})), (), {})["oa"]


def test_traffic_between_zones_that_nobody_allowed_stands_out() -> None:
    allowed = [
        estate.Connection.model_validate({"from": "office", "to": "server", "why": "OA"}),
        estate.Connection.model_validate({"from": "server", "to": "outside", "why": "portal", "until": "2026-01-01"}),
    ]
    text = estate.connections({("server", "office"): 700, ("server", "outside"): 250, ("guest", "server"): 50, ("office", "office"): 9}, allowed, NOW.date())
    assert text == "guest\tserver\t1\tno\nserver\toffice\t70\tyes\nserver\toutside\t20\tended\n"


def test_a_wrong_entry_of_the_allowed_connections_leaves_the_others(tmp_path: Path) -> None:
    assert read_connections(tmp_path) == ((), ())
    (tmp_path / "connections.yaml").write_text("connections:\n  - {from: a, to: b, why: x}\n  - {from: a, too: c}\n", encoding="utf-8")
    found, (problem,) = read_connections(tmp_path)
    assert [one.target for one in found] == ["b"]
    assert "connections.yaml:3" in str(problem)


def test_an_exporter_that_fell_silent_is_seen() -> None:
    assert estate.flows({"core": NOW - 2 * HOUR, "fw": NOW}, NOW) == "exporters=2\nsilent=1\n"
    assert estate.flows({}, NOW) == ""


def test_the_organisation_is_asked_for_its_records_alone(store: Store) -> None:
    save_snapshot(store, Snapshot(time=NOW, asset=ORGANISATION, kind="record.training", body=ended("id\tstate\nx\tok\n")))
    Inspector(store, [check for check in CHECKS if "linux" in check.platforms or "any" in check.platforms]).inspect([ORGANISATION], NOW)
    assert outcomes(store, ORGANISATION) == {}


def test_measured_failures_are_not_told_again(store: Store) -> None:
    store.metrics.write([sample("hw.temperature", 45.0)])
    kept = measurer(store).take([SENSOR], NOW)
    found = Inspector(store, CHECKS).inspect(sorted(kept), NOW)
    assert outcomes(store, "env")["env-temperature"] == "fail"
    assert not [one for one in found if one.source.startswith("compliance.env-")]


def test_what_is_no_longer_asked_leaves_and_clears(store: Store) -> None:
    weak = Snapshot(time=NOW, asset="env", kind="accounts", body=ended("root:0:0:/root:/bin/sh:set:md5:1:0:99999:7::\n"))
    save_snapshot(store, weak)
    save_snapshot(store, Snapshot(time=NOW, asset="env", kind="os-release", body=ended("ID=debian\n")))
    told = Inspector(store, CHECKS).inspect(["env"], NOW)
    assert any(one.firing for one in told)
    for kind in ("os-release", "accounts"):
        store.documents.delete("snapshot", f"env/{kind}")
    store.metrics.write([sample("hw.temperature", 24.0)])
    kept = measurer(store).take([SENSOR], NOW)
    cleared = Inspector(store, CHECKS).inspect(sorted(kept), NOW)
    assert {one.fingerprint for one in told if one.firing} == {one.fingerprint for one in cleared if not one.firing}
    assert not [name for name in outcomes(store, "env") if name.startswith("lnx-")]


def test_shares_are_coarse_and_nothing_is_told_of_nothing() -> None:
    text = estate.incidents([], NOW)
    assert "any=no" in text
    assert "with_cause=none" in text
    assert "logins_with_user=60" in estate.logs({}, [{"user.name": "a"}, {"user.name": "b"}, {}], ())


def backup(name: str, of: str, last: timedelta | None, *, every_h: int = 24, elsewhere: str = "", is_read: bool = True) -> str:
    newest = "" if last is None else (NOW - last).isoformat()
    return "\t".join((name, "restic", of, str(every_h), elsewhere, "yes" if is_read else "no", newest, "7", "yes")) + "\n"


def kept_by(store: Store, *lines: str, age: timedelta = HOUR) -> None:
    save_snapshot(store, Snapshot(time=NOW - age, asset="keeper", kind="backups", body=ended("".join(lines))))


KEEPER = Asset(id="keeper", kind="server", collect={"backups": {}})
FILES = Asset(id="files", kind="server")


@pytest.mark.parametrize(
    ("lines", "here", "elsewhere", "batch"),
    [
        ((backup("a", "web files", 2 * HOUR), backup("b", "web files", HOUR, every_h=1, elsewhere="二号机房")), "pass", "pass", "pass"),
        ((backup("a", "web files", 2 * HOUR, elsewhere="二号机房"),), "pass", "fail", "pass"),
        ((backup("a", "web files", 31 * HOUR, elsewhere="二号机房"),), "fail", "fail", "fail"),
        ((backup("a", "web files", HOUR), backup("b", "web files", None)), "fail", "unknown", "unknown"),
        ((backup("a", "web files", HOUR), backup("b", "web", HOUR, is_read=False)), "unknown", "unknown", "unknown"),
        ((backup("a", "web", HOUR, every_h=1, elsewhere="二号机房"),), "unknown", "unknown", "unknown"),
    ],
    ids=["both", "by day elsewhere", "late", "one empty", "one unread", "one asset uncovered"],
)
def test_backups_are_judged_by_the_worst_set_of_each_asset(store: Store, lines: tuple[str, ...], here: str, elsewhere: str, batch: str) -> None:
    kept_by(store, *lines)
    kept = measurer(store, ProtectionObject(id="oa", name="OA", s=3, a=3, scope=Scope(assets=("web", "files")))).take((KEEPER, SERVER, FILES), NOW)
    Inspector(store, CHECKS).inspect(sorted(kept), NOW)
    found = outcomes(store, ESTATE)
    assert (found["est-backups"], found["est-backups-elsewhere"], found["est-backups-batch"]) == (here, elsewhere, batch)


def test_a_backup_server_that_fell_silent_proves_nothing(store: Store) -> None:
    kept_by(store, backup("a", "web", 50 * HOUR, every_h=100), age=50 * HOUR)
    judged(store, KEEPER, SERVER)
    assert outcomes(store, ESTATE)["est-backups"] == "unknown"


def test_a_cut_table_of_backups_proves_nothing(store: Store) -> None:
    save_snapshot(store, Snapshot(time=NOW, asset="keeper", kind="backups", body=backup("a", "web", HOUR)))
    judged(store, KEEPER, SERVER)
    assert "est-backups" not in outcomes(store, ESTATE) or outcomes(store, ESTATE)["est-backups"] != "pass"
