"""The pages of inspection rounds: what they show, how a round is signed, and its document."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pyotp
import pytest
from docx import Document
from streamlit.testing.v1 import AppTest

from compliance.reports.write import rendered
from compliance.rounds import report, walk
from console import actions, frame, parts
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from core.clock import ManualClock
from core.errors import Refused
from core.names import INTENT, ROUND
from store.filter import Term
from tests.console.conftest import PASSWORD, person

APP = Path(frame.__file__).with_name("app.py")
OPEN = "daily-room-0"


@pytest.fixture
def li(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with an operator before it, and nobody who answers intents."""
    account = person(filled, "li", Role.OPERATOR)
    filled.identity.accounts.set_language("li", "en")
    visitor(monkeypatch, filled.identity.accounts.get(account.name))
    monkeypatch.setattr(actions.outcome, "__defaults__", (0.0,))
    return filled


def visitor(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    def session(*, touch: bool = False) -> Session:
        return Session(id="x", account=account, created=datetime.now(UTC), seen=datetime.now(UTC), address="127.0.0.1")

    monkeypatch.setattr(parts, "present_session", session)
    monkeypatch.setattr(parts, "cookie", lambda _name: "")


def opened(**query: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    test.switch_page("views/rounds.py").run()
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(str(piece.value) for piece in [*test.markdown, *test.caption, *test.error])


def asked(here: Desk, what: str) -> list[dict[str, object]]:
    return [document.body for document in here.store.documents.find(INTENT, Term("what", what)).items]


def settle(here: Desk) -> None:
    """Everything that was open is in order."""
    body = here.store.documents.get(ROUND, OPEN).body
    for item in body["items"]:
        if walk.state_of(item) == "open":
            body = walk.answer(body, {"item": item["id"], "state": "na", "text": "no sensor"}, "li", here.now())
    here.store.documents.put(ROUND, OPEN, body)


def test_the_list_says_what_is_being_walked_and_a_round_shows_its_items(li: Desk) -> None:
    assert "1 rounds are being walked, 0 are overdue" in said(opened())
    test = opened(id=OPEN)
    frame_of_items = test.dataframe[0].value
    assert list(frame_of_items["state"]).count("◆ to be looked at") == walk.counts(li.store.documents.get(ROUND, OPEN).body)["open"]
    assert "not signed yet" in said(test)


def test_an_answer_is_asked_of_the_service(li: Desk) -> None:
    test = opened(id=OPEN)
    next(one for one in test.number_input if str(one.key).startswith("value-")).set_value(24.5)
    next(one for one in test.button if one.label == "Save the answer").click().run()
    (intent,) = asked(li, "round.answer")
    assert intent["args"] == {"item": "temperature", "state": "ok", "value": 24.5, "text": ""}
    assert intent["on"] == OPEN


def test_a_signature_takes_the_right_password_alone(li: Desk) -> None:
    settle(li)
    test = opened(id=OPEN)
    for password, signatures in (("wrong", 0), (PASSWORD, 1)):
        next(one for one in test.text_input if one.label == "Password").input(password)
        next(one for one in test.button if one.label == "Sign").click().run()
        assert len(asked(li, "round.sign")) == signatures
    assert asked(li, "round.sign")[0]["args"] == {"digest": walk.digest(li.store.documents.get(ROUND, OPEN).body), "remark": ""}
    assert {"login.refused", "login.confirmed"} <= {entry.action for entry in li.store.audit.read(actor="li")}
    assert PASSWORD not in str([entry.body for entry in li.store.audit.read()]) + str(asked(li, "round.sign"))


@pytest.mark.slow
def test_a_signature_asks_for_the_code_of_whoever_has_a_second_factor(li: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(li)
    key, _box = li.identity.keys.offer("li", "x")
    li.identity.accounts.set_second("li", li.identity.keys.close("li", key), 0, (), li.now())
    visitor(monkeypatch, li.identity.accounts.get("li"))
    test = opened(id=OPEN)
    for code, signatures in (("", 0), ("000", 0), (pyotp.TOTP(key).at(clock.now()), 1)):
        next(one for one in test.text_input if one.label == "Password").input(PASSWORD)
        next(one for one in test.text_input if one.label == "Code of the second factor").input(code)
        next(one for one in test.button if one.label == "Sign").click().run()
        assert len(asked(li, "round.sign")) == signatures


def test_wrong_passwords_of_a_signature_lock_the_account(here: Desk) -> None:
    person(here, "li", Role.OPERATOR)
    for _try in range(here.settings.console.lock_after):
        with pytest.raises(Refused):
            here.identity.confirm("li", "wrong", "", here.now())
    with pytest.raises(Refused):
        here.identity.confirm("li", PASSWORD, "", here.now())


def test_who_only_reads_finds_no_form(li: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor(monkeypatch, Account(name="a", roles=(Role.AUDIT_ADMIN,), language="en"))
    test = opened(id=OPEN)
    assert not [one for one in test.button if one.label in ("Sign", "Save the answer", "Begin")]
    assert not [one for one in opened().button if one.label == "Begin"]


def test_a_round_that_was_changed_after_its_signature_is_shown_as_such(li: Desk) -> None:
    body = li.store.documents.get(ROUND, "daily-room-1").body
    body["items"][7]["answer"]["state"] = "ok"
    li.store.documents.put(ROUND, "daily-room-1", body)
    assert "changed after it was signed" in said(opened(id="daily-room-1"))


def test_the_document_holds_readings_words_and_the_comparison(li: Desk) -> None:
    body, before = (li.store.documents.get(ROUND, name).body for name in (OPEN, "daily-room-1"))
    made = report.content(OPEN, body, before, lambda asset: asset, "zh_CN", ZoneInfo("Asia/Shanghai"), li.now())
    cells = [cell.text for table in Document(BytesIO(rendered(made, "docx"))).tables for row in table.rows for cell in row.cells]
    assert {"机房温度不高于 28 ℃", "没有数据", "待检查"} <= set(cells)
    signed = report.content("x", before, None, lambda asset: asset, "en", ZoneInfo("Asia/Shanghai"), li.now())
    cells = [cell.text for table in Document(BytesIO(rendered(signed, "docx"))).tables for row in table.rows for cell in row.cells]
    assert "not in order" in cells
    assert any("<b>二号盘黄灯</b> · li" in text for text in cells)
    assert rendered(signed, "pdf").startswith(b"%PDF-")
