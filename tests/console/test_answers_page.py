"""The list of requirements that wait for a person: filters, question, decision, history."""

# ruff: noqa: F811 - fixtures of the other tests of these pages

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from compliance.answers import answers
from console import actions
from console.desk import Desk
from console.identity.roles import Role
from tests.console.test_audits import Visitor, button, here, officer, opened, said, store, visitor  # noqa: F401

pytestmark = pytest.mark.slow


def test_an_officer_decides_about_one_item_after_the_other(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance.py", object="oa", tab="work", item="G.PES.LOC.2")
    assert "requirements that need a person are decided" in test.get("progress")[0].proto.text
    assert "On which floor is the room?" in said(test)
    test.text_area[0].set_value("third floor, seen on site")
    next(one for one in test.segmented_control if one.label == "result").set_value(next(iter(_results(test, "conforms"))))
    button(test, "Save the decision").click().run()
    assert not test.exception, test.exception
    (kept,) = answers(here.store)
    assert (kept.item, kept.object, kept.who) == ("G.PES.LOC.2", "oa", "wang")
    again = opened("compliance.py", object="oa", item="G.PES.LOC.2")
    assert "third floor, seen on site" in said(again)


def test_an_item_that_needs_a_file_is_not_saved_without_one(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance.py", object="oa", tab="work", item="G.CMS.GRF.1")
    test.text_area[0].set_value("report of 2024")
    next(one for one in test.segmented_control if one.label == "result").set_value(next(iter(_results(test, "conforms"))))
    button(test, "Save the decision").click().run()
    assert "only with a file" in said(test)
    assert not answers(here.store)


def test_who_may_only_read_is_offered_no_form(here: Desk, visitor: Visitor) -> None:
    visitor.account = officer("zhang", Role.AUDIT_ADMIN)
    test = opened("compliance.py", object="oa", tab="work", item="G.PES.LOC.2")
    assert "On which floor is the room?" in said(test)
    assert not [one for one in test.button if one.label == "Save the decision"]


def test_who_lost_the_right_while_the_form_was_open_decides_nothing(here: Desk, visitor: Visitor) -> None:
    test = filled("seen")
    visitor.account = officer("wang", Role.OPERATOR)
    button(test, "Save the decision").click().run()
    assert not answers(here.store)


def test_the_second_of_two_officers_is_told_and_decides_after_looking(here: Desk, visitor: Visitor) -> None:
    first, second = filled("seen by the first"), filled("seen by the second")
    button(first, "Save the decision").click().run()
    button(second, "Save the decision").click().run()
    assert "somebody else decided" in said(second)
    assert [one.comment for one in answers(here.store)] == ["seen by the first"]
    assert "seen by the first" in said(second), "the decision of the other stands below the form"
    button(second, "Save the decision").click().run()
    assert [one.comment for one in answers(here.store)] == ["seen by the second"]


def test_no_address_of_the_interface_decides() -> None:
    from console.api.compliance import router

    methods = {method for route in router.routes for method in getattr(route, "methods", ())}
    assert methods <= {"GET", "HEAD"}
    assert not [word for word in actions.NEEDS if "answer" in word and not word.startswith("run.")]


def filled(comment: str) -> AppTest:
    """The form with a decision that was not sent yet."""
    test = opened("compliance.py", object="oa", tab="work", item="G.PES.LOC.2")
    test.text_area[0].set_value(comment)
    next(one for one in test.segmented_control if one.label == "result").set_value(next(iter(_results(test, "conforms"))))
    return test


def _results(test: object, word: str) -> list[object]:
    from compliance.rollup import Conformity

    return [Conformity(word)]
