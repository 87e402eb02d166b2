"""Sessions on the server's side: a random token in the browser, its hash and times in the store."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.identity.accounts import Account, Accounts
from core.errors import Conflict, NotFound
from core.names import SESSION
from core.secrets import token_id
from core.settings import ConsoleSettings
from store.base import ABSENT, Store
from store.filter import Term

TOUCH: Final = timedelta(seconds=20)
TRUST: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A living session: who, since when, last seen, from where. ``id`` is the hash of the token."""

    id: str
    account: Account
    created: datetime
    seen: datetime
    address: str = ""


class Sessions:
    """Opens, finds and ends sessions. Safe to use from several threads."""

    def __init__(self, store: Store, accounts: Accounts, policy: ConsoleSettings) -> None:
        self._store, self._accounts, self._policy = store, accounts, policy
        self._known: dict[str, tuple[datetime, Session]] = {}
        self._lock = threading.Lock()

    def open(self, account: Account, address: str, now: datetime) -> str:
        """A new session; returns the token (256 bits), which is stored nowhere."""
        token = secrets.token_urlsafe(32)
        body = {"account": account.name, "created": now.isoformat(), "seen": now.isoformat(), "address": address}
        self._store.documents.put(SESSION, token_id(token), body, ABSENT)
        return token

    def find(self, token: str, now: datetime, *, touch: bool = False) -> Session | None:
        """The living session of a token; ``touch`` counts as a sign of life. None when ended, idle or too old."""
        key = token_id(token)
        with self._lock:
            at, session = self._known.get(key, (None, None))
        if session is None or at is None or not timedelta() <= now - at < TRUST:
            session = self._read(key, now)
        if session is None:
            return None
        if touch and now - session.seen > TOUCH:
            session = self._touch(session, now)
        return session

    def end(self, id: str) -> None:
        """End one session; one that is gone already is no error."""
        with self._lock:
            self._known.pop(id, None)
        try:
            self._store.documents.delete(SESSION, id)
        except NotFound:
            return

    def end_all(self, account: str, but: str = "") -> int:
        """End every session of an account except ``but``; returns how many."""
        ids = [document.id for document in self._store.documents.find(SESSION, Term("account", account)).items if document.id != but]
        for each in ids:
            self.end(each)
        return len(ids)

    def forget(self) -> None:
        """Read accounts anew at the next question: this process has just changed one."""
        with self._lock:
            self._known.clear()

    def sweep(self, now: datetime) -> int:
        """Forget sessions that ended by themselves; returns how many."""
        dead = [document.id for document in self._store.documents.find(SESSION).items if not self._lives(document.body, now)]
        for each in dead:
            self.end(each)
        return len(dead)

    def _lives(self, body: dict[str, str], now: datetime) -> bool:
        idle = now - datetime.fromisoformat(body["seen"])
        age = now - datetime.fromisoformat(body["created"])
        return idle <= timedelta(minutes=self._policy.idle_minutes) and age <= timedelta(hours=self._policy.absolute_hours)

    def _read(self, id: str, now: datetime) -> Session | None:
        try:
            body = self._store.documents.get(SESSION, id).body
            account = self._accounts.get(body["account"])
        except NotFound:
            return None
        if account.disabled or not self._lives(body, now):
            self.end(id)
            return None
        times = {name: datetime.fromisoformat(body[name]) for name in ("created", "seen")}
        session = Session(id=id, account=account, address=body["address"], **times)
        self._keep(session, now)
        return session

    def _touch(self, session: Session, now: datetime) -> Session:
        try:
            document = self._store.documents.get(SESSION, session.id)
            self._store.documents.put(SESSION, session.id, {**document.body, "seen": now.isoformat()}, document.version)
        except Conflict:
            return session  # another tab has just touched it
        except NotFound:
            return session  # ended a moment ago; the next look finds that out
        touched = Session(id=session.id, account=session.account, created=session.created, seen=now, address=session.address)
        self._keep(touched, now)
        return touched

    def _keep(self, session: Session, now: datetime) -> None:
        with self._lock:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[session.id] = (now, session)


def form_token(token: str) -> str:
    """The mark that forms of this session carry, so that other sites cannot send them."""
    return hmac.new(token.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def is_form_token(token: str, given: str) -> bool:
    """Whether ``given`` is the mark of this session."""
    return hmac.compare_digest(form_token(token), given)
