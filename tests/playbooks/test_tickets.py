"""Tickets over HTTP: a real server on loopback that keeps tickets and can be searched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from core.clock import ManualClock
from core.errors import AuthRefused, BadReply, ConfigError
from core.secrets import Secret
from inventory.asset import Asset
from inventory.tickets import form_of, forms, request
from playbooks.capabilities import capability
from playbooks.capability import Danger
from service.reaching import ServiceReach
from store.base import Store
from tests.playbooks.acting import Hand, Shop, Vault
from tests.playbooks.payloads import PAYLOADS

TOKEN = "let-me-in-please"
FACTS = {
    "ticket_create": "POST /api/tickets",
    "ticket_body": '{"ref": "{{ reference }}", "title": "{{ subject }}", "more": [{"text": "{{ text }}"}], "priority": 3}',
    "ticket_number": "result.id",
    "ticket_find": "GET /api/tickets?ref={{ reference }}",
    "ticket_find_number": "items.0.id",
    "ticket_close": "PATCH /api/tickets/{{ number }}",
    "ticket_close_body": '{"state": "closed", "note": "{{ text }}"}',
}


class Desk(BaseHTTPRequestHandler):
    """A small ticket system."""

    tickets: list[dict[str, Any]] = []  # noqa: RUF012 - one server in these tests
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        wanted = parse_qs(parts.query, keep_blank_values=True).get("ref", [""])[0]
        self._answer(200, {"items": [one for one in Desk.tickets if one["ref"] == wanted]} if parts.path == "/api/tickets" else {})

    def do_POST(self) -> None:
        ticket = {**self._body(), "id": len(Desk.tickets) + 1, "state": "open"}
        Desk.tickets.append(ticket)
        self._answer(201, {"result": {"id": ticket["id"]}})

    def do_PATCH(self) -> None:
        ticket = Desk.tickets[int(self.path.rpartition("/")[2]) - 1]
        ticket.update(self._body())
        self._answer(200, ticket)

    def _body(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def _answer(self, status: int, body: Any) -> None:
        Desk.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, body = 401, {}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def desk() -> Iterator[Asset]:
    Desk.tickets, Desk.asked = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield asset(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def asset(url: str, **facts: str) -> Asset:
    body = {"id": "itsm", "importance": "low", "collect": {"http": {"url": url}}, "facts": {**FACTS, **facts}, "credentials": {"act": "api"}}
    return Asset.model_validate(body)


def hand(desk: Asset, name: str, token: str = TOKEN, **options: Any) -> Hand:
    return Hand(name, desk, ServiceReach(Vault(api=Secret(token=token)), desk, 20), **options)


def test_a_ticket_is_opened_once_for_a_reference_and_closed(desk: Asset) -> None:
    opening = hand(desk, "ticket.open", reference="I000007", subject="机房断电", text="一号机房")
    assert opening.verify().holds is False
    assert opening.do().values == {"number": "1"}
    assert opening.verify().holds is True
    assert Desk.tickets[0]["title"] == "机房断电"
    assert Desk.tickets[0]["more"] == [{"text": "一号机房"}]
    closing = hand(desk, "ticket.close", reference="I000007", text="恢复")
    assert closing.plan().commands[1].startswith("PATCH /api/tickets/NUMBER")
    closing.do()
    assert (Desk.tickets[0]["state"], Desk.tickets[0]["note"]) == ("closed", "恢复")
    with pytest.raises(BadReply, match="no ticket has the reference"):
        hand(desk, "ticket.close", reference="I000099").do()


def test_a_run_opens_one_and_a_second_finds_nothing_to_do(desk: Asset, store: Store, clock: ManualClock) -> None:
    shop = Shop(store, [desk], Vault(api=Secret(token=TOKEN)), clock)
    inputs: dict[str, Any] = {"system": "itsm", "reference": "I000008", "subject": "磁盘满", "text": "web-1"}
    for _ in range(2):
        assert shop.finish(shop.begin("open-ticket", **inputs)) == "done"
        clock.advance(3600)
    assert [ticket["ref"] for ticket in Desk.tickets] == ["wanglou-I000008"], "the reference that notices of the incident search for, too"
    assert [text for _, text in shop.told] == ["ticket 1 is open (I000008)"] * 2


def test_no_payload_adds_a_key_or_leads_to_another_path(desk: Asset) -> None:
    for field in ("reference", "subject", "text"):
        for payload in (*PAYLOADS, '","state":"closed', "a/../../admin", "x&ref=y", "{{ number }}"):
            before = len(Desk.tickets)
            try:
                made = hand(desk, "ticket.open", **{"reference": "I000001", "subject": "s", "text": "t", field: payload})
            except ValidationError:
                continue
            made.verify()
            made.do()
            ticket = Desk.tickets[before]
            assert set(ticket) == {"ref", "title", "more", "priority", "id", "state"}
            assert (ticket["ref"], ticket["title"], ticket["more"][0]["text"])[("reference", "subject", "text").index(field)] == payload
    assert {line.partition("?")[0] for line in Desk.asked} == {"GET /api/tickets", "POST /api/tickets"}


def test_what_goes_wrong_is_told_apart(desk: Asset) -> None:
    with pytest.raises(AuthRefused, match="401"):
        hand(desk, "ticket.open", token="wrong-and-wrong", reference="I01", subject="s").do()
    elsewhere = desk.model_copy(update={"facts": {**desk.facts, "ticket_number": "no.where"}})
    with pytest.raises(BadReply, match="no number"):
        hand(elsewhere, "ticket.open", reference="I01", subject="s").do()
    blind = desk.model_copy(update={"facts": {**desk.facts, "ticket_find": ""}})
    assert hand(blind, "ticket.open", reference="I01", subject="s").verify().holds is None


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({}, "does not say how"),
        ({"ticket_form": "unknown"}, "is none of"),
        ({"ticket_create": "DELETE /all"}, "is no request"),
        ({"ticket_create": "POST http://elsewhere/"}, "is no request"),
        ({"ticket_create": "POST /a", "ticket_body": "{"}, "is no JSON"),
        ({"ticket_create": "POST /a", "ticket_body": '{"a": "{{ password }}"}'}, "nothing called 'password'"),
    ],
)
def test_a_system_that_is_described_wrongly_is_refused_in_the_plan(facts: dict[str, str], message: str) -> None:
    made = capability("ticket.open")
    target = Asset(id="itsm", address="127.0.0.1", facts=facts)
    with pytest.raises(ConfigError, match=message):
        made.plan(made.Options.model_validate({"reference": "I01", "subject": "s"}), target)


@pytest.mark.parametrize("name", sorted(forms()))
def test_shipped_forms_give_requests(name: str) -> None:
    target = Asset(id="itsm", address="127.0.0.1", facts={"ticket_form": name})
    values = {"reference": "I 1", "subject": 'a"b', "text": "t", "number": "7"}
    made = {what: request(target, what, values) for what in ("create", "find", "close")}
    assert all(made.values())
    assert "I%201" in str(made["find"])
    assert 'a\\"b' in str(made["create"])
    assert "/7" in str(made["close"])
    assert set(form_of(target)) <= {*FACTS, "ticket_form"}


def test_opening_a_ticket_is_a_change() -> None:
    assert capability("ticket.open").danger is Danger.CHANGE
