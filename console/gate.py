"""The gate before everything: session, security headers and closed paths, for http and websocket alike (pure ASGI)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.desk import Desk
from console.identity.sessions import Session
from core.errors import StoreError

COOKIE: Final = "wanglou"
OPEN: Final = frozenset({"/login", "/login/code", "/healthz", "/door.css", "/ack"})
FIRST: Final[Mapping[str, str]] = {"/password": "change the password", "/second": "enrol a second factor"}
"""What a person owes before anything else, and how a program is told."""
CLOSED: Final = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent")
API: Final = "/api/"
WATCH_S: Final = 15.0
ENDED: Final = 4401  # a private websocket code: the session has ended

_POLICY: Final = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",  # the frontend's first page carries an inline script
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "frame-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'self'",
    "object-src 'none'",
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "; ".join(_POLICY),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Wraps the whole program. Nothing but the login page and the health answer is reachable without a session."""

    app: ASGIApp
    desk: Desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, partial(_send_guarded, send, is_https=scope.get("scheme") == "https"))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        refusal: Response | None = None
        if not self._is_known_host(scope):
            refusal = PlainTextResponse("this name is not in console.allowed_hosts", 400)
        elif "//" in path or ".." in path or path.startswith(CLOSED):
            refusal = PlainTextResponse("not found", 404)
        elif path not in OPEN:
            refusal = await self._judge(scope, path)
        await (refusal or self.app)(scope, receive, send)

    async def _judge(self, scope: Scope, path: str) -> Response | None:
        try:
            session = await self._session(scope)
        except StoreError:
            return PlainTextResponse("存储暂不可用，请稍后再试。 The store cannot be reached now; try again in a moment.", 503, {"retry-after": "5"})
        scope.setdefault("state", {})["session"] = session
        if path.startswith(API):
            return self._refuse_api(session)
        if session is None:
            wanted = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            return RedirectResponse(f"/login?next={quote(wanted)}" if path != "/" or scope["query_string"] else "/login", 303)
        owed = self._owed(session)
        if owed and path not in (owed, "/logout"):
            return RedirectResponse(owed, 303)
        return None

    def _refuse_api(self, session: Session | None) -> Response | None:
        if session is not None and (owed := self._owed(session)):
            return JSONResponse({"detail": f"{FIRST[owed]} in the console first"}, 403)
        return None  # the API itself asks for a token or this session

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            session = await self._session(scope) if self._is_known_host(scope) else None
        except StoreError:
            session = None
        if session is None or self._owed(session) or scope["path"].startswith(CLOSED):
            await receive()
            await send({"type": "websocket.close", "code": ENDED})
            return
        work = asyncio.ensure_future(self.app(scope, receive, send))
        watch = asyncio.ensure_future(self._watch(scope))
        done, pending = await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if watch in done:
            with contextlib.suppress(RuntimeError):  # the other side was faster
                await send({"type": "websocket.close", "code": ENDED})
        if work in done:
            work.result()

    async def _watch(self, scope: Scope) -> None:
        """Returns when the session of a connection has ended; a store that is away for a while ends nothing."""
        while True:
            await asyncio.sleep(WATCH_S)
            with contextlib.suppress(StoreError):
                if await self._session(scope) is None:
                    return

    async def _session(self, scope: Scope) -> Session | None:
        token = HTTPConnection(scope).cookies.get(COOKIE, "")
        if not token:
            return None
        identity = self.desk.identity
        session = await run_in_threadpool(identity.sessions.find, token, self.desk.now())
        client = scope.get("client")
        return session if session and identity.is_admitted(session.account, client[0] if client else "") else None

    def _owed(self, session: Session) -> str:
        """The page that must be done first: change of a first or aged password, then the second factor that is demanded."""
        policy = self.desk.settings.console
        if session.account.needs_new_password(self.desk.now(), policy):
            return "/password"
        return "/second" if session.account.needs_second(policy) else ""

    def _is_known_host(self, scope: Scope) -> bool:
        allowed = self.desk.settings.console.allowed_hosts
        host = Headers(scope=scope).get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return not allowed or name in allowed or name in ("127.0.0.1", "localhost", "[::1]")


async def _send_guarded(send: Send, message: Message, *, is_https: bool) -> None:
    if message["type"] == "http.response.start":
        headers: Any = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers[name] = value
        if is_https:
            headers["strict-transport-security"] = "max-age=31536000"
        headers.setdefault("cache-control", "no-store")
    await send(message)
