"""Logging in: one way for everybody, with lock-out, the same answer for every kind of wrong, and an audit entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.i18n import _
from console.identity.accounts import Account, Accounts
from console.identity.passwords import verify
from console.identity.sessions import Sessions
from core.errors import Refused
from core.settings import ConsoleSettings
from store.base import Store

NAME_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything about who is there, over one store."""

    store: Store
    policy: ConsoleSettings
    accounts: Accounts
    sessions: Sessions

    def log_in(self, name: str, password: str, address: str, now: datetime) -> str:
        """A session token; raises Refused. Wrong passwords count, and too many lock the account for a while."""
        name = name.strip().lower()
        account = self.accounts.find(name)
        is_right = verify(account.secret if account else None, password)
        if account is None or account.disabled or account.is_locked(now) or not is_right:
            self._refuse(account, name, address, now, counts=not is_right)
        assert account is not None  # noqa: S101 - _refuse does not return
        self._audit(name, "login", address, now)
        return self.sessions.open(self.accounts.note_login(name, now), address, now)

    def log_out(self, token: str, address: str, now: datetime) -> None:
        """End the session of a token."""
        session = self.sessions.find(token, now)
        if session is not None:
            self._audit(session.account.name, "logout", address, now)
            self.sessions.end(session.id)

    def change_password(self, token: str, old: str, new: str, address: str, now: datetime) -> str:
        """Change the password of the session's account; every session ends and a new one begins (its token is returned)."""
        session = self.sessions.find(token, now)
        if session is None:
            raise Refused(_("the session has ended; log in again"))
        account = self.accounts.get(session.account.name)
        if account.is_locked(now) or not verify(account.secret, old):
            self._refuse(account, account.name, address, now, counts=True)
        changed = self.accounts.change_password(account, new, now)
        self.sessions.end_all(account.name)
        return self.sessions.open(changed, address, now)

    def confirm(self, name: str, password: str, address: str, now: datetime) -> Account:
        """The account, when its password is right once more (a signature); raises Refused, and wrong passwords count as those of a login."""
        account = self.accounts.get(name)
        is_right = verify(account.secret, password)
        if account.disabled or account.is_locked(now) or not is_right:
            self._refuse(account, name, address, now, counts=not is_right)
        self._audit(name, "login.confirmed", address, now)
        return account

    def _refuse(self, account: Account | None, name: str, address: str, now: datetime, *, counts: bool) -> None:
        reason = "unknown" if account is None else "closed" if account.disabled else "locked" if account.is_locked(now) else "password"
        self._audit(name[:NAME_SHOWN], "login.refused", address, now, reason=reason)
        if account is not None and counts and not account.is_locked(now):
            until = (now + timedelta(minutes=self.policy.lock_minutes)).isoformat()
            if self.accounts.note_failure(name, until).is_locked(now):
                self._audit(name, "login.locked", address, now, until=until)
        raise Refused(_("the name or the password is wrong, or the account is locked or closed"))

    def _audit(self, name: str, action: str, address: str, now: datetime, **more: str) -> None:
        self.store.audit.append(time=now, actor=name, action=action, object=name, body={"from": address, **more})


def open_identity(store: Store, policy: ConsoleSettings) -> Identity:
    """The identity of a store under the policy of the settings."""
    accounts = Accounts(store, policy)
    return Identity(store, policy, accounts, Sessions(store, accounts, policy))
