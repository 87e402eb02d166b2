from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compliance.answers import save_answer
from compliance.compensation import load_compensations, proposed
from compliance.framework import load_framework
from compliance.prove import NOW
from compliance.reports.content import Table
from compliance.reports.kinds import make
from compliance.risk import Decision, Level, Risk, save_decision
from compliance.rollup import Answer, Conformity
from core.errors import Refused
from tests.compliance.conftest import OFFICER, Judged

DAY = timedelta(days=1)
GAP = "G.CES.AC.4"
OTHER = "G.PES.LOC.1"


def told(judged: Judged, word: Conformity) -> None:
    said = Answer(item=OTHER, conformity=word, who="li", time=NOW, comment="现场核查", expires=NOW + 60 * DAY)
    save_answer(judged.store, said, OFFICER)


def risk_of(judged: Judged) -> Risk:
    return next(risk for risk in judged.dossier().risks if risk.item == GAP)


def word(**more: object) -> Decision:
    base = Decision(object="oa", item=GAP, level=Level.LOW, major=False, reason="堡垒机集中管理", who="wang", time=NOW, expires=NOW + 90 * DAY, by=(OTHER,))
    return replace(base, **more)  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_makes_up_for_a_gap_counts_only_while_it_is_met(fresh: Judged) -> None:
    before = risk_of(fresh)
    told(fresh, Conformity.CONFORMS)
    save_decision(fresh.store, word(), OFFICER)
    now = risk_of(fresh)
    assert (now.level, now.found, now.by, now.lapsed) == (Level.LOW, before.found, "officer", None)
    told(fresh, Conformity.FAILS)
    now = risk_of(fresh)
    assert (now.level, now.by) == (before.level, before.by)
    assert now.lapsed is not None
    assert OTHER in now.lapsed.zh
    content = make("assessment", fresh.dossier(), "zh_CN", whole=True)
    (row,) = next(block for block in content.blocks if isinstance(block, Table) and block.sheet == "整体测评").rows
    assert "不生效" in str(row[-1])


@pytest.mark.slow
def test_nothing_makes_up_for_itself(fresh: Judged) -> None:
    with pytest.raises(Refused, match="cannot make up for itself"):
        save_decision(fresh.store, word(by=(GAP,)), OFFICER)


@pytest.mark.slow
def test_the_guide_has_the_last_word_where_it_accepts_no_measures(fresh: Judged) -> None:
    told(fresh, Conformity.CONFORMS)
    save_answer(fresh.store, Answer(item="G.CMS.ASM.1", conformity=Conformity.FAILS, who="li", time=NOW, comment="未测评", expires=NOW + 60 * DAY), OFFICER)
    save_decision(fresh.store, word(item="G.CMS.ASM.1"), OFFICER)
    risk = next(one for one in fresh.dossier().risks if one.item == "G.CMS.ASM.1")
    assert risk.case
    assert risk.case.mitigation == "none"
    assert risk.lapsed
    assert "6.9.4.1" in risk.lapsed.en


@pytest.mark.slow
def test_a_proposal_needs_everything_that_it_names_met_and_nobodys_word_yet(judged: Judged) -> None:
    dossier = judged.dossier()
    rule = next(one for one in load_compensations() if one.item == "G.CES.IP.2")
    risk = Risk(item="G.CES.IP.2", level=Level.MEDIUM, found=Level.MEDIUM, major=False, by="", case=None, assets=(), why=rule.why)
    met = {name: replace(dossier.results[name], conformity=Conformity.CONFORMS) for name in rule.by}
    assert proposed(risk, {**dossier.results, **met}) == rule
    unmet = {rule.by[0]: replace(dossier.results[rule.by[0]], conformity=Conformity.PARTIAL)}
    assert proposed(risk, {**dossier.results, **met, **unmet}) is None
    assert proposed(replace(risk, decision=word()), {**dossier.results, **met}) is None


def test_every_rule_names_items_that_exist_and_are_asked_at_level_three() -> None:
    asked = {item.id for item in load_framework().items if 3 in item.levels}
    assert not {name for rule in load_compensations() for name in (rule.item, *rule.by)} - asked
    assert all(rule.item not in rule.by for rule in load_compensations())
