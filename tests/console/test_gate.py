from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from console import ack, door, gate
from console.api import build_api
from console.desk import Desk
from console.door import own_path
from console.gate import COOKIE, Gate
from console.identity.roles import Role
from core.clock import ManualClock
from core.errors import StoreAway
from tests.console.conftest import PASSWORD, person

INSIDE = ("/", "/incidents", "/_stcore/health", "/_stcore/host-config", "/media/x.csv", "/_stcore/upload_file/a/b", "/static/js/index.js")


async def inside(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


def program(here: Desk) -> Gate:
    """The gate with everything but the pages themselves behind it."""
    routes = [
        *door.routes(here),
        *ack.routes(here),
        Mount("/api/v1", build_api(here)),
        WebSocketRoute("/_stcore/stream", echo),
        Route("/{path:path}", inside, methods=["GET", "POST"]),
    ]
    return Gate(Starlette(routes=routes), here)


@pytest.fixture
def client(here: Desk) -> Iterator[TestClient]:
    with TestClient(program(here), base_url="http://127.0.0.1:8600", follow_redirects=False) as opened:
        yield opened


def log_in(client: TestClient, name: str, password: str = PASSWORD, **more: str) -> Any:
    client.get("/login?language=en")
    return client.post("/login", data={"form": client.cookies[door.FORM_COOKIE], "name": name, "password": password, **more})


@pytest.mark.parametrize("path", INSIDE)
def test_a_stranger_is_sent_to_the_login_from_every_path(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert "inside" not in answer.text


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/script-health-check", "/a//incidents", "/_stcore/agent/run"])
def test_closed_and_crooked_paths_do_not_exist_even_for_people(client: TestClient, here: Desk, path: str) -> None:
    person(here, "alice", Role.VIEWER)
    log_in(client, "alice")
    assert client.get(path).status_code == 404
    assert client.get("/incidents").text == "inside"


@pytest.mark.parametrize("path", ["/login", "/healthz", "/door.css", "/", "/api/v1/assets", "/_stcore/metrics"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_logging_in_gives_a_cookie_that_scripts_cannot_read(client: TestClient, here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    answer = log_in(client, "alice")
    assert answer.status_code == 303
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{COOKIE}="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/").text == "inside"


def test_over_https_the_cookie_is_secure_and_hsts_is_sent(here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    with TestClient(program(here), base_url="https://127.0.0.1:8600", follow_redirects=False) as client:
        answer = log_in(client, "alice")
        assert all("Secure" in line for line in answer.headers.get_list("set-cookie"))
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_login_without_our_form_is_refused(client: TestClient, here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    assert client.post("/login", data={"name": "alice", "password": PASSWORD}).status_code == 400
    client.get("/login")
    assert client.post("/login", data={"form": "guess", "name": "alice", "password": PASSWORD}).status_code == 400
    assert COOKIE not in client.cookies


def test_a_wrong_password_says_so_in_both_languages(client: TestClient, here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    assert "name or the password is wrong" in log_in(client, "alice", "nope").text
    client.get("/login?language=zh_CN")
    answer = client.post("/login", data={"form": client.cookies[door.FORM_COOKIE], "name": "alice", "password": "nope"})
    assert answer.status_code == 401
    assert "账号或密码错误" in answer.text


def test_what_was_typed_comes_back_escaped(client: TestClient) -> None:
    answer = log_in(client, '"><script>alert(1)</script>', "nope")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_the_huge_form_is_refused_without_being_kept(client: TestClient) -> None:
    client.get("/login")
    answer = client.post("/login", data={"form": client.cookies[door.FORM_COOKIE], "name": "a" * 2_000_000, "password": "x"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/logout", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1", ""]
)
def test_after_login_nobody_is_led_out_of_the_house(wanted: str) -> None:
    assert own_path(wanted) == "/"


def test_after_login_the_wanted_page_opens(client: TestClient, here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    answer = client.get("/incident?id=i1&tab=x")
    assert answer.headers["location"] == "/login?next=/incident%3Fid%3Di1%26tab%3Dx"
    assert log_in(client, "alice", next="/incident?id=i1&tab=x").headers["location"] == "/incident?id=i1&tab=x"


def test_a_one_time_password_opens_only_the_change_of_it(client: TestClient, here: Desk) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    password = here.identity.accounts.create(boss, "alice", "", "", here.now())
    log_in(client, "alice", password)
    assert client.get("/").headers["location"] == "/password"
    assert client.get("/api/v1/assets").status_code == 403
    page = client.get("/password").text
    form = page.split('name="form" value="')[1].split('"')[0]
    bad = client.post("/password", data={"form": form, "old": password, "new": "weak", "again": "weak"})
    assert bad.status_code == 400
    assert "at least 12" in bad.text
    assert client.post("/password", data={"form": "x", "old": password, "new": PASSWORD, "again": PASSWORD}).status_code == 400
    good = client.post("/password", data={"form": form, "old": password, "new": PASSWORD, "again": PASSWORD})
    assert good.status_code == 303
    assert client.get("/").text == "inside"


def test_logging_out_needs_our_form_and_ends_the_session(client: TestClient, here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    log_in(client, "alice")
    token = client.cookies[COOKIE]
    assert client.post("/logout", data={}).status_code == 400
    form = client.get("/logout").text.split('name="form" value="')[1].split('"')[0]
    assert client.post("/logout", data={"form": form}).status_code == 303
    client.cookies.set(COOKIE, token)
    assert client.get("/").status_code == 303
    assert here.store.audit.read(action="logout")[-1].actor == "alice"


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "null", "../../etc"])
def test_an_invented_cookie_is_a_stranger(client: TestClient, cookie: str) -> None:
    client.cookies.set(COOKIE, cookie)
    assert client.get("/").status_code == 303


def test_the_websocket_is_refused_without_a_session(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass


def test_the_websocket_speaks_with_a_session_and_closes_when_it_ends(
    client: TestClient, here: Desk, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(gate, "WATCH_S", 0.1)
    person(here, "alice", Role.VIEWER)
    log_in(client, "alice")
    with client.websocket_connect("/_stcore/stream", headers={"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        here.identity.sessions.end_all("alice")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
        assert ended.value.code == gate.ENDED


def test_an_unknown_host_name_is_refused_when_names_are_set(here: Desk) -> None:
    strict = here.settings.model_copy(update={"console": here.settings.console.model_copy(update={"allowed_hosts": ("ops.example",)})})
    named = Desk(here.store, strict, here.identity, here.tokens, here.estate, here.clock)
    for name, status in (("ops.example", 200), ("evil.example", 400), ("127.0.0.1:8600", 200)):
        with TestClient(program(named), base_url=f"http://{name}", follow_redirects=False) as client:
            assert client.get("/healthz").status_code == status


def test_a_store_that_is_away_is_said_in_words(client: TestClient, here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    person(here, "alice", Role.VIEWER)
    log_in(client, "alice")

    def away(*_: Any, **__: Any) -> None:
        raise StoreAway("cannot be reached")

    monkeypatch.setattr(here.identity.sessions, "find", away)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "store cannot be reached" in answer.text
    assert "inside" not in answer.text
