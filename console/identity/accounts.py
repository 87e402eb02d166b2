"""Accounts as documents of the store. Every change is audited first: without an entry nothing happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from console.i18n import _
from console.identity.passwords import HISTORY, check_policy, hash_password, is_too_old, one_time_password
from console.identity.roles import ADMINISTRATORS, Right, check_roles, rights_of
from core.errors import Conflict, NotFound, Refused
from core.names import ACCOUNT
from core.settings import ConsoleSettings
from store.base import ABSENT, Document, Store

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_TRIES: Final = 8
_HIDDEN: Final = frozenset({"secret", "history", "second", "second_used", "recovery"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's account; ``secret`` is the hash of the password and stays out of every answer and log.

    ``second`` is the sealed key of the second factor (empty: none), ``second_used`` the last step whose code was taken,
    ``recovery`` the digests of the recovery codes that are left.
    """

    name: str
    title: str = ""
    roles: tuple[str, ...] = ()
    unit: str = ""
    language: str = ""
    created: str = ""
    created_by: str = ""
    last_login: str = ""
    disabled: bool = False
    must_change: bool = True
    is_founder: bool = False
    failures: int = 0
    locked_until: str = ""
    password_set: str = ""
    secret: str = ""
    history: tuple[str, ...] = ()
    opened: str = ""
    must_enrol: bool = False
    second: dict[str, str] = field(default_factory=dict, hash=False)
    second_used: int = 0
    recovery: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Account({self.name!r}, roles={self.roles!r})"

    @property
    def rights(self) -> frozenset[Right]:
        """Everything this account may do; nothing when it is disabled."""
        return frozenset() if self.disabled else rights_of(self.roles, is_founder=self.is_founder)

    def may(self, right: Right) -> bool:
        """Whether the account has a right."""
        return right in self.rights

    def needs_new_password(self, now: datetime, policy: ConsoleSettings) -> bool:
        """A first, reset or aged password must be changed before anything else."""
        return self.must_change or is_too_old(datetime.fromisoformat(self.password_set), now, policy)

    @property
    def has_second(self) -> bool:
        """Whether a login asks for a code."""
        return bool(self.second)

    @property
    def is_administrator(self) -> bool:
        """One of the three administrators, or the first account that stands in for them."""
        return self.is_founder or bool(ADMINISTRATORS & set(self.roles))

    def needs_second(self, policy: ConsoleSettings) -> bool:
        """Whether a second factor is demanded of this account and it has none yet."""
        is_asked = policy.second_factor == "everybody" or (policy.second_factor == "administrators" and self.is_administrator)
        return not self.has_second and (self.must_enrol or is_asked)

    def is_unused(self, now: datetime, policy: ConsoleSettings) -> bool:
        """Whether nobody has used it for so long that it is held, until an administrator opens it again."""
        signs = [datetime.fromisoformat(time) for time in (self.created, self.last_login, self.password_set, self.opened) if time]
        return policy.unused_days > 0 and bool(signs) and now - max(signs) > timedelta(days=policy.unused_days)

    def is_locked(self, now: datetime) -> bool:
        """Whether too many wrong passwords keep it closed now."""
        return bool(self.locked_until) and now < datetime.fromisoformat(self.locked_until)

    def public(self) -> dict[str, Any]:
        """What may be shown: nothing that has to do with the password or the second factor itself."""
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in self.__slots__ if name not in _HIDDEN}


class Accounts:
    """All accounts of a store."""

    def __init__(self, store: Store, policy: ConsoleSettings) -> None:
        self._store, self.policy = store, policy

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [_account(document) for document in self._store.documents.find(ACCOUNT, limit=10_000).items]

    def get(self, name: str) -> Account:
        """One account; raises NotFound."""
        return _account(self._store.documents.get(ACCOUNT, name))

    def find(self, name: str) -> Account | None:
        """One account, or None."""
        try:
            return self.get(name)
        except NotFound:
            return None

    def create(self, by: Account, name: str, title: str, unit: str, now: datetime) -> str:
        """A new account without roles (a security administrator grants them); returns its one-time password."""
        _require(by, Right.ACCOUNT_WRITE)
        return self.add(Account(name=name.strip().lower(), title=title.strip(), unit=unit.strip(), created=now.isoformat(), created_by=by.name), now)

    def add(self, account: Account, now: datetime) -> str:
        """Write a new account with a one-time password, which is returned; raises Refused when the name is bad or taken."""
        if not _NAME.fullmatch(account.name):
            raise Refused(_("a name begins with a letter and has 2 to 32 of: small letters, digits, dot, dash, underscore"))
        if self.find(account.name):
            raise Refused(_("there is an account {name} already").format(name=account.name))
        password = one_time_password()
        self._audit(account.created_by, "account.create", account.name, {"title": account.title, "roles": list(account.roles)}, now)
        ready = replace(account, secret=hash_password(password), password_set=now.isoformat(), must_change=True)
        try:
            self._store.documents.put(ACCOUNT, ready.name, _body(ready), ABSENT)
        except Conflict:
            raise Refused(_("there is an account {name} already").format(name=account.name)) from None
        return password

    def grant(self, by: Account, name: str, roles: Collection[str], now: datetime) -> Account:
        """Set the roles of another account; raises Refused."""
        _require(by, Right.ROLE_GRANT)
        _not_self(by, name)
        chosen = check_roles(roles)
        before = self.get(name)
        self._audit(by.name, "account.grant", name, {"before": list(before.roles), "after": list(chosen)}, now)
        return self._change(name, lambda account: replace(account, roles=chosen, is_founder=False))

    def disable(self, by: Account, name: str, now: datetime, *, disabled: bool = True) -> Account:
        """Close or reopen another account."""
        _require(by, Right.ACCOUNT_WRITE)
        _not_self(by, name)
        self._audit(by.name, "account.disable" if disabled else "account.enable", name, {}, now)
        return self._change(
            name, lambda account: replace(account, disabled=disabled, failures=0, locked_until="", opened=account.opened if disabled else now.isoformat())
        )

    def reset(self, by: Account, name: str, now: datetime) -> str:
        """A new one-time password for another account, which is returned and unlocks it."""
        _require(by, Right.ACCOUNT_WRITE)
        _not_self(by, name)
        self.get(name)
        self._audit(by.name, "account.reset", name, {}, now)
        return self.renew(name, now)

    def renew(self, name: str, now: datetime) -> str:
        """Put a one-time password in place of the present one and return it; the caller has audited it."""
        password = one_time_password()
        secret = hash_password(password)
        self._change(name, lambda a: replace(a, secret=secret, password_set=now.isoformat(), must_change=True, failures=0, locked_until=""))
        return password

    def reset_second(self, by: Account, name: str, now: datetime) -> Account:
        """Take another account's second factor away (the phone is lost); the next login leads to enrolling anew."""
        _require(by, Right.ACCOUNT_WRITE)
        _not_self(by, name)
        if not self.get(name).has_second:
            raise Refused(_("the account {name} has no second factor").format(name=name))
        self._audit(by.name, "account.second_reset", name, {}, now)
        return self.drop_second(name, must_enrol=True)

    def drop_second(self, name: str, *, must_enrol: bool) -> Account:
        """No second factor any more; the caller has audited it."""
        return self._change(name, lambda account: replace(account, second={}, second_used=0, recovery=(), must_enrol=must_enrol))

    def set_second(self, name: str, box: dict[str, str], step: int, recovery: Collection[str], now: datetime) -> Account:
        """The sealed key of a second factor, after its first code (of ``step``); raises Refused when there is one already."""
        self._audit(name, "account.second_on", name, {"recovery_codes": len(recovery)}, now)

        def enrolled(account: Account) -> Account:
            if account.has_second:
                raise Refused(_("this account has a second factor already"))
            return replace(account, second=dict(box), second_used=step, recovery=tuple(recovery), must_enrol=False)

        return self._change(name, enrolled)

    def set_recovery(self, name: str, recovery: Collection[str], now: datetime) -> Account:
        """New recovery codes; the old ones are worthless."""
        self._audit(name, "account.second_codes", name, {"recovery_codes": len(recovery)}, now)
        return self._change(name, lambda account: replace(account, recovery=tuple(recovery)))

    def spend(self, name: str, use: Callable[[Account], Account | None]) -> Account | None:
        """Use a code up: ``use`` gives the account without it, or None when it is wrong. Of two who send the same code one wins."""
        for _try in range(_TRIES):
            document = self._store.documents.get(ACCOUNT, name)
            if (spent := use(_account(document))) is None:
                return None
            try:
                self._store.documents.put(ACCOUNT, name, _body(spent), document.version)
            except Conflict:
                continue
            return spent
        raise Conflict(f"the account {name!r} is being changed by others all the time; try again")

    def change_password(self, account: Account, new: str, now: datetime) -> Account:
        """The account's own new password; raises Refused when the policy forbids it."""
        check_policy(new, account.name, (account.secret, *account.history), self.policy)
        secret = hash_password(new)
        self._audit(account.name, "account.password", account.name, {}, now)

        def renewed(old: Account) -> Account:
            kept = (old.secret, *old.history)[:HISTORY]
            return replace(old, secret=secret, history=kept, password_set=now.isoformat(), must_change=False)

        return self._change(account.name, renewed)

    def set_language(self, name: str, language: str) -> Account:
        """In which language the console speaks to this person."""
        return self._change(name, lambda account: replace(account, language=language))

    def note_failure(self, name: str, locked_until: str) -> Account:
        """One more wrong password; ``locked_until`` is set when the limit is reached."""

        def failed(account: Account) -> Account:
            count = account.failures + 1
            is_over = count >= self.policy.lock_after
            return replace(account, failures=0 if is_over else count, locked_until=locked_until if is_over else account.locked_until)

        return self._change(name, failed)

    def note_login(self, name: str, now: datetime) -> Account:
        """A right password: the count of wrong ones begins anew."""
        return self._change(name, lambda account: replace(account, failures=0, locked_until="", last_login=now.isoformat()))

    def end_founding(self, name: str) -> Account:
        """The first account gives up what it held in trust."""
        return self._change(name, lambda account: replace(account, is_founder=False))

    def _change(self, name: str, change: Callable[[Account], Account]) -> Account:
        changed = self.spend(name, change)
        assert changed is not None  # noqa: S101 - change always gives an account
        return changed

    def _audit(self, actor: str, action: str, name: str, body: Mapping[str, Any], now: datetime) -> None:
        self._store.audit.append(time=now, actor=actor, action=action, object=name, body=dict(body))


def _require(by: Account, right: Right) -> None:
    if not by.may(right):
        raise Refused(_("the account {name} may not do this: it needs the right {right}").format(name=by.name, right=right))


def _not_self(by: Account, name: str) -> None:
    if by.name == name:
        raise Refused(_("nobody changes the rights or the state of their own account"))


def _account(document: Document) -> Account:
    body = document.body
    lists = {name: tuple(body.get(name, ())) for name in ("roles", "history", "recovery")}
    return Account(**{**body, **lists})


def _body(account: Account) -> dict[str, Any]:
    return {name: list(value) if isinstance(value := getattr(account, name), tuple) else value for name in account.__slots__}
