"""A gap becomes owned work, is reported done, checked again, and closed by evidence or sent back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.check import Text
from compliance.load import load_checks
from compliance.prove import NOW
from compliance.remedies import Remedy, Stage, checked, due_day, follow, hand_out, read_remedy, remedies, report_done, settle, withdraw
from compliance.risk import Level
from compliance.rollup import Conformity, ItemResult
from compliance.run import Inspector
from core.errors import Refused
from store.base import Store
from store.open import open_store
from tests.compliance.conftest import OFFICER, Judged
from tests.compliance.test_run import fill, weak

TODAY = NOW.date()
HOUR = timedelta(hours=1)
CHECKS = tuple(load_checks().checks.values())
ITEM = "G.CES.AC.2"


def wanted(**values: object) -> Remedy:
    base = Remedy(item=ITEM, object="oa", owner="wang", due=due_day(Level.HIGH, TODAY), level=Level.HIGH, measure="PermitRootLogin no", by="li", created=NOW)
    return replace(base, **values)  # type: ignore[arg-type]


def result(conformity: Conformity) -> ItemResult:
    return ItemResult(item=ITEM, conformity=conformity, reason=Text(zh="结果", en="result"))


def body(outcome: str, minutes: float) -> dict[str, object]:
    read = [{"evidence": "000000000007"}]
    return {"check": "lnx-ssh-root", "asset": "web2", "outcome": outcome, "time": (NOW + timedelta(minutes=minutes)).isoformat(), "items": [ITEM], "read": read}


def test_days_follow_the_risk() -> None:
    assert [(due_day(level, TODAY) - TODAY).days for level in Level] == [30, 90, 180]


def test_a_gap_that_conforms_closes_its_remedy_with_the_evidence_even_when_nobody_reported() -> None:
    closed = follow(wanted(), result(Conformity.CONFORMS), [body("pass", 5)], NOW + HOUR)
    assert closed is not None
    assert (closed.stage, closed.proof, closed.ended) == (Stage.CLOSED, ("000000000007",), NOW + HOUR)
    assert follow(closed, result(Conformity.FAILS), [body("fail", 90)], NOW + 2 * HOUR) is None


def test_only_a_verdict_after_the_report_sends_a_remedy_back() -> None:
    done = wanted(stage=Stage.DONE, done=NOW)
    assert follow(done, result(Conformity.FAILS), [body("fail", -5)], NOW + HOUR) is None
    back = follow(done, result(Conformity.FAILS), [body("fail", 5)], NOW + HOUR)
    assert back is not None
    assert (back.stage, back.sent_back, back.done) == (Stage.OPEN, 1, None)
    assert "lnx-ssh-root web2" in back.why
    assert follow(done, result(Conformity.UNKNOWN), [body("unknown", 5)], NOW + HOUR) is None
    assert follow(wanted(), result(Conformity.FAILS), [body("fail", 5)], NOW + HOUR) is None


def acted(outcome: str, minutes: float, **more: object) -> dict[str, object]:
    """A verdict on a text that was read when it was judged, of a check with a playbook."""
    given = body(outcome, minutes)
    return given | {"read": [{"evidence": "000000000007", "time": given["time"]}], "playbook": {"name": "remedy-linux-check"}, **more}


def test_while_a_run_goes_on_nothing_is_decided() -> None:
    under_way = wanted(running="r1")
    assert follow(under_way, result(Conformity.CONFORMS), [acted("pass", 5)], NOW + HOUR) is None
    assert follow(replace(under_way, running=""), result(Conformity.CONFORMS), [acted("pass", 5)], NOW + HOUR) is not None


def test_after_a_run_only_what_was_read_since_decides() -> None:
    ran = wanted(acted=NOW, acted_on=("web2",))
    old, other = acted("pass", -5), acted("pass", -5, asset="web1")
    assert follow(ran, result(Conformity.CONFORMS), [old], NOW + HOUR) is None, "it looked well before the run, and the run may have broken it"
    for enough in ([acted("pass", 5)], [acted("pass", 5), other], [acted("pass", 5), body("pass", -5)]):
        closed = follow(ran, result(Conformity.CONFORMS), enough, NOW + HOUR)
        assert closed is not None
        assert closed.stage is Stage.CLOSED
    done = replace(ran, stage=Stage.DONE, done=NOW)
    assert follow(done, result(Conformity.FAILS), [acted("fail", -5)], NOW + HOUR) is None
    assert follow(done, result(Conformity.FAILS), [acted("fail", 5), old], NOW + HOUR) is None, "not every check was asked again yet"
    back = follow(done, result(Conformity.FAILS), [acted("fail", 5)], NOW + HOUR)
    assert back is not None
    assert (back.stage, back.acted) == (Stage.OPEN, NOW)


def test_a_gap_has_one_owner_a_day_and_a_measure(tmp_path: Path) -> None:
    store = open_store("embedded", tmp_path / "data", "service")
    one = hand_out(store, wanted(), OFFICER, TODAY)
    assert read_remedy(store.documents.get("compliance-remedy", one.id).body) == one
    for wrong in (
        wanted(),
        wanted(item="G.CES.IA.1", owner=" "),
        wanted(item="G.CES.IA.1", measure=""),
        wanted(item="G.CES.IA.1", due=TODAY - timedelta(days=1)),
    ):
        with pytest.raises(Refused):
            hand_out(store, wrong, OFFICER, TODAY)
    with pytest.raises(Refused):
        hand_out(store, wanted(item="G.CES.IA.1"), ("operator",), TODAY)
    with pytest.raises(Refused):
        report_done(store, one.id, "wang", ("viewer",), "x", NOW)
    with pytest.raises(Refused):
        report_done(store, one.id, "wang", ("operator",), " ", NOW)
    withdraw(store, one.id, "li", OFFICER, "系统下线", NOW)
    assert hand_out(store, wanted(), OFFICER, TODAY).stage is Stage.OPEN
    assert evidence.first_break(store.documents) is None
    store.close()


def again(store: Store, moment: timedelta) -> None:
    Inspector(store, CHECKS).inspect(["web1", "web2"], NOW + moment)


@pytest.mark.slow
def test_work_that_was_only_said_to_be_done_comes_back_and_real_work_is_closed_by_its_evidence(fresh: Judged) -> None:
    store = fresh.store
    assert fresh.dossier().results[ITEM].conformity in (Conformity.FAILS, Conformity.PARTIAL)
    one = hand_out(store, wanted(), OFFICER, TODAY)
    report_done(store, one.id, "wang", ("operator",), "改好了", NOW + HOUR)
    again(store, 1.5 * HOUR)
    assert checked(fresh.dossier(NOW + 1.5 * HOUR), remedies(store), NOW + 1.5 * HOUR) == [], "judged again, but on what was read before the report"
    fill(store, "web2", kinds={"sshd_config": weak(store)}, at=1.7 * HOUR)
    again(store, 2 * HOUR)
    settle(store, checked(fresh.dossier(NOW + 2 * HOUR), remedies(store), NOW + 2 * HOUR), "wanglou", NOW + 2 * HOUR)
    (back,) = remedies(store)
    assert (back.stage, back.sent_back) == (Stage.OPEN, 1)
    report_done(store, one.id, "wang", ("operator",), "改好了，已重启 sshd", NOW + 3 * HOUR)
    fill(store, "web2", at=3 * HOUR)
    again(store, 4 * HOUR)
    settle(store, checked(fresh.dossier(NOW + 4 * HOUR), remedies(store), NOW + 4 * HOUR), "wanglou", NOW + 4 * HOUR)
    (closed,) = remedies(store)
    assert closed.stage is Stage.CLOSED
    assert closed.proof
    assert all(store.documents.get("evidence", name) for name in closed.proof)
    actions = [said["action"] for _, said in evidence.notes(store.documents, evidence.REMEDIES)]
    assert actions == ["hand_out", "done", "send_back", "done", "close"]
