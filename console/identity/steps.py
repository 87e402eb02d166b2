"""Between the two steps of a login: the password was right, the code is still to come. Not a session: it opens nothing else."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from core.errors import NotFound
from core.names import LOGIN_STEP
from core.secrets import token_id
from store.base import ABSENT, Store

LASTS: Final = timedelta(minutes=5)


class Steps:
    """Half-way logins in the store, by the hash of a random token."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, account: str, now: datetime) -> str:
        """Remember that this account's password was right; returns the token for the second step."""
        self._sweep(now)
        token = secrets.token_urlsafe(32)
        self._store.documents.put(LOGIN_STEP, token_id(token), {"account": account, "since": now.isoformat()}, ABSENT)
        return token

    def find(self, token: str, now: datetime) -> str | None:
        """Whose login this is; None when it is over or took too long."""
        try:
            body = self._store.documents.get(LOGIN_STEP, token_id(token)).body
        except NotFound:
            return None
        return str(body["account"]) if _is_fresh(body["since"], now) else None

    def end(self, token: str) -> bool:
        """Forget it; False when somebody else did so first."""
        try:
            self._store.documents.delete(LOGIN_STEP, token_id(token))
        except NotFound:
            return False
        return True

    def _sweep(self, now: datetime) -> None:
        for document in self._store.documents.find(LOGIN_STEP).items:
            if not _is_fresh(document.body["since"], now):
                try:
                    self._store.documents.delete(LOGIN_STEP, document.id)
                except NotFound:
                    continue


def _is_fresh(since: str, now: datetime) -> bool:
    return timedelta() <= now - datetime.fromisoformat(since) < LASTS
