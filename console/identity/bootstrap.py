"""The first account, and the appointment of the three administrators. See docs/decisions/0004-first-account.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from console.i18n import _
from console.identity.accounts import Account, Accounts
from console.identity.roles import Right, Role
from core.clock import SystemClock
from core.errors import Refused
from core.settings import ConsoleSettings
from store.base import Store

FIRST: Final = "admin"
BY: Final = "first start"
THREE: Final = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN)


def ensure_admin(store: Store, policy: ConsoleSettings | None = None, now: datetime | None = None) -> str | None:
    """The one-time password of the first account while it has never been used, else None.

    The password is kept nowhere, so each start before the first change makes a new one.
    """
    accounts, now = Accounts(store, policy or ConsoleSettings()), now or SystemClock().now()
    there = accounts.all()
    if not there:
        first = Account(name=FIRST, roles=(Role.DUTY_LEADER,), created=now.isoformat(), created_by=BY, is_founder=True)
        return accounts.add(first, now)
    if len(there) == 1 and there[0].is_founder and there[0].must_change and not there[0].history:
        store.audit.append(time=now, actor=BY, action="account.reset", object=there[0].name, body={})
        return accounts.renew(there[0].name, now)
    return None


def appoint(accounts: Accounts, by: Account, names: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Make the three administrators (role -> account name) once; returns account name -> one-time password.

    Raises Refused before anything is written when a name is bad, taken or given twice.
    """
    if not by.may(Right.SET_UP):
        raise Refused(_("the three administrators have been appointed already"))
    chosen = [names.get(role, "").strip().lower() for role in THREE]
    if len({*chosen, by.name}) != len(THREE) + 1:
        raise Refused(_("the three administrators are three different persons, and none of them is this account"))
    if taken := [name for name in chosen if accounts.find(name)]:
        raise Refused(_("there is an account {name} already").format(name=taken[0]))
    passwords = {}
    for role, name in zip(THREE, chosen, strict=True):
        passwords[name] = accounts.add(Account(name=name, roles=(role,), created=now.isoformat(), created_by=by.name), now)
    accounts.end_founding(by.name)
    return passwords
