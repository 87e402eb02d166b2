from __future__ import annotations

import pytest

from compliance.check import Text
from compliance.framework import grade_of, load_framework
from compliance.queries import scored
from compliance.risk import counted
from compliance.rollup import Conformity, ItemResult
from compliance.whatif import cheapest, load_efforts, what_if, works
from tests.compliance.conftest import Judged

ITEMS = load_framework().applicable(grade_of(3))
SAYS = Text(zh="说明", en="said")


def results(gaps: int, unknown: int = 0) -> dict[str, ItemResult]:
    words = [Conformity.FAILS] * gaps + [Conformity.UNKNOWN] * unknown
    words += [Conformity.CONFORMS] * (len(ITEMS) - len(words))
    return {item.id: ItemResult(item=item.id, conformity=word, reason=SAYS) for item, word in zip(ITEMS, words, strict=True)}


def test_fixing_five_gives_the_figure_of_five_fewer_gaps() -> None:
    found = results(25)
    before = scored(ITEMS, found, "report-2025")
    after = what_if(ITEMS, found, (), {item.id for item in ITEMS[:5]}, "report-2025")
    assert before.figure == pytest.approx(100 * 186 / 211)
    assert after.figure == pytest.approx(100 * 191 / 211)
    assert (before.conclusion.zh, after.conclusion.zh) == ("基本符合", "符合")


def test_the_cheapest_way_stops_as_soon_as_the_conclusion_stands() -> None:
    way = cheapest(ITEMS, results(25), (), (), "report-2025", load_efforts())
    assert way.reached
    assert len(way.works) == 4
    assert way.after.figure == pytest.approx(100 * 190 / 211)
    assert [work.figure for work in way.works] == sorted(work.figure for work in way.works)


def test_no_other_choice_of_as_many_items_is_cheaper() -> None:
    found = results(30)
    way = cheapest(ITEMS, found, (), (), "report-2025", load_efforts())
    every = sorted(work.hours for work in works(ITEMS, found, (), (), load_efforts()))
    assert way.hours == sum(every[: len(way.works)])


def test_verifying_comes_before_mending_since_it_is_cheaper() -> None:
    way = cheapest(ITEMS, results(20, unknown=40), (), (), "report-2025", load_efforts())
    assert way.reached
    kinds = [work.verify for work in way.works]
    assert kinds == sorted(kinds, reverse=True)


def test_a_risk_that_stands_in_the_way_is_on_the_way_first(judged: Judged) -> None:
    dossier = judged.dossier()
    way = cheapest(dossier.items, dossier.results, dossier.risks, dossier.verdicts, dossier.scheme, load_efforts())
    must = {risk.item for risk in dossier.risks if risk.major or risk.level == "high"}
    assert {work.item for work in way.works[: len(must)]} == must
    assert way.reached
    assert counted(risk for risk in dossier.risks if risk.item not in {work.item for work in way.works}).major == 0


def test_hours_grow_with_checks_and_assets(judged: Judged) -> None:
    dossier, efforts = judged.dossier(), load_efforts()
    found = {work.item: work for work in works(dossier.items, dossier.results, dossier.risks, dossier.verdicts, efforts)}
    work = found["G.CES.AC.2"]
    assert (work.checks, work.assets, work.verify) == (("lnx-ssh-root",), ("web2",), False)
    assert work.hours == efforts.check_h + efforts.asset_h
    assert found["G.PSS.RUL.1"].verify
    assert found["G.PSS.RUL.1"].hours == efforts.verify_h


def test_the_deductions_of_2021_are_counted_too() -> None:
    way = cheapest(ITEMS, results(40), (), (), "report-2021", load_efforts())
    assert way.reached
    assert way.after.conclusion.zh == "优"
