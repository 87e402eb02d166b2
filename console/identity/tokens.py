"""Tokens for programs that use the API: hashed, with scopes and an end, never above what their account may."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from console.i18n import _
from console.identity.accounts import Account, Accounts
from console.identity.roles import Right
from core.errors import NotFound, Refused
from core.names import TOKEN
from core.secrets import token_id
from store.base import ABSENT, Store
from store.filter import Term

MARK: Final = "wl_"
LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows: the account it acts for and the rights it was given, both at this moment."""

    id: str
    account: Account
    title: str
    scopes: frozenset[Right]
    expires: datetime

    @property
    def rights(self) -> frozenset[Right]:
        """Scopes that the account still holds."""
        return self.scopes & self.account.rights


class Tokens:
    """All API tokens of a store."""

    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store, self._accounts = store, accounts

    def make(self, account: Account, title: str, scopes: Collection[str], lasts: timedelta, now: datetime) -> str:
        """A new token, shown once; raises Refused for rights that the account does not hold or too long a life."""
        if not title.strip():
            raise Refused(_("a token needs a name that says what uses it"))
        if not scopes:
            raise Refused(_("choose at least one right for the token"))
        if beyond := set(scopes) - {str(right) for right in account.rights}:
            raise Refused(_("a token may only do what its account may, and that is not {beyond}").format(beyond=", ".join(sorted(beyond))))
        if not timedelta() < lasts <= LONGEST:
            raise Refused(_("a token ends within 366 days"))
        token = MARK + secrets.token_urlsafe(32)
        body = {"account": account.name, "title": title.strip(), "scopes": sorted(scopes), "created": now.isoformat(), "expires": (now + lasts).isoformat()}
        self._store.audit.append(
            time=now, actor=account.name, action="token.make", object=title.strip(), body={"scopes": body["scopes"], "expires": body["expires"]}
        )
        self._store.documents.put(TOKEN, token_id(token), body, ABSENT)
        return token

    def find(self, token: str, now: datetime) -> Grant | None:
        """What a token allows now; None when unknown, expired, or its account is closed, must change its password or enrol a second factor."""
        try:
            grant = self._grant(token_id(token))
        except NotFound:
            return None
        owes = grant.account.must_change or grant.account.needs_second(self._accounts.policy)
        usable = token.startswith(MARK) and now < grant.expires and not grant.account.disabled and not owes
        return grant if usable else None

    def of(self, account: str) -> list[Grant]:
        """The tokens of one account."""
        return [self._grant(document.id) for document in self._store.documents.find(TOKEN, Term("account", account)).items]

    def revoke(self, by: Account, id: str, now: datetime) -> None:
        """End a token of one's own, or anybody's as system administrator."""
        grant = self._grant(id)
        if grant.account.name != by.name and not by.may(Right.ACCOUNT_WRITE):
            raise Refused(_("this token belongs to somebody else"))
        self._store.audit.append(time=now, actor=by.name, action="token.revoke", object=grant.title, body={"account": grant.account.name})
        self._store.documents.delete(TOKEN, id)

    def _grant(self, id: str) -> Grant:
        body = self._store.documents.get(TOKEN, id).body
        scopes = frozenset(Right(scope) for scope in body["scopes"] if scope in set(Right))
        return Grant(id=id, account=self._accounts.get(body["account"]), title=body["title"], scopes=scopes, expires=datetime.fromisoformat(body["expires"]))


def acting(grant: Grant) -> Account:
    """The account as the token lets it act: without the founder's trust and without its secrets."""
    return replace(grant.account, secret="", history=(), is_founder=False, second={}, recovery=())
