"""Every case of the high-risk guide that has a condition is met by the failing sample of each of its checks, and not by a passing one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from compliance.check import Check, Text
from compliance.framework import Case, Item, load_framework
from compliance.load import load_checks
from compliance.objects import TITLES, Progress, ProtectionObject, Step
from compliance.prove import NOW, prove
from compliance.risk import Ground, Level, Risk, load_conditions, rate
from compliance.rollup import Answer, Conformity, ItemResult, book_of, on_asset, over_assets
from compliance.run import document
from compliance.verdict import Outcome, Verdict

CHECKS = load_checks().checks
WORLD = load_framework()
CASES = {case.case: case for case in WORLD.cases}
CONDITIONS = load_conditions()
PAIRS = [(one.case, name) for one in CONDITIONS.values() for name in one.checks]
QUIET = [one.case for one in CONDITIONS.values() if not one.checks and not one.step]


def subject_of(case: Case) -> ProtectionObject:
    """An object to which the case speaks."""
    level = max(case.from_level, 3) if case.upward else case.from_level
    return ProtectionObject(id="oa", name="oa", s=level, a=level, extensions=("cloud",), high_continuity=True, key_industry=True)


def item_of(case: Case, check: Check) -> Item:
    """The item of the case for which the check speaks."""
    return next(item for item in WORLD.items if item.id in case.items and item.id in check.items)


def risks(case: Case, item: Item, check: Check, verdict: Verdict | None, *, answers: tuple[Answer, ...] = (), steps: tuple[Step, ...] = ()) -> list[Risk]:
    """What is rated when nothing but this verdict is known."""
    found: Mapping[str, Verdict] = {check.id: verdict} if verdict else {}
    result: ItemResult = over_assets(item, [on_asset(book_of(WORLD, [item], [check]), item, "a", found, answers, NOW)])
    bodies = [document(verdict, check, None, {read.kind: "" for read in verdict.read})] if verdict else []
    return rate(
        Ground(subject=subject_of(case), items=[item], results={item.id: result}, verdicts=bodies, cases=[case], steps=steps, now=NOW),
    )


def verdicts_of(check: Check, outcome: Outcome) -> list[Verdict]:
    return [verdict for _, verdict in prove(check) if verdict.outcome is outcome]


@pytest.mark.parametrize(("name", "check"), PAIRS)
def test_a_case_is_met_by_the_failing_sample_and_not_by_the_passing_one(name: str, check: str) -> None:
    case, ours = CASES[name], CHECKS[check]
    item = item_of(case, ours)
    failing, passing = verdicts_of(ours, Outcome.FAIL), verdicts_of(ours, Outcome.PASS)
    assert failing
    assert passing
    for verdict in failing:
        (risk,) = risks(case, item, ours, verdict)
        assert (risk.level, risk.by, risk.case) == (Level.HIGH, "telemetry", case)
    for verdict in passing:
        assert risks(case, item, ours, verdict) == []


def test_missing_anti_malware_meets_its_case_at_level_2_as_well() -> None:
    case, check = CASES["6.4.4.1"].model_copy(update={"upward": False}), CHECKS["lnx-antimalware"]
    item = next(item for item in WORLD.items if item.id == "G.CES.MC.1@L12")
    (risk,) = risks(case, item, check, verdicts_of(check, Outcome.FAIL)[0])
    assert (subject_of(case).grade.level, risk.level, risk.by) == (2, Level.HIGH, "telemetry")


@pytest.mark.parametrize("name", QUIET)
def test_where_checks_say_something_else_only_an_officer_meets_the_case(name: str) -> None:
    case = CASES[name]
    speaking = [check for check in CHECKS.values() if set(check.items) & set(case.items)]
    assert speaking
    for check in speaking:
        item = item_of(case, check)
        for verdict in verdicts_of(check, Outcome.FAIL):
            (risk,) = risks(case, item, check, verdict)
            assert (risk.level, risk.by) == (Level.MEDIUM, "")
            word = Answer(item=item.id, conformity=Conformity.FAILS, who="wang", time=NOW, comment="没有措施", expires=NOW.replace(year=NOW.year + 1))
            (risk,) = risks(case, item, check, verdict, answers=(word,))
            assert (risk.level, risk.by) == (Level.HIGH, "item")


@pytest.mark.parametrize("name", [one.case for one in CONDITIONS.values() if one.step])
def test_a_step_that_is_overdue_meets_its_case_and_one_that_is_done_does_not(name: str) -> None:
    case, step = CASES[name], CONDITIONS[name].step
    item = next(item for item in WORLD.items if item.id in case.items)
    check = next(check for check in CHECKS.values() if item.id in check.items)
    for progress, by in ((Progress.OVERDUE, "register"), (Progress.DONE, None)):
        one = Step(name=step, title=TITLES[step], progress=progress, done=date(2025, 1, 1), due=date(2026, 1, 1), why=Text(zh="-", en="-"))
        assert [risk.by for risk in risks(case, item, check, None, steps=(one,))] == ([by] if by else [])


def test_every_case_whose_items_have_checks_has_a_condition() -> None:
    spoken = {item for check in CHECKS.values() for item in check.items}
    assert [case.case for case in WORLD.cases if set(case.items) & spoken and case.case not in CONDITIONS] == []
    assert sum(bool(one.checks or one.step) for one in CONDITIONS.values()) >= 19
