"""HTTP, mail and databases: real servers on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import ValidationError

from core.errors import AuthRefused, BadReply, ConfigError, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from playbooks.capabilities import capability
from playbooks.capabilities.web import base_of
from service.reaching import ServiceReach
from tests.peers.machine import Machine, machine
from tests.peers.postgres import Postgres, postgres
from tests.peers.program import free_port, until
from tests.playbooks.acting import Hand, Vault
from tests.playbooks.payloads import CANARY, PAYLOADS

GOOD = "let-me-in-please"


class Pool(BaseHTTPRequestHandler):
    """A balancer with one member that can be taken out."""

    state = "in"
    seen: list[tuple[str, str, str]] = []  # noqa: RUF012 - one server in these tests

    def do_GET(self) -> None:
        self._answer(200, {"state": Pool.state})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        Pool.seen.append((self.path, self.headers.get("Authorization", ""), body))
        if self.headers.get("Authorization") != f"Bearer {GOOD}":
            return self._answer(401, {})
        Pool.state = json.loads(body)["state"]
        return self._answer(202, {"state": Pool.state})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pool)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def on_web(url: str, name: str, /, token: str = GOOD, **options: Any) -> Hand:
    target = Asset.model_validate({"id": "lb", "collect": {"http": {"url": f"{url}/status"}}, "credentials": {"act": "api"}})
    return Hand(name, target, ServiceReach(Vault(api=Secret(token=token)), target, 20), **options)


def test_a_call_goes_to_the_target_with_its_credential(web: str) -> None:
    call = on_web(web, "http.call", path="/members/a?x=1", body={"state": "out"}, status=202)
    assert call.plan().commands == (f'POST {web}/members/a?x=1 {{"state": "out"}}',)
    assert call.do().values["json"] == {"state": "out"}
    assert Pool.seen[-1][:2] == ("/members/a?x=1", f"Bearer {GOOD}")
    assert on_web(web, "http.get", path="/").do().values["json"] == {"state": "out"}


def test_a_wrong_status_or_credential_is_an_error(web: str) -> None:
    with pytest.raises(AuthRefused, match="401"):
        on_web(web, "http.call", token="wrong-and-wrong", path="/a", body={"state": "in"}).do()
    with pytest.raises(BadReply, match="status 202, wanted 200"):
        on_web(web, "http.call", path="/a", body={"state": "in"}).do()
    with pytest.raises(BadReply, match="with 'gone'"):
        on_web(web, "http.get", path="/", contains="gone").do()
    with pytest.raises(Unreachable):
        on_web(f"http://127.0.0.1:{free_port()}", "http.get").do()


def test_a_target_with_an_ipv6_address_alone_is_written_as_urls_want_it() -> None:
    assert base_of(Asset(id="lb", address="2001:db8::7")) == "https://[2001:db8::7]"
    assert base_of(Asset(id="lb", address="192.0.2.7")) == "https://192.0.2.7"


def test_no_path_leads_to_another_host(web: str) -> None:
    made = capability("http.get")
    target = on_web(web, "http.get").target
    taken = 0
    for payload in (*PAYLOADS, "//192.0.2.1/", "http://192.0.2.1/", "/\\192.0.2.1/", "/a b", "/a\r\nX: y", "@192.0.2.1"):
        try:
            options = made.Options.model_validate({"path": payload})
        except ValidationError:
            continue
        taken += 1
        assert made.plan(options, target).commands[0].startswith(f"GET {web}/")
    assert taken < 10


class Inbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library calls it so
        self.mails.append(envelope)
        return "250 taken"


@pytest.fixture
def post() -> Iterator[tuple[Inbox, int]]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, port
    controller.stop()


def by_mail(port: int, **options: Any) -> Hand:
    facts = {"smtp_port": str(port), "smtp_tls": "none", "smtp_from": "duty@bureau.example"}
    target = Asset(id="mx", address="127.0.0.1", facts=facts)
    return Hand("mail.send", target, ServiceReach(Vault(), target, 20), **{"to": ("help@vendor.example",), "subject": "s", "text": "t", **options})


def test_a_mail_goes_out_in_chinese(post: tuple[Inbox, int]) -> None:
    inbox, port = post
    by_mail(port, subject="空调报修", text="三号机房空调停机\n请速派人").do()
    (mail,) = inbox.mails
    assert mail.rcpt_tos == ["help@vendor.example"]
    assert "=?utf-8?" in mail.content.decode()


def test_no_payload_adds_a_header_or_a_receiver(post: tuple[Inbox, int]) -> None:
    inbox, port = post
    for field in ("subject", "to", "text"):
        for payload in (*PAYLOADS, "a@b.example\nBcc: c@d.example", "a@b.example, c@d.example", "x\r\nBcc: evil@x.example"):
            try:
                made = by_mail(port, **{field: (payload,) if field == "to" else payload})
            except ValidationError:
                continue
            made.do()
    assert inbox.mails
    assert {tuple(mail.rcpt_tos) for mail in inbox.mails} == {("help@vendor.example",)}
    assert not any(line.lower().startswith("bcc:") for mail in inbox.mails for line in mail.content.decode().split("\r\n\r\n")[0].splitlines())
    assert not Path(CANARY).exists()


def test_a_mail_server_that_refuses_is_told_apart_from_silence(post: tuple[Inbox, int]) -> None:
    with pytest.raises(Unreachable):
        by_mail(free_port()).do()
    target = Asset(id="mx", address="127.0.0.1")
    nameless = Hand("mail.send", target, ServiceReach(Vault(), target, 5), to=("a@b.example",), subject="s", text="t")
    with pytest.raises(ConfigError, match="smtp_from"):
        nameless.do()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as found:
        yield found


@pytest.mark.peer
def test_a_database_is_asked_and_idle_connections_are_ended(host: Machine, database: Postgres) -> None:
    target = host.asset(facts=database.facts)
    reach = ServiceReach(Vault(host=host.secret), target, 120)
    idle = database.client("app", "SELECT 1")
    try:
        asked = Hand("sql.read", target, reach, query="connections")
        until(lambda: "app|idle|1" in asked.do().said, "an idle connection", 30)
        assert Hand("sql.read", target, reach, query="limit").do().said.startswith("100|")
        not_yet = Hand("sql.end_idle", target, reach, minutes=1, user="app")
        assert not_yet.verify().holds is True
        assert "now() - interval '1 minutes'" in not_yet.plan().commands[0]
        not_yet.options = not_yet.capability.Options.model_construct(minutes=0, user="app")  # nobody waits a minute in a test
        assert not_yet.verify().before == {"idle": 1}
        assert not_yet.do().values == {"ended": 1}
        assert not_yet.verify().holds is True
    finally:
        idle.communicate(timeout=10)
        reach.close()


@pytest.mark.peer
@pytest.mark.parametrize("query", ["connections", "longest", "locks", "sizes", "limit"])
def test_every_question_is_understood(host: Machine, database: Postgres, query: str) -> None:
    target = host.asset(facts=database.facts)
    reach = ServiceReach(Vault(host=host.secret), target, 60)
    Hand("sql.read", target, reach, query=query).do()
    reach.close()
