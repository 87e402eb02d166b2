"""Every case of the high-risk guide that nothing decides says what to look at, and shows which checks speak for it, without being met by them."""

from __future__ import annotations

from compliance.check import Check
from compliance.framework import Case, Item, load_framework
from compliance.load import load_checks
from compliance.objects import ProtectionObject
from compliance.prove import NOW, prove
from compliance.risk import Ground, load_conditions
from compliance.rollup import Conformity, ItemResult, book_of, on_asset, over_assets
from compliance.run import document
from compliance.signs import Standing, State, load_signs, standings
from compliance.verdict import Outcome, Verdict

CHECKS = load_checks().checks
WORLD = load_framework()
CASES = {case.case: case for case in WORLD.cases}
ROOMS = ProtectionObject(id="oa", name="oa", s=3, a=3, extensions=("cloud", "mobile", "iot", "ics"), high_continuity=True, key_industry=True)


def item_of(case: Case) -> Item:
    return next(item for item in WORLD.items if item.id in case.items)


def stands(case: Case, check: Check, outcome: Outcome) -> Standing:
    """Where the case stands when nothing but one verdict is known."""
    item = item_of(case)
    verdict: Verdict = next(verdict for _, verdict in prove(check) if verdict.outcome is outcome)
    result: ItemResult = over_assets(item, [on_asset(book_of(WORLD, [item], [check]), item, "a", {check.id: verdict}, (), NOW)])
    body = document(verdict, check, None, {read.kind: "" for read in verdict.read})
    ground = Ground(subject=ROOMS, items=[item], results={item.id: result}, verdicts=[body], cases=[case], steps=(), now=NOW)
    (found,) = standings(ground)
    return found


def test_no_case_is_a_bare_question() -> None:
    decided = {name for name, one in load_conditions().items() if one.checks or one.step}
    assert {name for name in CASES if name not in decided} <= set(load_signs())


def test_signs_name_cases_and_checks_that_there_are_and_none_that_decides() -> None:
    for name, one in load_signs().items():
        assert name in CASES
        assert set(one.checks) <= set(CHECKS), name
        assert not set(one.checks) & set(load_conditions()[name].checks if name in load_conditions() else ()), name


def test_a_sign_is_shown_and_does_not_meet_the_case() -> None:
    door = CHECKS["env-door"]
    found = stands(CASES["6.1.1.1"], door, Outcome.FAIL)
    assert (found.state, found.by) == (State.OPEN, "")
    assert [(title.zh, len(assets)) for title, assets in found.failing] == [(door.title.zh, 1)]
    assert found.look


def test_a_check_that_passes_is_shown_as_no_sign() -> None:
    found = stands(CASES["6.1.1.1"], CHECKS["env-door"], Outcome.PASS)
    assert (found.failing, len(found.quiet)) == ((), 1)


def test_a_condition_that_fails_meets_the_case_and_an_item_that_conforms_excludes_it() -> None:
    assert stands(CASES["6.3.2.1"], CHECKS["net-default-deny"], Outcome.FAIL).state is State.MET
    case = CASES["7.1.1.1"]
    item = item_of(case)
    result = ItemResult(item=item.id, conformity=Conformity.CONFORMS, by="officer", reason=CHECKS["env-door"].title)
    (found,) = standings(Ground(subject=ROOMS, items=[item], results={item.id: result}, verdicts=(), cases=[case], steps=(), now=NOW))
    assert found.state is State.EXCLUDED
