from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from compliance.check import Check, Text
from compliance.framework import Grade, load_framework
from compliance.load import load_checks
from compliance.rollup import Book, Conformity, book_of, on_asset
from compliance.run import document
from compliance.variants import Variant, settled, spread, variants
from compliance.verdict import Outcome, Verdict

WORLD, CHECKS = load_framework(), load_checks().checks
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def book_at(level: int) -> Book:
    return book_of(WORLD, WORLD.applicable(Grade(level, level)), CHECKS.values())


def verdict(check: Check, outcome: Outcome) -> Verdict:
    return Verdict(check=check.id, asset="a", time=NOW, outcome=outcome, reason=Text(zh="因", en="why"))


def result(level: int, item: str, check: str, outcome: Outcome) -> tuple[Conformity, Conformity | None]:
    book = book_at(level)
    found = on_asset(book, book.items[item], "a", {check: verdict(CHECKS[check], outcome)}, (), NOW)
    return found.conformity, found.proposed


def test_every_other_wording_of_the_framework_was_looked_at() -> None:
    assert {(one.item, one.of) for one in variants()} == {(item.id, item.variant_of) for item in WORLD.items if item.variant_of}


def test_every_check_that_a_weaker_wording_names_speaks_for_the_stronger_one() -> None:
    for one in variants():
        for name in one.checks:
            assert one.of in CHECKS[name].items, f"{one.item}: {name}"


def test_no_check_settles_a_stronger_wording_by_naming_it() -> None:
    stronger = {one.item for one in variants() if one.relation == "stronger"}
    assert not [check.id for check in CHECKS.values() if check.decides and stronger & set(check.items)]


def test_the_same_demand_is_settled_at_both_levels() -> None:
    assert result(3, "G.HRS.TRA.3", "rec-staff-examined", Outcome.PASS) == (Conformity.CONFORMS, None)
    assert result(4, "G.HRS.TRA.3@L4", "rec-staff-examined", Outcome.PASS) == (Conformity.CONFORMS, None)


def test_a_failure_fails_the_stronger_wording_and_a_pass_only_proposes() -> None:
    assert result(4, "G.CES.AUD.2@L4", "net-ntp", Outcome.FAIL) == (Conformity.FAILS, None)
    assert result(4, "G.CES.AUD.2@L4", "net-ntp", Outcome.PASS) == (Conformity.UNKNOWN, Conformity.CONFORMS)
    assert "G.CES.AUD.2" in book_at(3).decided


def test_what_the_weaker_wording_does_not_ask_is_no_failure_of_it() -> None:
    book = book_at(2)
    assert "rec-approvals" not in book.checks["G.ORS.APP.2@L2"]
    assert "rec-approvals" in book_at(3).checks["G.ORS.APP.2"]
    assert "G.PES.PAC.1@L12" not in book.checks


def test_a_pass_settles_a_weaker_wording_that_asks_nothing_else() -> None:
    assert result(2, "G.HRS.REC.2@L2", "rec-staff-checked", Outcome.PASS) == (Conformity.CONFORMS, None)
    assert result(3, "G.HRS.REC.2", "rec-staff-checked", Outcome.PASS) == (Conformity.UNKNOWN, Conformity.CONFORMS)


def test_an_implied_wording_is_settled_only_when_all_that_settles_the_other_counts() -> None:
    by_item = {"G.ABS.AC.1": ["net-default-deny"], "G.ABS.AC.1@L1": ["net-default-deny"]}
    assert "G.ABS.AC.1@L1" in set(settled({"G.ABS.AC.1"}, by_item))
    assert "G.ABS.AC.1@L1" not in set(settled({"G.ABS.AC.1"}, by_item | {"G.ABS.AC.1": ["net-default-deny", "more"]}))
    assert "G.ABS.AC.1@L1" not in set(settled({"G.ABS.AC.1"}, {"G.ABS.AC.1": []}))


def test_stored_verdicts_name_the_wordings_of_every_level() -> None:
    check = CHECKS["rec-policy-room"]
    body = document(verdict(check, Outcome.FAIL), check, None, {})
    assert body["items"] == ["G.MMS.ENV.2", "G.MMS.ENV.2@L4", "G.MMS.ENV.2@L2", "G.MMS.ENV.2@L1"]
    assert spread("site-own", ("G.MMS.ENV.2",)) == ("G.MMS.ENV.2", "G.MMS.ENV.2@L4")


@pytest.mark.parametrize("wrong", [{"is": "same", "checks": ("a",)}, {"is": "weaker", "settles": True}, {"is": "like"}])
def test_a_relation_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Variant.model_validate({"item": "A@L2", "of": "A", "why": {"zh": "因", "en": "why"}, **wrong})
