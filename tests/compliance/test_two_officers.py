"""Who may decide, by every way there is; and two who decide at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from compliance import evidence
from compliance.answers import ANSWER, answer_id, answers, mark, save_answer, versions
from compliance.exemptions import Exemption, decide, request, withdraw
from compliance.history import as_of
from compliance.prove import NOW
from compliance.register import remove_object, save_object
from compliance.remedies import Remedy, hand_out, report_done
from compliance.remedies import withdraw as give_up
from compliance.risk import Decision, Level, decisions, decisions_at, save_decision
from compliance.rollup import Answer, Conformity
from core.errors import Refused
from store.base import Store
from store.open import open_store
from tests.compliance.conftest import SUBJECT

OFFICER = ("security_officer",)
DAY = timedelta(days=1)
GIVEN = Answer(item="G.PES.LOC.2", conformity=Conformity.CONFORMS, who="li", time=NOW, comment="seen", expires=NOW + 90 * DAY)
ASKED = Exemption(id="", item="G.CES.AC.2", object="oa", reason="r", compensation="c", requester="zhao", requested=NOW, expires=NOW + 9 * DAY)
RISK = Decision(item="G.CES.AC.2", object="oa", level=Level.LOW, major=False, reason="r", who="li", time=NOW, expires=NOW + 9 * DAY)
WORK = Remedy(id="", item="G.CES.AC.2", object="oa", owner="wang", measure="m", due=NOW.date(), level=Level.LOW, by="li", created=NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


Deed = Callable[[Store, tuple[str, ...]], object]
DEEDS: dict[str, Deed] = {
    "answer": lambda store, roles: save_answer(store, GIVEN, roles),
    "object": lambda store, roles: save_object(store, SUBJECT, "x", roles, NOW),
    "no object": lambda store, roles: remove_object(store, "oa", "x", roles, NOW),
    "grant": lambda store, roles: decide(store, store.documents.find("compliance-exemption").items[0].id, "x", roles, NOW, grant=True, remark="r"),
    "withdraw": lambda store, roles: withdraw(store, store.documents.find("compliance-exemption").items[0].id, "x", roles, NOW),
    "risk": lambda store, roles: save_decision(store, RISK, roles),
    "hand out": lambda store, roles: hand_out(store, WORK, roles, NOW.date()),
    "give up": lambda store, roles: give_up(store, "r-1", "x", roles, "why", NOW),
    "exemption": lambda store, roles: request(store, ASKED, roles),
    "done": lambda store, roles: report_done(store, "r-1", "x", roles, "done", NOW),
}
NOBODY = ("viewer", "audit_admin", "system_admin", "Security_Officer", "security_officer ", "root", "")


@pytest.mark.parametrize("deed", DEEDS)
def test_who_has_no_right_changes_nothing_whatever_the_role_is_called(store: Store, deed: str) -> None:
    request(store, ASKED, ("operator",))
    before = evidence.head(store.documents), len(store.audit.read())
    for roles in ((), *((role,) for role in NOBODY), NOBODY):
        with pytest.raises(Refused):
            DEEDS[deed](store, roles)
    assert (evidence.head(store.documents), len(store.audit.read())) == before


def test_an_operator_asks_and_reports_and_decides_nothing(store: Store) -> None:
    request(store, ASKED, ("operator",))
    for deed in set(DEEDS) - {"exemption", "done"}:
        with pytest.raises(Refused):
            DEEDS[deed](store, ("operator", "duty_leader"))


def test_the_second_of_two_officers_is_told_and_looks_first(store: Store) -> None:
    place = answer_id(GIVEN)
    first = second = mark(store, place)
    save_answer(store, GIVEN, OFFICER, seen=first)
    other = replace(GIVEN, who="wang", conformity=Conformity.FAILS, time=NOW + timedelta(minutes=1))
    with pytest.raises(Refused, match="somebody else decided"):
        save_answer(store, other, OFFICER, seen=second)
    assert [one["who"] for one in versions(store, GIVEN.item)] == ["li"]
    save_answer(store, other, OFFICER, seen=mark(store, place))
    assert answers(store)[0].who == "wang"


def test_of_decisions_at_the_same_moment_the_chain_and_the_present_agree(store: Store) -> None:
    together = Barrier(6)

    def both(number: int) -> None:
        together.wait(30)
        save_answer(store, replace(GIVEN, who=f"o{number}"), OFFICER)
        save_decision(store, replace(RISK, who=f"o{number}"), OFFICER)

    for _ in range(3):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(both, range(6)))
        assert as_of(store.documents, NOW).answers == tuple(answers(store))
        assert decisions_at(store.documents, NOW) == decisions(store)
    assert len(versions(store, GIVEN.item)) == 18
    assert evidence.first_break(store.documents) is None


def test_an_earlier_decision_that_is_written_late_does_not_stand_over_a_later_one(store: Store) -> None:
    evidence.stand(store.documents, ANSWER, "x", {"who": "later"}, "000000000009")
    evidence.stand(store.documents, ANSWER, "x", {"who": "earlier"}, "000000000008")
    assert store.documents.get(ANSWER, "x").body["who"] == "later"


def test_a_decision_that_comes_from_elsewhere_stands_in_the_past_from_the_day_on_which_it_came(store: Store) -> None:
    save_answer(store, GIVEN, OFFICER, recorded=NOW + 30 * DAY)
    assert as_of(store.documents, NOW + 29 * DAY).answers == ()
    assert as_of(store.documents, NOW + 31 * DAY).answers == (GIVEN,)
