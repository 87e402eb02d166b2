"""SMS through an HTTP gateway and through a modem on a real terminal line, and incidents in a ticket system: peers that really answer."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import threading
import tty
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from incidents.config import Receiver
from incidents.notify.answer import Answer, Target
from incidents.notify.pdu import EACH, ONE, number_of, submits
from incidents.notify.send import check, send
from incidents.notify.templates import short
from tests.peers.hook import Taking, serving

CONTENT: dict[str, Any] = {
    "reason": "first", "incident": 7, "root": "core", "title": "core: ping", "priority": "P1", "state": "open", "rules": ["ping"], "members": 3, "held": 2,
    "firing": 3, "assets": ["core"], "text": "核心交换机不可达 / core is unreachable", "owner": "", "opened": "2026-03-02T09:00:00+08:00", "person": "",
}  # fmt: skip


class Desk(ThreadingHTTPServer):
    """A small ticket system and SMS provider; ``lose`` drops the answers of that many creations after carrying them out."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Serving)
        self.tickets: dict[str, dict[str, Any]] = {}
        self.sms: list[dict[str, str]] = []
        self.headers: list[str] = []
        self.lose, self.verdict = 0, "0"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Serving(Taking):
    server: Desk

    def do_GET(self) -> None:
        reference = parse_qs(urlsplit(self.path).query).get("ref", [""])[0]
        self._say(200, [{"id": int(number)} for number, ticket in self.server.tickets.items() if ticket["reference"] == reference])

    def do_POST(self) -> None:
        raw = self.body().decode()
        self.server.headers.append(self.headers.get("x-key", ""))
        if self.path.startswith("/sms"):
            self.server.sms.append({key: values[0] for key, values in parse_qs(raw).items()})
            self._say(200, {"code": self.server.verdict})
            return
        number = str(len(self.server.tickets) + 1)
        self.server.tickets[number] = {**json.loads(raw), "notes": [], "state": "new"}
        if self.server.lose:
            self.server.lose -= 1
            self.close_connection = True
            return
        self._say(201, {"result": {"id": int(number)}})

    def do_PUT(self) -> None:
        body = json.loads(self.body())
        ticket = self.server.tickets.get(unquote(self.path.rpartition("/")[2]))
        if ticket is not None:
            ticket["notes"].append(body.get("note", ""))
            ticket["state"] = body.get("state", ticket["state"])
        self._say(200 if ticket is not None else 404, {})

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving(Desk()) as server:
        yield server


# tickets

TICKETS = Receiver(
    id="itsm",
    kind="ticket",
    resolved=True,
    options={
        "create": {
            "request": "POST /tickets",
            "headers": {"X-Key": "{{ token }}"},
            "json": {"reference": "{{ reference }}", "subject": "{{ title }}"},
            "number": "result.id",
        },
        "find": {"request": "GET /tickets?ref={{ reference }}", "number": "0.id"},
        "update": {"request": "PUT /tickets/{{ number }}", "json": {"note": "{{ reason }} {{ priority }}"}},
        "close": {"request": "PUT /tickets/{{ number }}", "json": {"state": "closed", "note": "{{ reason }}"}},
    },
)


def test_an_incident_is_one_ticket_made_updated_and_closed(desk: Desk) -> None:
    memory: dict[str, str] = {}
    target = Target(desk.url, token="k3y")
    for reason in ("first", "changed", "worse", "resolved"):
        assert send(TICKETS, {**CONTENT, "reason": reason}, target, "en", memory) == Answer("ok")
    assert desk.headers == ["k3y"]
    assert list(desk.tickets.values()) == [
        {"reference": "wanglou-7", "subject": "[P1] core: problem (ping)", "notes": ["changed P1", "worse P1", "resolved"], "state": "closed"}
    ]
    assert memory == {"itsm:7": "1"}


def test_an_answer_that_was_lost_makes_no_second_ticket(desk: Desk) -> None:
    desk.lose = 1
    assert send(TICKETS, CONTENT, Target(desk.url), "en", {}) == Answer("500")
    assert send(TICKETS, CONTENT, Target(desk.url), "en", {}) == Answer("ok")
    assert len(desk.tickets) == 1
    assert send(TICKETS, {**CONTENT, "incident": 8}, Target(desk.url), "en", {}) == Answer("ok")
    assert len(desk.tickets) == 2


def test_what_was_never_a_ticket_becomes_none_when_it_ends(desk: Desk) -> None:
    assert send(TICKETS, {**CONTENT, "reason": "resolved"}, Target(desk.url), "en", {}) == Answer("ok")
    assert send(TICKETS, {"reason": "summary", "number": 3, "roots": ["a"], "priority": "P3", "person": ""}, Target(desk.url), "en", {}) == Answer("ok")
    assert desk.tickets == {}


def test_hostile_text_stays_a_value(desk: Desk) -> None:
    evil = '"}, "state": "closed", "x": {{ token }} {% raise %} \r\nX-Key: forged'
    assert send(TICKETS, {**CONTENT, "root": evil}, Target(desk.url, token="k3y"), "en", {}) == Answer("ok")
    (ticket,) = desk.tickets.values()
    assert ticket["state"] == "new"
    assert evil in ticket["subject"]
    assert "k3y" not in ticket["subject"]
    assert set(ticket) == {"reference", "subject", "notes", "state"}


# gateway

SMS = Receiver(
    id="sms",
    kind="gateway",
    options={
        "send": {
            "request": "POST /sms",
            "form": {"to": "{{ phone }}", "content": "{{ text }}", "key": "{{ token }}"},
            "accepted": {"at": "code", "one_of": ["0"]},
        },
        "to": ["10086"],
        "length": 60,
    },
)


def test_a_gateway_gets_one_short_text_for_each_phone_of_who_is_called(desk: Desk) -> None:
    target = Target(desk.url, token="t0k", phones=("13800000001", "+8613800000002"))
    assert send(SMS, CONTENT, target, "both") == Answer("ok")
    assert [(one["to"], one["key"]) for one in desk.sms] == [("13800000001", "t0k"), ("+8613800000002", "t0k")]
    assert desk.sms[0]["content"] == "[P1] core: 告警 (ping) 核心交换机不可达"
    desk.sms.clear()
    assert send(SMS, CONTENT, Target(desk.url), "en") == Answer("ok")
    assert (desk.sms[0]["to"], desk.sms[0]["content"]) == ("10086", "[P1] core: problem (ping) core is unreachable")


def test_a_gateway_that_says_no_in_its_answer_is_a_failure(desk: Desk) -> None:
    desk.verdict = "insufficient balance"
    assert send(SMS, CONTENT, Target(desk.url), "en") == Answer("500")
    assert send(SMS.model_copy(update={"options": {**SMS.options, "to": []}}), CONTENT, Target(desk.url), "en") == Answer("403")


def test_the_link_to_acknowledge_is_never_cut() -> None:
    link = "https://w.example/ack?t=" + "x" * 43
    text = short({**CONTENT, "ack_link": link, "text": "y" * 500}, "en", 140)
    assert text.endswith(f"… {link}")
    assert len(text) == 140


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("gateway", {}, "Field required"),
        ("gateway", {"send": {"request": "FETCH /x"}}, "pattern"),
        ("gateway", {"send": {"json": {"a": "{{ secret }}"}}}, "nothing called 'secret'"),
        ("gateway", {"send": {"json": {}, "form": {}}}, "either 'json' or 'form'"),
        ("modem", {"parts": 99}, "less than or equal"),
        ("ticket", {"update": {}}, "Field required"),
    ],
)
def test_options_that_cannot_work_are_refused_when_they_are_read(kind: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as err:
        check(Receiver(id="x", kind=kind, options=options))
    assert str(err.value.key).startswith("receivers.x.options")


def test_a_ticket_system_keeps_no_quiet_hours() -> None:
    with pytest.raises(ConfigError, match="no quiet hours"):
        check(TICKETS.model_copy(update={"limit": {"notices": 1, "within": 60}}))


# modem


class Modem:
    """A modem behind a pseudo terminal: keeps what it was told to send, says ERROR or nothing when asked to."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(slave)
        self._slave, self.path = slave, os.ttyname(slave)
        self.pdus: list[str] = []
        self.dialled: list[str] = []
        self.fails = self.silent = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _run(self) -> None:
        waiting, in_text = b"", False
        while not self._end.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            waiting += os.read(self._master, 1024)
            while found := re.search(rb"[\r\x1a\x1b]", waiting):
                piece, mark, waiting = waiting[: found.start()], waiting[found.start() : found.end()], waiting[found.end() :]
                in_text = self._take(piece.decode(), mark, in_text)

    def _take(self, piece: str, mark: bytes, in_text: bool) -> bool:
        if mark == b"\x1b" or (not piece and mark == b"\r"):
            return False
        if in_text:
            self.pdus.append(piece)
            self._say(b"\r\n+CMS ERROR: 500\r\n" if self.fails else b"\r\n+CMGS: 12\r\n\r\nOK\r\n")
            return False
        if piece.startswith("AT+CMGS="):
            self._say(b"\r\n> ")
            return True
        if piece.startswith("ATD"):
            self.dialled.append(piece[3:].rstrip(";"))
        self._say(b"" if self.silent else b"\r\nOK\r\n")
        return False

    def _say(self, data: bytes) -> None:
        os.write(self._master, data)


@pytest.fixture
def modem() -> Iterator[Modem]:
    made = Modem()
    yield made
    made.close()


def read_pdu(pdu: str) -> tuple[str, str, tuple[int, ...]]:
    """(number, text, header) of a SMS-SUBMIT, read by the standard and not by our own code."""
    data = bytes.fromhex(pdu)
    assert data[0] == 0  # the service centre of the card
    assert data[1] & 0x03 == 0x01
    has_header, digits = bool(data[1] & 0x40), data[3]
    kind, size = data[4], (digits + 1) // 2
    number = "".join(f"{byte & 15:x}{byte >> 4:x}" for byte in data[5 : 5 + size])[:digits]
    at = 5 + size
    assert (data[at], data[at + 1]) == (0, 0x08)
    body = data[at + 3 :]
    assert len(body) == data[at + 2] <= 140
    header = tuple(body[: body[0] + 1]) if has_header else ()
    return ("+" if kind == 0x91 else "") + number, body[len(header) :].decode("utf-16-be"), header


@pytest.mark.slow
def test_a_message_goes_out_on_a_serial_line_and_the_phone_of_who_is_called_rings(modem: Modem) -> None:
    receiver = Receiver(id="gsm", kind="modem", options={"ring_s": 0.05, "answer_s": 20})
    assert send(receiver, {**CONTENT, "reason": "escalation"}, Target(modem.path, phones=("+86 138-0000-0001",)), "zh") == Answer("ok")
    (pdu,) = modem.pdus
    assert read_pdu(pdu) == ("+8613800000001", "[P1] core: 呼叫您 (ping) 核心交换机不可达", ())
    assert modem.dialled == ["+8613800000001"]


@pytest.mark.slow
def test_a_modem_that_refuses_is_silent_or_is_not_there_is_a_failure(modem: Modem) -> None:
    receiver = Receiver(id="gsm", kind="modem", options={"to": ["10086"], "answer_s": 0.6})
    modem.fails = True
    assert send(receiver, CONTENT, Target(modem.path), "zh") == Answer("500")
    modem.silent = True
    assert send(receiver, CONTENT, Target(modem.path), "zh") == Answer("500")
    assert send(receiver, CONTENT, Target("/dev/no-such-line"), "zh") == Answer("500")
    assert send(receiver, CONTENT, Target(modem.path, phones=("ATD110",)), "zh") == Answer("403")


@settings(max_examples=40)
@given(st.text(max_size=500), st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True), st.integers(1, 5), st.integers(0, 300))
def test_every_text_arrives_in_parts_that_fit(text: str, number: str, most: int, reference: int) -> None:
    parts = [read_pdu(pdu) for _, pdu in submits(number, text, reference, most)]
    assert len(parts) <= most
    assert {one[0] for one in parts} == {number}
    joined = "".join(one[1] for one in parts)
    expected = "".join(one if ord(one) < 0x10000 and not 0xD800 <= ord(one) < 0xE000 else "□" for one in text)
    assert joined == expected or (joined.endswith("…") and expected.startswith(joined[:-1]) and len(expected) > (ONE if most == 1 else EACH * most))
    if len(parts) > 1:
        assert [one[2] for one in parts] == [(5, 0, 3, reference % 256, len(parts), place) for place in range(1, len(parts) + 1)]
    assert all(length == len(pdu) // 2 - 1 for length, pdu in submits(number, text, reference, most))


@pytest.mark.parametrize("text", ["", "12", "+", "ATD1", "1" * 21, "139\r0000"])
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="phone number"):
        number_of(text.replace("\r", "x"))
