from __future__ import annotations

from datetime import date, timedelta

import pytest

from compliance.check import Text
from compliance.framework import Grade, grade_of, load_framework
from compliance.load import load_checks
from compliance.prove import NOW
from compliance.queries import by_asset, by_layer, coverage, estate, of_asset, of_item, scored
from compliance.rollup import Answer, Conformity, book_of, combined, on_asset, over_assets
from compliance.run import document
from compliance.scoring import Risks, Scored, load_schemes, scheme_for, score
from compliance.verdict import Outcome, Verdict
from core.errors import ConfigError

C, P, F, N, U = Conformity.CONFORMS, Conformity.PARTIAL, Conformity.FAILS, Conformity.NOT_APPLICABLE, Conformity.UNKNOWN
FRAMEWORK, CHECKS = load_framework(), load_checks().checks
ITEMS = FRAMEWORK.applicable(grade_of("S3A3"))
BOOK = book_of(FRAMEWORK, ITEMS, CHECKS.values())
BY_ID = {item.id: item for item in ITEMS}


def verdict(check: str, outcome: Outcome, asset: str = "web1") -> Verdict:
    return Verdict(check=check, asset=asset, time=NOW, outcome=outcome, reason=Text(zh="甲", en="a"))


@pytest.mark.parametrize(
    ("grade", "count"),
    [("S1A1", 55), ("S2A2", 135), ("S3A3", 211), ("S4A4", 228), ("2", 135)],
)
def test_a_grade_asks_for_the_counted_items(grade: str, count: int) -> None:
    assert len(FRAMEWORK.applicable(grade_of(grade))) == count


def test_each_attribute_is_taken_at_its_own_level() -> None:
    mixed = FRAMEWORK.applicable(grade_of("S2A3"))
    assert all((3 if item.attribute in "AG" else 2) in item.levels for item in mixed)
    assert len(mixed) == 135 + sum(i.attribute != "S" for i in ITEMS) - sum(i.attribute != "S" for i in FRAMEWORK.applicable(grade_of("S2A2")))
    assert len(FRAMEWORK.applicable(Grade(3, 3, ("cloud",)))) == 211 + 46


def test_a_wrong_grade_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no grade"):
        grade_of("S5A1")


def test_every_item_that_a_check_names_exists() -> None:
    known = {item.id for item in FRAMEWORK.items}
    drafts = set(FRAMEWORK.drafts)
    for check in CHECKS.values():
        assert set(check.items) <= known, check.id
        assert set(check.catalogue) <= drafts, check.id


@pytest.mark.parametrize(
    ("parts", "result"),
    [([C, C], C), ([F, F], F), ([C, F], P), ([N, N], N), ([N, C], C), ([C, U], U), ([U, U], U), ([F, U], P), ([P, C], P), ([], U)],
)
def test_results_combine_as_the_standard_says(parts: list[Conformity], result: Conformity) -> None:
    assert combined(parts) is result


def test_a_failing_check_decides_and_a_passing_one_only_where_telemetry_may() -> None:
    auto, partial = BY_ID["G.CES.IA.2"], BY_ID["G.CES.IA.4"]
    names = BOOK.checks[auto.id]
    passed = {name: verdict(name, Outcome.PASS) for name in names}
    assert on_asset(BOOK, auto, "web1", passed, (), NOW).conformity is C
    assert on_asset(BOOK, auto, "web1", passed | {names[0]: verdict(names[0], Outcome.FAIL)}, (), NOW).conformity is P
    second = on_asset(BOOK, partial, "web1", {"lnx-ssh-second-factor": verdict("lnx-ssh-second-factor", Outcome.PASS)}, (), NOW)
    assert (second.conformity, second.proposed) == (U, C)
    failed = on_asset(BOOK, partial, "web1", {"lnx-ssh-second-factor": verdict("lnx-ssh-second-factor", Outcome.FAIL)}, (), NOW)
    assert failed.conformity is F


def test_a_manual_item_asks_its_question_until_an_officer_answers() -> None:
    item = BY_ID["G.PES.LOC.1"]
    asked = on_asset(BOOK, item, "", {}, (), NOW)
    assert (asked.conformity, asked.by) == (U, "nobody")
    assert item.zh in asked.reason.zh
    answer = Answer(item=item.id, conformity=C, who="lina", time=NOW, comment="验收报告 12 号", expires=NOW + timedelta(days=300))
    assert on_asset(BOOK, item, "", {}, (answer,), NOW).conformity is C
    assert on_asset(BOOK, item, "", {}, (answer,), NOW + timedelta(days=301)).conformity is U


def test_an_answer_does_not_hide_a_known_failure() -> None:
    item = BY_ID["G.CES.IA.4"]
    answer = Answer(item=item.id, conformity=C, who="lina", time=NOW, comment="ok", expires=NOW + timedelta(days=30))
    failed = {"lnx-ssh-second-factor": verdict("lnx-ssh-second-factor", Outcome.FAIL)}
    assert on_asset(BOOK, item, "web1", failed, (answer,), NOW).conformity is F


def test_an_item_over_assets_leaves_out_those_that_say_nothing() -> None:
    item = BY_ID["G.CES.IA.2"]
    passed = {name: verdict(name, Outcome.PASS) for name in BOOK.checks[item.id]}
    both = [on_asset(BOOK, item, "web1", passed, (), NOW), on_asset(BOOK, item, "switch1", {}, (), NOW)]
    assert over_assets(item, both).conformity is C


def test_pages_see_layers_assets_items_and_the_score() -> None:
    outcomes = {"web1": Outcome.PASS, "db1": Outcome.FAIL}
    bodies = [document(verdict(check.id, outcome, asset), check, None, {}) for asset, outcome in outcomes.items() for check in CHECKS.values()]
    results = estate(BOOK, bodies, (), NOW)
    layers = by_layer(FRAMEWORK, ITEMS, results)
    assert [view.layer.code for view in layers] == ["PES", "CNS", "ABS", "CES", "SMC", "PSS", "ORS", "HRS", "CMS", "MMS"]
    assert sum(sum(view.counts.values()) for view in layers) == 211
    assert results["G.CES.IA.2"].conformity is P
    assert [view.asset for view in by_asset(bodies)] == ["db1", "web1"]
    assert of_item("G.CES.IA.2", bodies)[0]["outcome"] == "fail"
    assert of_asset(BOOK, "db1", bodies, (), NOW)["G.CES.IA.2"].conformity is F
    result = scored(ITEMS, results, "report-2025")
    assert result.figure == 0.0
    assert result.best == pytest.approx(100 * result.counts[Conformity.UNKNOWN] / len(ITEMS), abs=0.01)
    assert not result.is_final
    assert result.conclusion.zh == "不符合"


def test_coverage_names_every_item_once_and_manual_ones_as_manual() -> None:
    rows = coverage(FRAMEWORK, grade_of("S3A3"), BOOK)
    ways = {item.id: way for item, way, _ in rows}
    assert len(ways) == len(rows) == 211
    assert ways["G.PES.LOC.1"] == "manual"
    assert ways["G.CES.IA.4"] == "evidence"
    assert ways["G.CES.IA.2"] == "decided"


def example(failed: int = 0) -> list[Scored]:
    """The worked example of the notes: 100 items, 60 technical and 40 of management, with 18 gaps."""
    gaps = [
        *[Scored(conformity=F, is_technical=True, weight="关键")] * 2,
        *[Scored(conformity=P, is_technical=True, weight="重要")] * 4,
        *[Scored(conformity=F, is_technical=True)] * 5,
        *[Scored(conformity=F, is_technical=False, weight="重要")] * 3,
        *[Scored(conformity=P, is_technical=False)] * 4,
    ]
    good = [Scored(conformity=C, is_technical=number < 49) for number in range(82)]
    return [*gaps, *good, *[Scored(conformity=F, is_technical=True, weight="关键")] * failed]


def test_the_worked_example_under_the_deduction_scheme() -> None:
    result = score("report-2021", example())
    assert (result.technical, result.management, result.figure) == (35, 42, 77)
    assert result.conclusion.zh == "中"
    assert score("report-2021", example(), Risks(high=1)).conclusion.zh == "差"


def test_the_same_gaps_among_205_items_cost_less() -> None:
    rows = [*example(), *[Scored(conformity=C, is_technical=number % 2 == 0) for number in range(105)]]
    assert round(score("report-2021", rows).figure, 2) == 88.78


def test_a_very_bad_technical_half_cannot_eat_the_other() -> None:
    rows = [*[Scored(conformity=F, is_technical=True, weight="关键")] * 60, *[Scored(conformity=C, is_technical=False)] * 40]
    result = score("report-2021", rows)
    assert (result.technical, result.management, result.figure) == (0, 50, 50)


def test_the_worked_example_under_the_rate_scheme() -> None:
    for risks in (Risks(), Risks(high=1), Risks(major=1)):
        result = score("report-2025", example(), risks)
        assert (result.figure, result.conclusion.zh) == (82, "基本符合")


@pytest.mark.parametrize(
    ("conforming", "major", "word"),
    [(95, 0, "符合"), (95, 1, "基本符合"), (90, 0, "基本符合"), (60, 0, "基本符合"), (59, 0, "不符合")],
)
def test_the_limits_of_the_rate_scheme(conforming: int, major: int, word: str) -> None:
    rows = [Scored(conformity=C if number < conforming else F, is_technical=True) for number in range(100)]
    assert score("report-2025", rows, Risks(major=major)).conclusion.zh == word


def test_not_applicable_is_left_out_and_unknown_earns_nothing_yet() -> None:
    rows = [Scored(conformity=word, is_technical=True) for word in (C, C, F, U, N, N)]
    result = score("report-2025", rows)
    assert (result.figure, result.best, result.is_final) == (50, 75, False)


def test_the_scheme_is_chosen_by_the_date_of_the_report() -> None:
    assert scheme_for(date(2024, 12, 1)) == "report-2021"
    assert scheme_for(date(2026, 11, 25)) == "report-2025"
    assert set(load_schemes()) == {"report-2021", "report-2025", "rate"}
    assert scheme_for(date(2019, 1, 1), family="bureau-baseline") == "rate"
    with pytest.raises(ConfigError, match="no scoring scheme"):
        scheme_for(date(2019, 1, 1))
