"""What a person on duty does on the pages of incidents and mutes, run by Streamlit's own test runner; what they ask for is what is written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from console import actions, frame, parts
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from core.names import INTENT
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
