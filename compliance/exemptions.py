"""Exemptions: a gap that is accepted for a while, with a compensating control, by somebody else than who asked for it.

The raw result is never rewritten; an exemption lowers the risk of a gap and always ends (then the gap counts in full again).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from secrets import token_hex
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.run import every
from core.errors import Conflict, NotFound, Refused
from store.base import ABSENT, Document, Store

EXEMPTION: Final = "compliance-exemption"
LONGEST: Final = timedelta(days=366)
SOON: Final = timedelta(days=30)
ASKERS: Final = frozenset({"operator", "duty_leader", *OFFICERS})


class Word(StrEnum):
    """How an exemption stands at a time."""

    REQUESTED = "requested"
    REFUSED = "refused"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """One exemption of an item for an object; ``assets`` narrows it. Times are aware UTC, None while it has not happened."""

    id: str
    item: str
    object: str
    assets: tuple[str, ...] = ()
    reason: str
    compensation: str
    requester: str
    requested: datetime
    expires: datetime
    approver: str = ""
    decided: datetime | None = None
    granted: bool = False
    remark: str = ""
    withdrawn: datetime | None = None

    def word(self, now: datetime) -> Word:
        """How it stands at ``now``."""
        if self.decided is None or self.decided > now:
            return Word.EXPIRED if self.expires <= now else Word.REQUESTED
        if not self.granted:
            return Word.REFUSED
        if self.withdrawn is not None and self.withdrawn <= now:
            return Word.WITHDRAWN
        return Word.GRANTED if now < self.expires else Word.EXPIRED

    def covers(self, item: str, subject: str, failing: Collection[str], now: datetime) -> bool:
        """Whether the gap of an item on these failing assets of an object is exempt at ``now``."""
        right = self.item == item and self.object == subject and self.word(now) is Word.GRANTED
        return right and (not self.assets or (bool(failing) and set(failing) <= set(self.assets)))


def request(store: Store, wanted: Exemption, roles: Collection[str]) -> Exemption:
    """Ask for an exemption; raises Refused without right, reason, compensating control or a near enough end."""
    if not ASKERS & set(roles):
        raise Refused("operators and security officers ask for exemptions")
    if not wanted.reason.strip() or not wanted.compensation.strip():
        raise Refused("an exemption needs its reason and the control that compensates for the gap")
    if not wanted.requested < wanted.expires <= wanted.requested + LONGEST:
        raise Refused("an exemption ends on a day in the future, at most a year ahead")
    asked = replace(wanted, id=f"x-{wanted.requested:%Y%m%d}-{token_hex(3)}", approver="", decided=None, granted=False, withdrawn=None)
    _keep(store, asked, asked.requester, "request", asked.requested, None)
    return asked


def decide(store: Store, name: str, who: str, roles: Collection[str], now: datetime, *, grant: bool, remark: str) -> Exemption:
    """Grant or refuse; raises Refused when the person is no officer or asked for it, when it is decided already, or when it has ended."""

    def change(one: Exemption) -> Exemption:
        if who == one.requester:
            raise Refused("whoever asked for an exemption cannot decide about it")
        if one.word(now) is not Word.REQUESTED:
            raise Refused(f"this exemption is {one.word(now)} already")
        if not remark.strip():
            raise Refused("a decision about an exemption says why")
        return replace(one, approver=who, decided=now, granted=grant, remark=remark)

    return _change(store, name, who, roles, now, "grant" if grant else "refuse", change)


def withdraw(store: Store, name: str, who: str, roles: Collection[str], now: datetime) -> Exemption:
    """End an exemption before its day; raises Refused when it is not in force."""

    def change(one: Exemption) -> Exemption:
        if one.word(now) is not Word.GRANTED:
            raise Refused("only an exemption in force can be withdrawn")
        return replace(one, withdrawn=now)

    return _change(store, name, who, roles, now, "withdraw", change)


def exemptions(store: Store) -> list[Exemption]:
    """All of them, the newest first."""
    return sorted((read_exemption(document) for document in every(store, EXEMPTION)), key=lambda one: (one.requested, one.id), reverse=True)


def ending(found: Iterable[Exemption], now: datetime) -> list[Exemption]:
    """Those in force whose end is near."""
    return [one for one in found if one.word(now) is Word.GRANTED and one.expires - now <= SOON]


def expired(found: Sequence[Exemption], now: datetime, since: timedelta = SOON) -> list[Exemption]:
    """Granted ones that ran out lately and that no newer exemption in force replaces."""
    return [
        one
        for one in found
        if one.granted and one.word(now) is Word.EXPIRED and now - one.expires <= since and not any(_replaces(other, one, now) for other in found)
    ]


def _replaces(other: Exemption, one: Exemption, now: datetime) -> bool:
    return (other.item, other.object) == (one.item, one.object) and other.word(now) is Word.GRANTED


def read_exemption(document: Document) -> Exemption:
    """A kept exemption."""
    body: Mapping[str, Any] = document.body
    times = {name: datetime.fromisoformat(body[name]) if body[name] else None for name in ("requested", "expires", "decided", "withdrawn")}
    return Exemption(**{**body, **times, "assets": tuple(body["assets"])})


def _change(store: Store, name: str, who: str, roles: Collection[str], now: datetime, action: str, change: Callable[[Exemption], Exemption]) -> Exemption:
    if not OFFICERS & set(roles):
        raise Refused("a security officer decides about exemptions")
    try:
        document = store.documents.get(EXEMPTION, name)
    except NotFound:
        raise Refused(f"there is no exemption {name}") from None
    changed = change(read_exemption(document))
    try:
        _keep(store, changed, who, action, now, document.version)
    except Conflict:
        raise Refused("somebody else has just decided about this exemption") from None
    return changed


def _keep(store: Store, one: Exemption, who: str, action: str, now: datetime, version: str | None) -> None:
    body = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(one).items()} | {"assets": list(one.assets)}
    store.audit.append(time=now, actor=who, action=f"compliance.exemption.{action}", object=one.id, body=body)
    store.documents.put(EXEMPTION, one.id, body, version or ABSENT)
    evidence.note(store.documents, evidence.EXEMPTIONS, one.id, body | {"action": action, "who": who}, now)
