"""Acknowledging from a notice: once, in time, by who was called, and never by looking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from console.desk import Desk
from console.identity.roles import Role
from core.names import INCIDENT, INTENT
from inventory.people import Person
from service.alerting.links import links
from tests.console.conftest import person
from tests.console.test_api import serve
from tests.console.test_gate import program

LI = Person(id="li", roles=("operator",))


@pytest.fixture
def client(filled: Desk) -> Iterator[TestClient]:
    with TestClient(program(filled), base_url="http://127.0.0.1:8600", headers={"accept-language": "en"}, follow_redirects=False) as opened:
        yield opened


def token(here: Desk, incident: str = "i00000", who: Sequence[Person] = (LI,), reason: str = "escalation") -> str:
    found = links(here.store, "http://127.0.0.1:8600/", {"state": "open", "reason": reason}, incident, who, here.now())
    assert found["link"] == f"http://127.0.0.1:8600/incident?id={incident}"
    return found.get("ack_link", "").partition("?t=")[2]


def test_one_press_acknowledges_as_the_person_who_was_called(client: TestClient, filled: Desk) -> None:
    sent = token(filled)
    shown = client.get("/ack", params={"t": sent})
    assert (shown.status_code, "Acknowledge as li" in shown.text, "processor utilization too high" in shown.text) == (200, True, True)
    assert filled.store.documents.find(INTENT).items == ()  # looking changes nothing
    thread = serve(filled, "done")
    done = client.post("/ack", data={"t": sent})
    thread.join()
    assert "Acknowledged. You have it now." in done.text
    (intent,) = filled.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["user"], intent.body["roles"], intent.body["on"]) == ("acknowledge", "li", ["operator"], "i00000")
    again = client.post("/ack", data={"t": sent})
    assert (again.status_code, "used already" in again.text) == (410, True)


def test_of_several_who_were_called_by_one_notice_one_says_who_it_is(client: TestClient, filled: Desk) -> None:
    sent = token(filled, who=(LI, Person(id="wang", roles=("duty_leader",), unit="north")))
    shown = client.get("/ack", params={"t": sent}).text
    assert ("Acknowledge as li" in shown, "Acknowledge as wang" in shown) == (True, True)
    for nobody in ({}, {"p": "mallory"}):
        asked = client.post("/ack", data={"t": sent, **nobody})
        assert (asked.status_code, "Acknowledge as wang" in asked.text) == (400, True)
    assert filled.store.documents.find(INTENT).items == ()
    thread = serve(filled, "done")
    assert "Acknowledged. You have it now." in client.post("/ack", data={"t": sent, "p": "wang"}).text
    thread.join()
    (intent,) = filled.store.documents.find(INTENT).items
    assert (intent.body["user"], intent.body["roles"], intent.body["unit"]) == ("wang", ["duty_leader"], "north")
    assert client.post("/ack", data={"t": sent, "p": "li"}).status_code == 410


def test_a_link_that_is_no_good_says_why(client: TestClient, filled: Desk) -> None:
    assert "not known" in client.get("/ack").text
    assert "not known" in client.get("/ack", params={"t": "x" * 5000}).text
    old = token(filled)
    filled.clock.advance(timedelta(hours=25).total_seconds())  # type: ignore[attr-defined]
    assert "run out" in client.get("/ack", params={"t": old}).text
    over = token(filled, "i00001")
    body = filled.store.documents.get(INCIDENT, "i00001").body
    filled.store.documents.put(INCIDENT, "i00001", {**body, "state": "resolved"})
    assert "not open any more" in client.post("/ack", data={"t": over}).text


def test_a_closed_account_acknowledges_nothing(client: TestClient, filled: Desk) -> None:
    person(filled, "li", Role.OPERATOR)
    sent = token(filled)
    boss = person(filled, "boss", Role.SYSTEM_ADMIN)
    filled.identity.accounts.disable(boss, "li", filled.now())
    assert "account is closed" in client.post("/ack", data={"t": sent}).text
    assert filled.store.documents.find(INTENT).items == ()


def test_what_asks_for_nobody_carries_no_token(filled: Desk) -> None:
    assert token(filled, who=()) == ""
    assert token(filled, reason="resolved") == ""
    assert links(filled.store, "", {"state": "open", "reason": "first"}, "i00000", [LI], filled.now()) == {}
