"""What a person on duty does on the pages of incidents and mutes, run by Streamlit's own test runner; what they ask for is what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from console import actions, case_more, frame, parts
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from core.names import INCIDENT, INTENT, MUTE
from tests.console.conftest import person

pytestmark = pytest.mark.slow
APP = Path(frame.__file__).with_name("app.py")


@pytest.fixture
def li(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with an operator before it, and nobody who answers intents."""
    person(filled, "li", Role.OPERATOR)
    filled.identity.accounts.set_language("li", "en")
    account: Account = filled.identity.accounts.get("li")

    def session(*, touch: bool = False) -> Session:
        return Session(id="x", account=account, created=datetime.now(UTC), seen=datetime.now(UTC), address="127.0.0.1")

    monkeypatch.setattr(parts, "present_session", session)
    monkeypatch.setattr(parts, "cookie", lambda _name: "")
    monkeypatch.setattr(actions.outcome, "__defaults__", (0.0,))
    return filled


def opened(page: str, **query: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    return shown(test.switch_page(f"views/{page}").run())


def shown(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(str(piece.value) for piece in [*test.markdown, *test.caption, *test.warning, *test.error]).replace("\\", "")


def asked(desk: Desk) -> dict[str, Any]:
    (intent,) = desk.store.documents.find(INTENT).items
    return dict(intent.body)


def test_a_window_on_a_working_day_of_the_month_is_asked_for_after_a_preview(li: Desk) -> None:
    test = opened("mutes.py", asset="server-000")
    assert "This hides 1 alerts that fire now, of 1 incidents: server 0 cpu" in said(test)
    assert "1 of them belong to incidents of priority P1 or P2." in said(test)
    shown(test.toggle(key="mute-back").set_value(True).run())
    shown(test.selectbox(key="mute-pattern").select("working_day").run())
    assert "working day 1 of the month 22:00-02:00" in said(test)
    test.text_input(key="mute-why").set_value("patches").run()
    shown(test.button(key="mute-do").click().run())
    args = asked(li)["args"]
    assert (args["kind"], args["match"], args["why"]) == ("silence", {"asset": ["server-000"]}, "patches")
    assert args["recurring"] == {"working_day": [1], "from": "22:00", "to": "02:00"}
    assert datetime.fromisoformat(args["until"]).tzinfo is not None


def test_a_freeze_names_the_kinds_of_alerts_it_holds(li: Desk) -> None:
    test = opened("mutes.py")
    shown(test.button_group(key="mute-kind").set_value("freeze").run())
    shown(test.multiselect(key="mute-groups").set_value([("kind", "switch")]).run())
    assert "This hides 1 alerts" in said(test)
    shown(test.multiselect(key="mute-classes").set_value(["security"]).run())
    assert "This hides 0 alerts" in said(test)
    test.text_input(key="mute-why").set_value("两会").run()
    shown(test.button(key="mute-do").click().run())
    args = asked(li)["args"]
    assert (args["kind"], args["match"], args["classes"]) == ("freeze", {"kind": ["switch"]}, ["security"])


def test_a_broken_pattern_is_said_and_cannot_be_asked_for(li: Desk) -> None:
    test = opened("mutes.py")
    shown(test.text_input(key="mute-rule").set_value("~((").run())
    shown(test.text_input(key="mute-why").set_value("x").run())
    assert "broken" in said(test)
    assert test.button(key="mute-do").disabled


def two_alerts(desk: Desk) -> str:
    """The first incident with a second alert, which is held."""
    first = desk.store.documents.get(INCIDENT, "i00000")
    one = first.body["members"][0]
    more = {
        **one,
        "fingerprint": "f-second",
        "rule": "brute_force",
        "asset": "switch-001",
        "why": "unreachable via server-000",
        "held_by": "silence",
        "holder": "m1",
        "class": "auth",
    }
    desk.store.documents.put(INCIDENT, "i00000", {**first.body, "members": [one, more]}, first.version)
    return "i00000"


def form_of() -> None:
    """One form of the dialog by itself: the test runner cannot keep a dialog open."""
    import streamlit as st

    from console import case_more, i18n, parts
    from console.desk import desk
    from console.queries import cases

    i18n.speak("en")
    here = desk()
    case_more.FORMS[st.session_state["form"]](here, parts.present_session().account, cases.get_case(here.store, "i00000"))


def form(name: str) -> AppTest:
    test = AppTest.from_function(form_of, default_timeout=60)
    test.session_state["form"] = name
    return shown(test.run())


def test_an_alert_that_does_not_belong_is_split_off(li: Desk) -> None:
    two_alerts(li)
    test = form("split")
    assert test.button(key="more-split").disabled
    members = test.multiselect(key="more-members")
    members.select(members.options[1]).run()
    shown(test.button(key="more-split").click().run())
    intent = asked(li)
    assert (intent["what"], intent["on"], intent["args"]) == ("split", "i00000", {"alerts": ["f-second"]})


def test_an_incident_is_merged_into_another_open_one(li: Desk) -> None:
    test = form("merge")
    test.selectbox(key="more-into").select_index(0).run()
    shown(test.button(key="more-merge").click().run())
    intent = asked(li)
    assert (intent["what"], intent["on"]) == ("merge", "i00000")
    assert intent["args"]["into"] in ("i00001", "i00002")


def test_a_clock_is_stopped_while_the_vendor_is_awaited(li: Desk) -> None:
    test = form("pause")
    test.text_input(key="more-pause-why").set_value("case 4711").run()
    shown(test.button(key="more-pause").click().run())
    assert asked(li)["args"] == {"for": "vendor", "why": "case 4711"}


@pytest.mark.parametrize("name", sorted(case_more.FORMS))
def test_every_form_of_the_dialog_shows_itself(li: Desk, name: str) -> None:
    two_alerts(li)
    assert form(name).button


def test_a_merged_incident_offers_the_way_back(li: Desk) -> None:
    first = li.store.documents.get(INCIDENT, "i00000")
    li.store.documents.put(INCIDENT, "i00000", {**first.body, "state": "merged", "links": [{"merged_into": "i00001"}]}, first.version)
    test = opened("incident.py", id="i00000")
    shown(test.button(key="case-unmerge").click().run())
    assert asked(li)["what"] == "unmerge"


def test_the_page_says_why_each_alert_is_here_who_was_told_and_which_requirements_it_bears_on(li: Desk) -> None:
    two_alerts(li)
    test = opened("incident.py", id="i00000")
    assert "it is reached over server 0, which failed" in str(test.dataframe[0].value.to_dict())
    assert "silence" in str(test.dataframe[0].value.to_dict())
    assert "Requirements of graded protection it bears on" in said(test)
    assert "Nobody was told yet." in said(test)


def test_an_exception_is_offered_to_who_may_and_asked_for_with_its_end(li: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [option.content for option in opened("mutes.py").button_group(key="mute-kind").proto.options] == ["silence", "maintenance", "freeze"]
    leader = Account(name="li", roles=(Role.DUTY_LEADER,), language="en")
    monkeypatch.setattr(parts, "present_session", lambda **_: Session(id="x", account=leader, created=datetime.now(UTC), seen=datetime.now(UTC)))
    test = opened("mutes.py", asset="server-000", rule="cpu")
    shown(test.button_group(key="mute-kind").set_value("except").run())
    shown(test.text_input(key="mute-why").set_value("batch job, accepted by the leader").run())
    shown(test.button(key="mute-do").click().run())
    intent = asked(li)
    assert (intent["what"], intent["args"]["match"]) == ("except", {"asset": ["server-000"], "rule": ["cpu"]})
    assert datetime.fromisoformat(intent["args"]["until"]) > li.now()
    assert set(intent["args"]) == {"match", "why", "until"}


def test_an_exception_in_force_is_ended_by_who_may_set_one(li: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in li.store.documents.find(MUTE).items:
        li.store.documents.delete(MUTE, found.id)
    body = {"id": "except-3", "kind": "except", "match": {"asset": "server-000", "rule": "cpu"}, "active": True, "ended": False, "by": "boss", "why": "x"}
    li.store.documents.put(MUTE, "except-3", {**body, "from": li.now().isoformat(), "until": (li.now() + timedelta(days=9)).isoformat()})
    monkeypatch.setattr(parts, "rows", lambda _rows, key, *_more, **_named: 0 if key == "mutes" else None)
    assert "mute-end" not in [button.key for button in opened("mutes.py").button]
    leader = Account(name="li", roles=(Role.DUTY_LEADER,), language="en")
    monkeypatch.setattr(parts, "present_session", lambda **_: Session(id="x", account=leader, created=datetime.now(UTC), seen=datetime.now(UTC)))
    shown(opened("mutes.py").button(key="mute-end").click().run())
    assert (asked(li)["what"], asked(li)["args"]) == ("unexcept", {"id": "except-3"})


def test_a_person_opens_an_incident_that_no_alert_tells(li: Desk) -> None:
    test = opened("incidents.py")
    shown(test.button(key="cases-new").click().run())
    assert test.text_input(key="open-title").label == "What is wrong"
    assert test.button(key="open-do").disabled
