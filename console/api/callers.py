"""Who calls the API, with what right: a bearer token, or the session of a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Right
from console.identity.tokens import acting


@dataclass(frozen=True, slots=True)
class Caller:
    """The account behind a call and what this call may do."""

    account: Account
    rights: frozenset[Right]
    desk: Desk


class Strikes:
    """Wrong tokens by address: after as many as wrong passwords lock an account, the address waits as long."""

    def __init__(self, limit: int, wait: timedelta) -> None:
        self._limit, self._wait = limit, wait
        self._wrong: dict[str, list[datetime]] = {}
        self._lock = threading.Lock()

    def is_out(self, address: str, now: datetime) -> bool:
        """Whether this address must wait."""
        with self._lock:
            kept = [time for time in self._wrong.pop(address, ()) if now - time < self._wait]
            if kept:
                self._wrong[address] = kept
            return len(kept) >= self._limit

    def strike(self, address: str, now: datetime) -> None:
        """One more wrong token."""
        with self._lock:
            if len(self._wrong) > 10_000:
                self._wrong.clear()
            self._wrong.setdefault(address, []).append(now)


def needs(right: Right) -> Callable[..., Caller]:
    """A dependency that lets a call pass when its token or session has ``right``."""

    def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        if right not in caller.rights:
            raise HTTPException(403, f"this needs the right {right}")
        return caller

    return check


def caller_of(request: Request) -> Caller:
    """The caller of a request; 401 without one, 429 after too many wrong tokens."""
    desk: Desk = request.app.state.desk
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(request, desk, token.strip())
    session = request.scope.get("state", {}).get("session")
    if session is None:
        raise HTTPException(401, "send a token: Authorization: Bearer wl_...", {"www-authenticate": "Bearer"})
    if request.method not in ("GET", "HEAD") and request.headers.get("x-requested-with", "") != "wanglou":
        raise HTTPException(403, "a browser session that changes something sends the header X-Requested-With: wanglou")
    return Caller(session.account, session.account.rights, desk)


def _by_token(request: Request, desk: Desk, token: str) -> Caller:
    strikes: Strikes = request.app.state.strikes
    address, now = request.client.host if request.client else "", desk.now()
    if strikes.is_out(address, now):
        raise HTTPException(429, "too many wrong tokens from this address; wait and check the token")
    grant = desk.tokens.find(token, now)
    if grant is None:
        strikes.strike(address, now)
        desk.store.audit.append(time=now, actor="?", action="token.refused", object="api", body={"from": address})
        raise HTTPException(401, "the token is unknown or has ended", {"www-authenticate": "Bearer"})
    if not desk.identity.is_admitted(grant.account, address):
        desk.store.audit.append(time=now, actor=grant.account.name, action="token.refused", object="api", body={"from": address, "reason": "address"})
        raise HTTPException(403, "this account may not be used from this address (console.admin_addresses, console.role_addresses)")
    return Caller(acting(grant), grant.rights, desk)
