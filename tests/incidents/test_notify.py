"""Notices to real peers on loopback: an SMTP server and an HTTP server that is well, busy, broken, silent or refuses."""

import json
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from core.errors import ConfigError
from incidents.config import Receiver
from incidents.notify import send as sending
from incidents.notify.answer import Answer, Target
from incidents.notify.send import check, send
from incidents.notify.templates import REASONS, whole
from tests.peers.hook import Taking, serving

CONTENT: dict[str, Any] = {
    "reason": "first", "incident": 7, "root": "core", "title": "core: ping", "priority": "P1", "state": "open", "rules": ["ping"], "members": 3, "held": 2,
    "firing": 3, "assets": ["core", "acc1", "acc2"], "text": "{{ 7*7 }} {% raise %} <b>电源</b>", "owner": "", "opened": "2026-03-02T09:00:00+08:00",
}  # fmt: skip
WEBHOOK = Receiver(id="hook", kind="webhook")


class Web(ThreadingHTTPServer):
    """Answers with what it is told to and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.status, self.headers, self.delay_s = 200, dict[str, str](), 0.0
        self.bodies: list[dict[str, Any]] = []
        self.authorization = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Answering(Taking):
    server: Web

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.body()))
        self.server.authorization = self.headers.get("authorization", "")
        time.sleep(self.server.delay_s)
        self.done(self.server.status, self.server.headers)


@pytest.fixture
def web() -> Iterator[Web]:
    with serving(Web()) as server:
        yield server


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Inbox:
    """Keeps mails; refuses one recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_RCPT(  # noqa: N802 - the name that the server calls
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name that the server calls
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, Receiver]]:
    handler, port = Inbox(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, Receiver(id="duty", kind="mail", options={"host": "127.0.0.1", "port": port, "from": "wanglou@bureau.example"})
    controller.stop()


def test_a_web_hook_gets_the_notice_as_json_with_its_token(web: Web) -> None:
    assert send(WEBHOOK, CONTENT, Target(web.url, token="t0ken"), "en") == Answer("ok")
    (body,) = web.bodies
    assert (body["reason"], body["priority"], body["root"], body["rules"]) == ("first", "P1", "core", ["ping"])
    assert "core" in body["subject"]
    assert web.authorization == "Bearer t0ken"


def test_what_a_device_wrote_is_never_evaluated(web: Web) -> None:
    send(WEBHOOK, CONTENT, Target(web.url), "both")
    assert web.bodies[0]["body"].count("{{ 7*7 }} {% raise %} <b>电源</b>") == 2
    assert "49" not in web.bodies[0]["body"]


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"retry-after": "30"}, Answer("429", 30.0)),
        (429, {}, Answer("429")),
        (500, {}, Answer("500")),
        (401, {}, Answer("401")),
        (302, {"location": "http://127.0.0.1:9/"}, Answer("302")),
    ],
)
def test_the_answer_of_a_web_hook_is_told_as_it_is(web: Web, status: int, headers: dict[str, str], expected: Answer) -> None:
    web.status, web.headers = status, headers
    assert send(WEBHOOK, CONTENT, Target(web.url), "en") == expected


def test_a_silent_web_hook_hangs_for_its_time_and_no_longer(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WITHIN_S", 0.2)
    web.delay_s = 15.0
    begin = time.monotonic()
    assert send(WEBHOOK, CONTENT, Target(web.url), "en") == Answer("hang")
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/nobody-listens", "http://", "", "no url at all"])
def test_a_web_hook_that_is_not_there_is_a_failure(address: str) -> None:
    assert send(WEBHOOK, CONTENT, Target(address), "en") == Answer("500")


def test_a_mail_arrives_with_subject_sender_and_both_languages(inbox: tuple[Inbox, Receiver]) -> None:
    handler, receiver = inbox
    assert send(receiver, CONTENT, Target("duty@bureau.example"), "both") == Answer("ok")
    (mail,) = handler.mails
    assert (mail["To"], mail["From"]) == ("duty@bureau.example", "wanglou@bureau.example")
    assert "[P1] core" in mail["Subject"]
    text = mail.get_content()  # type: ignore[attr-defined]
    assert "优先级 P1" in text
    assert "Priority P1" in text


def test_a_line_break_in_a_title_makes_no_header(inbox: tuple[Inbox, Receiver]) -> None:
    handler, receiver = inbox
    send(receiver, {**CONTENT, "root": "core\r\nBcc: someone@else.example"}, Target("duty@bureau.example"), "en")
    assert handler.mails[0]["Bcc"] is None


def test_an_unknown_recipient_is_a_refusal(inbox: tuple[Inbox, Receiver]) -> None:
    assert send(inbox[1], CONTENT, Target("nobody@bureau.example"), "en") == Answer("403")


def test_a_mail_server_that_is_not_there_is_a_failure() -> None:
    receiver = Receiver(id="duty", kind="mail", options={"port": free_port()})
    assert send(receiver, CONTENT, Target("duty@bureau.example"), "en") == Answer("500")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password_is_a_401() -> None:
    port = free_port()
    refuse = Controller(
        Inbox(), hostname="127.0.0.1", port=port, authenticator=lambda *_: AuthResult(success=False, handled=False), auth_require_tls=False, auth_required=True
    )
    refuse.start()
    receiver = Receiver(id="duty", kind="mail", options={"port": port})
    try:
        assert send(receiver, CONTENT, Target("duty@bureau.example", username="u", password="wrong"), "en") == Answer("401")
    finally:
        refuse.stop()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # the library takes its own precautions
def test_every_other_kind_goes_through_apprise(web: Web) -> None:
    address = web.url.replace("http://", "json://")
    assert send(Receiver(id="chat", kind="chat"), CONTENT, Target(address), "zh") == Answer("ok")
    assert "core" in web.bodies[0]["title"]
    assert send(Receiver(id="chat", kind="chat"), CONTENT, Target("nothing://x"), "zh") == Answer("403")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_words_in_both_languages(reason: str) -> None:
    content = {**CONTENT, "reason": reason} if reason not in ("digest", "summary", "handover") else _several(reason)
    english, chinese = (whole(content, language) for language in ("en", "zh"))
    assert REASONS[reason][0] in english
    assert REASONS[reason][1] in chinese
    assert "core" in english


def _several(reason: str) -> dict[str, Any]:
    return {"reason": reason, "person": "li", "number": 2, "roots": ["core", "web"], "priority": "P2"}


def test_no_secret_is_shown_with_a_target() -> None:
    assert "hunter2" not in repr(Target("https://x/hunter2", "u", "hunter2", "hunter2"))


def test_a_webhook_without_a_web_address_is_refused_when_it_is_read() -> None:
    with pytest.raises(ConfigError, match="begins with http"):
        check(Receiver(id="hook", kind="webhook", target="ftp://files"))
    check(Receiver(id="hook", kind="webhook", target="secret:hook"))


def test_a_summary_of_a_storm_names_fifty_and_says_that_there_are_more() -> None:
    content = {"reason": "summary", "person": "", "number": 980, "roots": [f"host-{n:03d}" for n in range(980)], "priority": "P2"}
    for language in ("zh", "en"):
        told = whole(content, language)
        assert ("980" in told, "host-049 …" in told, "host-050" in told) == (True, True, False)
