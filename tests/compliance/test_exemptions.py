from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compliance import evidence
from compliance.exemptions import Exemption, Word, decide, ending, exemptions, expired, request, withdraw
from compliance.framework import load_framework
from compliance.load import load_checks
from compliance.objects import TITLES, Dates
from compliance.prove import NOW
from compliance.risk import Decision, Level, counted, load_conditions, save_decision
from core.errors import Refused
from store.base import Store
from tests.compliance.conftest import OFFICER, SUBJECT, Judged

DAY = timedelta(days=1)
ROOT = "G.CES.AC.2"
SHELL = "G.CES.IA.4"


def wanted(item: str = ROOT, days: int = 90, **values: object) -> Exemption:
    given = {
        "id": "",
        "item": item,
        "object": "oa",
        "reason": "厂商维护",
        "compensation": "堡垒机双因素",
        "requester": "li",
        "requested": NOW,
        "expires": NOW + days * DAY,
    }
    return Exemption(**{**given, **values})  # type: ignore[arg-type]


def granted(store: Store, item: str = ROOT, days: int = 90, **values: object) -> Exemption:
    asked = request(store, wanted(item, days, **values), ["operator"])
    return decide(store, asked.id, "wang", OFFICER, NOW, grant=True, remark="可接受")


def test_an_exemption_needs_reason_compensation_and_an_end_within_a_year(fresh: Judged) -> None:
    for bad in (wanted(reason=" "), wanted(compensation=""), wanted(days=0), wanted(days=400)):
        with pytest.raises(Refused):
            request(fresh.store, bad, ["operator"])
    with pytest.raises(Refused):
        request(fresh.store, wanted(), ["viewer"])
    assert exemptions(fresh.store) == []


def test_who_asked_cannot_grant_and_only_an_officer_may(fresh: Judged) -> None:
    asked = request(fresh.store, wanted(), ["security_officer"])
    with pytest.raises(Refused, match="asked"):
        decide(fresh.store, asked.id, "li", OFFICER, NOW, grant=True, remark="ok")
    with pytest.raises(Refused, match="security officer"):
        decide(fresh.store, asked.id, "wang", ["operator"], NOW, grant=True, remark="ok")
    assert decide(fresh.store, asked.id, "wang", OFFICER, NOW, grant=True, remark="ok").word(NOW) is Word.GRANTED
    with pytest.raises(Refused, match="already"):
        decide(fresh.store, asked.id, "zhao", OFFICER, NOW, grant=False, remark="no")


def test_every_step_is_audited_and_in_the_chain(fresh: Judged) -> None:
    one = granted(fresh.store)
    withdraw(fresh.store, one.id, "wang", OFFICER, NOW + DAY)
    actions = [entry.action for entry in fresh.store.audit.read()]
    assert actions == ["compliance.exemption.request", "compliance.exemption.grant", "compliance.exemption.withdraw"]
    assert [said["action"] for _, said in evidence.notes(fresh.store.documents, evidence.EXEMPTIONS)] == ["request", "grant", "withdraw"]


def test_a_granted_exemption_lowers_the_risk_and_the_gap_stays_a_gap(fresh: Judged) -> None:
    before = fresh.dossier()
    one = granted(fresh.store)
    after = fresh.dossier()
    (was,), (now,) = ([risk for risk in dossier.risks if risk.item == ROOT] for dossier in (before, after))
    assert now.level is was.level.lowered
    assert now.exemption == one
    assert after.results[ROOT] == before.results[ROOT]
    assert after.score.figure == before.score.figure


def test_it_returns_on_expiry(fresh: Judged) -> None:
    one = granted(fresh.store, days=10)
    later = NOW + 11 * DAY
    assert one.word(later) is Word.EXPIRED
    assert expired(exemptions(fresh.store), later) == [one]
    (risk,) = [risk for risk in fresh.dossier(moment=NOW + 9 * DAY).risks if risk.item == ROOT]
    assert risk.exemption
    (risk,) = [risk for risk in fresh.dossier(moment=later).risks if risk.item == ROOT]
    assert risk.exemption is None
    assert ending(exemptions(fresh.store), NOW + 2 * DAY) == [one]


def test_one_for_certain_assets_does_not_cover_others() -> None:
    one = wanted(assets=("web2",), approver="wang", decided=NOW, granted=True)
    assert one.covers(ROOT, "oa", ["web2"], NOW)
    assert not one.covers(ROOT, "oa", ["web1", "web2"], NOW)
    assert not one.covers(ROOT, "other", ["web2"], NOW)
    assert not one.covers(ROOT, "oa", ["web2"], NOW + 91 * DAY)


def test_where_the_guide_allows_no_measures_an_exemption_lowers_nothing(fresh: Judged) -> None:
    overdue = SUBJECT.model_copy(update={"dates": Dates(filed=(NOW - 900 * DAY).date(), assessed=(NOW - 500 * DAY).date())})
    granted(fresh.store, item="G.CMS.ASM.1")
    (risk,) = [risk for risk in fresh.dossier(subject=overdue).risks if risk.item == "G.CMS.ASM.1"]
    assert (risk.level, risk.by, risk.case.case if risk.case else "") == (Level.HIGH, "register", "6.9.4.1")
    assert risk.exemption
    assert risk.major


def test_a_case_is_met_by_telemetry(fresh: Judged) -> None:
    store = fresh.store
    from compliance.run import Inspector
    from tests.compliance.conftest import CHECKS
    from tests.compliance.test_run import fill, weak

    fill(store, "web2", kinds={"sshd_config": weak(store).replace("permitemptypasswords no", "permitemptypasswords yes")}, at=DAY)
    Inspector(store, CHECKS).inspect(["web2"], NOW + DAY)
    (risk,) = [risk for risk in fresh.dossier(moment=NOW + DAY).risks if risk.item == "G.CES.IA.1"]
    assert (risk.level, risk.by, risk.assets) == (Level.HIGH, "telemetry", ("web2",))
    assert counted(fresh.dossier(moment=NOW + DAY).risks).high >= 1


def test_an_officers_word_on_a_risk_wins_until_it_ends(fresh: Judged) -> None:
    word = Decision(object="oa", item=ROOT, level=Level.HIGH, major=True, reason="对外系统", who="wang", time=NOW, expires=NOW + 30 * DAY)
    with pytest.raises(Refused):
        save_decision(fresh.store, word, ["operator"])
    save_decision(fresh.store, word, OFFICER)
    (risk,) = [risk for risk in fresh.dossier().risks if risk.item == ROOT]
    assert (risk.level, risk.major, risk.by) == (Level.HIGH, True, "officer")
    (risk,) = [risk for risk in fresh.dossier(moment=NOW + 31 * DAY).risks if risk.item == ROOT]
    assert risk.by != "officer"


def test_a_past_day_shows_the_officers_word_of_that_day(fresh: Judged) -> None:
    first = Decision(object="oa", item=ROOT, level=Level.HIGH, major=True, reason="r", who="wang", time=NOW, expires=NOW + 90 * DAY)
    save_decision(fresh.store, first, OFFICER)
    save_decision(fresh.store, replace(first, level=Level.LOW, major=False, time=NOW + 10 * DAY), OFFICER)
    levels = [next(risk.level for risk in fresh.dossier(NOW + days * DAY, NOW + 20 * DAY).risks if risk.item == ROOT) for days in (5, 12)]
    assert levels == [Level.HIGH, Level.LOW]


def test_every_condition_names_a_case_and_checks_that_exist() -> None:
    cases, checks = {case.case for case in load_framework().cases}, set(load_checks().checks)
    for condition in load_conditions().values():
        assert condition.case in cases
        assert set(condition.checks) <= checks
        assert condition.step in ("", *TITLES)
        assert not (condition.checks and condition.step)
