from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.answers import save_answer
from compliance.history import as_of, causes, difference, reasons, turns
from compliance.load import load_checks
from compliance.prove import NOW
from compliance.rollup import Answer, Conformity
from compliance.run import Inspector
from core.names import CONFIG_CHANGE, INCIDENT
from inventory.book import Book
from store.base import Store
from tests.compliance.test_run import HOUR, fill, log_days, store, weak  # noqa: F401

CHECKS = tuple(check for check in load_checks().checks.values() if not check.is_worked_out)
DAY = timedelta(days=1)


def outcomes(store: Store, after: timedelta) -> dict[str, str]:  # noqa: F811
    return {body["check"]: body["outcome"] for body in as_of(store.documents, NOW + after).verdicts}


@pytest.fixture
def told(store: Store) -> Store:  # noqa: F811
    """A host that is good, bad for two hours, and good again."""
    log_days(store, "web1", 3)
    inspector = Inspector(store, CHECKS)
    fill(store)
    inspector.inspect(["web1"], NOW)
    fill(store, kinds={"sshd_config": weak(store)}, at=HOUR)
    inspector.inspect(["web1"], NOW + HOUR)
    fill(store, at=3 * HOUR)
    inspector.inspect(["web1"], NOW + 3 * HOUR)
    return store


def test_the_state_of_a_past_hour_is_what_was_judged_then(told: Store) -> None:
    assert as_of(told.documents, NOW - HOUR).verdicts == ()
    assert outcomes(told, timedelta())["lnx-ssh-root"] == "pass"
    assert outcomes(told, 2 * HOUR)["lnx-ssh-root"] == "fail"
    assert outcomes(told, 4 * HOUR)["lnx-ssh-root"] == "pass"
    assert len(outcomes(told, timedelta())) == len(CHECKS)


def test_only_what_turned_is_written_again(told: Store) -> None:
    first, *rest = [rows for _, rows in evidence.notes(told.documents, evidence.VERDICTS)]
    assert len(first) == len(CHECKS)
    reads_sshd = {check.id for check in CHECKS if "sshd_config" in check.kinds}
    assert rest
    assert all({row["check"] for row in rows} <= reads_sshd | {"lnx-log-retention"} for rows in rest)
    assert evidence.first_break(told.documents) is None


def test_a_turn_names_the_line_the_change_and_the_incident_before_it(told: Store) -> None:
    Book(told).save("web1", {"note": "opened root for the vendor"}, source="person", who="li", now=NOW + HOUR / 2)
    told.documents.put(INCIDENT, "i1", {"root": "web1", "opened": (NOW + HOUR / 2).isoformat(), "title": {"zh": "维护", "en": "maintenance"}})
    (turn,) = turns(as_of(told.documents, NOW).verdicts, as_of(told.documents, NOW + 2 * HOUR).verdicts)
    assert (turn.check, turn.before, turn.after) == ("lnx-ssh-root", "pass", "fail")
    text, change, incident = causes(told.documents, turn)
    assert text.text.splitlines() == ["sshd_config", "-permitrootlogin no", "+permitrootlogin yes"]
    assert change.text.startswith("li: ")
    assert (incident.kind, incident.id) == ("incident", "i1")


def member(asset: str, after: timedelta, rule: str = "link_down") -> dict[str, object]:
    return {"asset": asset, "rule": rule, "joined": (NOW + after).isoformat(), "title": {"zh": f"{asset} 断开", "en": f"{asset} down"}}


def test_a_turn_names_an_incident_that_the_asset_joined_and_no_other(told: Store) -> None:
    own = member("web1", HOUR / 2, "compliance.lnx-ssh-root")
    for name, opened, members in (
        ("joined", -72 * HOUR, [member("sw1", -72 * HOUR), member("web1", HOUR / 2)]),
        ("long-before", -72 * HOUR, [member("sw1", HOUR / 2), member("web1", -72 * HOUR)]),
        ("afterwards", -HOUR, [member("sw1", -HOUR), member("web1", 2 * HOUR)]),
        ("by-itself", -HOUR, [member("sw1", -HOUR), own]),
        ("others", -HOUR, [member("sw1", HOUR / 2)]),
    ):
        body = {"root": "sw1", "opened": (NOW + opened).isoformat(), "updated": (NOW + 3 * HOUR).isoformat(), "title": {"zh": "断电"}, "members": members}
        told.documents.put(INCIDENT, name, body)
    (turn,) = turns(as_of(told.documents, NOW).verdicts, as_of(told.documents, NOW + 2 * HOUR).verdicts)
    (cause,) = [cause for cause in causes(told.documents, turn) if cause.kind == "incident"]
    assert (cause.id, cause.time, cause.text) == ("joined", NOW + HOUR / 2, "断电 · web1 断开 / web1 down")


def test_a_turn_names_who_changed_the_configuration(told: Store) -> None:
    body = {"asset": "web1", "time": (NOW + HOUR / 2).isoformat(), "user": "zhao", "source": "10.0.0.9", "how": "said", "added": 1, "removed": 2, "run": ""}
    told.documents.put(CONFIG_CHANGE, "web1/1", body)
    (turn,) = turns(as_of(told.documents, NOW).verdicts, as_of(told.documents, NOW + 2 * HOUR).verdicts)
    (cause,) = [cause for cause in causes(told.documents, turn) if cause.kind == "configuration"]
    assert cause.text == "zhao · 10.0.0.9 · said · +1 -2"


def test_a_requirement_that_came_out_otherwise_says_which_verdict_or_whose_word_did_it(told: Store) -> None:
    found = turns(as_of(told.documents, NOW).verdicts, as_of(told.documents, NOW + 2 * HOUR).verdicts)
    (said,) = reasons("G.CES.AC.2", found, (), ())
    assert said.en == "web1: Root cannot log in remotely (passes → fails)"
    first = Answer(item="G.PSS.RUL.1", conformity=Conformity.CONFORMS, who="li", time=NOW, comment="file 7", expires=NOW + DAY)
    second = replace(first, who="wang", conformity=Conformity.FAILS, comment="withdrawn")
    assert [one.en for one in reasons("G.PSS.RUL.1", found, [first], [second])] == ["wang decided: does not conform, withdrawn"]
    assert reasons("G.PSS.RUL.1", found, [first], [])[0].en.startswith("what li decided ended on ")
    assert reasons("G.PSS.RUL.1", found, [first], [first]) == []


def test_answers_of_a_past_day_are_those_given_by_then(told: Store) -> None:
    answer = Answer(item="G.PSS.RUL.1", conformity=Conformity.CONFORMS, who="li", time=NOW + HOUR, comment="file 7", expires=NOW + 300 * DAY)
    save_answer(told, answer, ["security_officer"])
    assert as_of(told.documents, NOW).answers == ()
    assert as_of(told.documents, NOW + 2 * HOUR).answers == (answer,)


def test_a_day_on_which_nothing_was_noted_is_called_dark(told: Store) -> None:
    assert as_of(told.documents, NOW - DAY).is_dark
    assert not as_of(told.documents, NOW + DAY).is_dark
    assert as_of(told.documents, NOW + 9 * DAY).is_dark
    evidence.note(told.documents, evidence.DAYS, "", {}, NOW + 9 * DAY)
    assert not as_of(told.documents, NOW + 9 * DAY).is_dark


def test_a_difference_of_thousands_of_lines_is_cut() -> None:
    assert difference("a\n" * 3, "a\n" * 3) == []
    assert difference("", "\n".join(map(str, range(1000))))[-1] == "... 960"


def test_a_store_of_before_gets_its_history_at_the_next_round(told: Store, tmp_path: Path) -> None:
    from core.names import VERDICT

    for document in told.documents.find(VERDICT).items:
        told.documents.put(VERDICT, document.id, {key: value for key, value in document.body.items() if key != "link"})
    before = evidence.head(told.documents)[0]
    Inspector(told, CHECKS).inspect(["web1"], NOW + 4 * HOUR)
    assert evidence.head(told.documents)[0] > before
    assert len(outcomes(told, 5 * HOUR)) == len(CHECKS)
