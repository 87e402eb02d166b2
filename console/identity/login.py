"""Logging in: one way for everybody, with lock-out, the same answer for every kind of wrong, and an audit entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from console.i18n import _
from console.identity.accounts import Account, Accounts
from console.identity.addresses import is_admitted
from console.identity.passwords import verify
from console.identity.second import KeySeal, matching_step, new_recovery_codes, recovery_id
from console.identity.sessions import Sessions
from console.identity.steps import Steps
from core.errors import ConfigError, Refused
from core.settings import ConsoleSettings, Settings
from inventory.credentials import master_key
from store.base import Store

NAME_SHOWN: Final = 64


class CodeAsked(Refused):
    """The password was right and the account has a second factor: ``step`` is the token for ``Identity.enter_code``."""

    def __init__(self, step: str) -> None:
        super().__init__(_("the code of the second factor is still to come"))
        self.step = step


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything about who is there, over one store."""

    store: Store
    policy: ConsoleSettings
    accounts: Accounts
    sessions: Sessions
    steps: Steps
    keys: KeySeal

    def log_in(self, name: str, password: str, address: str, now: datetime) -> str:
        """A session token; raises CodeAsked when a code is to follow, else Refused. Wrong passwords count, and too many lock the account for a while."""
        name = name.strip().lower()
        account = self.accounts.find(name)
        is_right = verify(account.secret if account else None, password)
        reason = self._obstacle(account, address, now) or ("" if is_right else "password")
        if account is None or reason:
            self._refuse(account, name, address, now, reason, counts=not is_right)
        assert account is not None  # noqa: S101 - _refuse does not return
        if account.has_second:
            raise CodeAsked(self.steps.open(name, now))
        return self._let_in(account, address, now, "password")

    def enter_code(self, step: str, code: str, address: str, now: datetime) -> str:
        """A session token for the second step of a login; raises Refused. Wrong codes count as wrong passwords do."""
        name = self.steps.find(step, now)
        if name is None:
            raise Refused(_("the page was open too long; log in again"))
        account = self.accounts.get(name)
        reason, factor = self._obstacle(account, address, now), ""
        if not reason:
            factor, reason = self._prove(account, code, now)
        if reason:
            self._refuse(account, name, address, now, reason, counts=reason == "code", with_code=True)
        if not self.steps.end(step):
            raise Refused(_("the page was open too long; log in again"))
        return self._let_in(account, address, now, factor)

    def log_out(self, token: str, address: str, now: datetime) -> None:
        """End the session of a token."""
        session = self.sessions.find(token, now)
        if session is not None:
            self._audit(session.account.name, "logout", address, now)
            self.sessions.end(session.id)

    def change_password(self, token: str, old: str, new: str, address: str, now: datetime) -> str:
        """Change the password of the session's account; every session ends and a new one begins (its token is returned)."""
        account = self.accounts.get(self._living(token, now)[0])
        if account.is_locked(now) or not verify(account.secret, old):
            self._refuse(account, account.name, address, now, "locked" if account.is_locked(now) else "password", counts=True)
        changed = self.accounts.change_password(account, new, now)
        return self._anew(changed, address, now)

    def confirm(self, name: str, password: str, address: str, now: datetime, code: str = "") -> Account:
        """The account, when its password, and the code if it has a second factor, are right once more (a signature).

        Raises Refused; wrong ones count as those of a login.
        """
        account = self.accounts.get(name)
        reason = self._obstacle(account, address, now) or ("" if verify(account.secret, password) else "password")
        if not reason and account.has_second:
            _factor, reason = self._prove(account, code, now)
        if reason:
            self._refuse(account, name, address, now, reason, counts=reason in ("password", "code"), with_code=account.has_second)
        self._audit(name, "login.confirmed", address, now)
        return account

    def enrol(self, token: str, offer: str, password: str, code: str, address: str, now: datetime) -> tuple[str, tuple[str, ...]]:
        """Begin to use the key of ``offer`` after its first code: a new session token and the recovery codes, which are shown once. Raises Refused."""
        name, session = self._living(token, now)
        if self.accounts.get(name).has_second:
            raise Refused(_("this account has a second factor already"))
        key = self.keys.take_offer(name, session, offer)
        account = self.confirm(name, password, address, now)
        step = matching_step(key, code, now, 0)
        if step is None:
            raise Refused(_("the code does not fit; the clocks of the phone and of the machine must agree"))
        codes = new_recovery_codes()
        changed = self.accounts.set_second(account.name, self.keys.close(name, key), step, [recovery_id(each) for each in codes], now)
        return self._anew(changed, address, now), codes

    def end_second(self, token: str, password: str, code: str, address: str, now: datetime) -> None:
        """Use no second factor any more; needs password and code. Raises Refused."""
        account = self.confirm(self._living(token, now)[0], password, address, now, code)
        self._audit(account.name, "account.second_off", address, now)
        self.accounts.drop_second(account.name, must_enrol=False)
        self.sessions.forget()

    def renew_codes(self, token: str, password: str, code: str, address: str, now: datetime) -> tuple[str, ...]:
        """Ten new recovery codes in place of the old ones; needs password and code. Raises Refused."""
        account = self.confirm(self._living(token, now)[0], password, address, now, code)
        codes = new_recovery_codes()
        self.accounts.set_recovery(account.name, [recovery_id(each) for each in codes], now)
        self.sessions.forget()
        return codes

    def is_admitted(self, account: Account, address: str) -> bool:
        """Whether the account may be used from this address."""
        return is_admitted(account, address, self.policy)

    def _living(self, token: str, now: datetime) -> tuple[str, str]:
        """Account and id of a session; raises Refused when it has ended."""
        session = self.sessions.find(token, now)
        if session is None:
            raise Refused(_("the session has ended; log in again"))
        return session.account.name, session.id

    def _anew(self, account: Account, address: str, now: datetime) -> str:
        """Every session of the account ends and a new one begins."""
        self.sessions.end_all(account.name)
        return self.sessions.open(account, address, now)

    def _let_in(self, account: Account, address: str, now: datetime, factor: str) -> str:
        self._audit(account.name, "login", address, now, factor=factor)
        self.sessions.sweep(now)
        return self.sessions.open(self.accounts.note_login(account.name, now), address, now)

    def _obstacle(self, account: Account | None, address: str, now: datetime) -> str:
        """Why this account may not log in now, whatever its password; empty when nothing stands against it."""
        if account is None:
            return "unknown"
        obstacles = {
            "closed": account.disabled,
            "address": not self.is_admitted(account, address),
            "unused": account.is_unused(now, self.policy),
            "locked": account.is_locked(now),
        }
        return next((reason for reason, stands in obstacles.items() if stands), "")

    def _prove(self, account: Account, code: str, now: datetime) -> tuple[str, str]:
        """Use a code up: (what it was, "") or ("", why not)."""
        try:
            key = self.keys.open(account.name, account.second)
        except ConfigError:
            return "", "key"  # the master key is another one; a reset of the second factor helps
        if self.accounts.spend(account.name, lambda fresh: _without_step(fresh, key, code, now)):
            return "code", ""
        if self.accounts.spend(account.name, lambda fresh: _without_recovery(fresh, code)):
            return "recovery code", ""
        return "", "code"

    def _refuse(self, account: Account | None, name: str, address: str, now: datetime, reason: str, *, counts: bool, with_code: bool = False) -> None:
        """Note the refusal and raise it. From a forbidden address nothing counts, or anybody there could lock an administrator out."""
        self._audit(name[:NAME_SHOWN], "login.refused", address, now, reason=reason)
        if account is not None and counts and reason != "address" and not account.is_locked(now):
            until = (now + timedelta(minutes=self.policy.lock_minutes)).isoformat()
            if self.accounts.note_failure(name, until).is_locked(now):
                self._audit(name, "login.locked", address, now, until=until)
        if with_code:
            raise Refused(_("the password or the code is wrong, the code was used before, or the account is locked or closed"))
        raise Refused(_("the name or the password is wrong, or the account is locked or closed"))

    def _audit(self, name: str, action: str, address: str, now: datetime, **more: str) -> None:
        self.store.audit.append(time=now, actor=name, action=action, object=name, body={"from": address, **more})


def _without_step(account: Account, key: str, code: str, now: datetime) -> Account | None:
    step = matching_step(key, code, now, account.second_used)
    return None if step is None else replace(account, second_used=step)


def _without_recovery(account: Account, code: str) -> Account | None:
    digest = recovery_id(code)
    return replace(account, recovery=tuple(each for each in account.recovery if each != digest)) if digest in account.recovery else None


def open_identity(store: Store, settings: Settings) -> Identity:
    """The identity of a store under the settings."""
    accounts = Accounts(store, settings.console)
    sessions = Sessions(store, accounts, settings.console)
    return Identity(store, settings.console, accounts, sessions, Steps(store), KeySeal(lambda: master_key(settings.data)))
