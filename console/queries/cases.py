"""Incidents as pages and API read them: typed views over the stored bodies (see docs/incidents.md), and what needs whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from console.i18n import one, two
from console.queries.times import read
from core.errors import NotFound
from core.names import INCIDENT
from core.records import Severity
from incidents.notify.templates import REASONS
from store.base import Body, Page, Store
from store.filter import EVERYTHING, And, Filter, Terms

LIVE: Final = ("open", "acknowledged")
STATES: Final = ("open", "acknowledged", "resolved", "closed", "merged", "candidate")
PRIORITIES: Final = ("P1", "P2", "P3", "P4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One alert of an incident."""

    fingerprint: str
    rule: str
    asset: str
    state: str
    severity: str
    text: str
    value: float | None
    held_by: str
    start: datetime | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of an incident's story."""

    time: datetime | None
    who: str
    what: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One incident."""

    id: str
    titles: Mapping[str, str]
    root: str
    state: str
    priority: str
    severity: str
    owner: str
    opened: datetime | None
    updated: datetime | None
    members: tuple[Member, ...]
    timeline: tuple[Step, ...]
    sla: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def title(self) -> str:
        """In the reader's language."""
        return one(two(self.titles.get("zh", ""), self.titles.get("en", ""))) or self.id

    @property
    def is_live(self) -> bool:
        """Neither resolved nor over."""
        return self.state in LIVE

    @property
    def firing(self) -> tuple[Member, ...]:
        """The members that fire now."""
        return tuple(member for member in self.members if member.state == "firing")

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset concerned, the root first."""
        return tuple(dict.fromkeys([*([self.root] if self.root else []), *(member.asset for member in self.members)]))

    @property
    def is_breached(self) -> bool:
        """Whether a promised time has been missed."""
        return any(_clock_state(clock) == "breached" for clock in self.sla.values())

    @property
    def order(self) -> tuple[int, int, float]:
        """The gravest and oldest first."""
        rank = PRIORITIES.index(self.priority) if self.priority in PRIORITIES else len(PRIORITIES)
        return (0 if self.state == "open" else 1, rank, self.opened.timestamp() if self.opened else 0.0)


def case_of(body: Body) -> Case:
    """The view of a stored incident; what a body does not say is empty."""
    title = body.get("title", "")
    titles = title if isinstance(title, Mapping) else {"zh": str(title), "en": str(title)}
    return Case(
        id=str(body.get("id", "")),
        titles={key: str(value) for key, value in titles.items()},
        root=str(body.get("root") or ""),
        state=str(body.get("state", "open")),
        priority=str(body.get("priority", "")),
        severity=str(body.get("severity", "")),
        owner=str(body.get("owner") or ""),
        opened=read(body.get("opened")),
        updated=read(body.get("updated")),
        members=tuple(_member(each) for each in body.get("members", ())),
        timeline=tuple(_step(each) for each in body.get("timeline", ())),
        sla=body.get("sla") or {},
        body=body,
    )


def get_case(store: Store, id: str) -> Case:
    """One incident; raises NotFound."""
    document = store.documents.get(INCIDENT, id)
    return case_of({"id": document.id, **document.body})


def find_case(store: Store, id: str) -> Case | None:
    """One incident, or None."""
    try:
        return get_case(store, id)
    except NotFound:
        return None


def list_cases(store: Store, states: Sequence[str] = (), priorities: Sequence[str] = (), limit: int = 1000, cursor: str | None = None) -> Page[Case]:
    """Incidents, the newest first."""
    parts: list[Filter] = [Terms(field, tuple(values)) for field, values in (("state", states), ("priority", priorities)) if values]
    page = store.documents.find(INCIDENT, And(tuple(parts)) if parts else EVERYTHING, sort="-opened", limit=limit, cursor=cursor)
    return Page(tuple(case_of({"id": document.id, **document.body}) for document in page.items), page.cursor, page.total)


def live_cases(store: Store) -> list[Case]:
    """Everything open or acknowledged, the gravest first."""
    return sorted(list_cases(store, LIVE, limit=5000).items, key=lambda case: case.order)


def needing(cases: Iterable[Case], person: str) -> list[Case]:
    """What waits for this person: mine and what nobody owns, breached promises first, then by gravity."""
    waiting = [case for case in cases if case.state == "open" or case.owner == person]
    return sorted(waiting, key=lambda case: (not case.is_breached, case.owner not in ("", person), case.order))


def worst_by_asset(cases: Iterable[Case]) -> dict[str, str]:
    """Asset -> the gravest severity that fires on it; "unreachable" behind something that failed, "muted" when people hold it."""
    found: dict[str, str] = {}
    for case in cases:
        for member in case.firing:
            if member.held_by:
                found.setdefault(member.asset, "unreachable" if member.held_by == "unreachable" else "muted")
            elif rank(member.severity) < rank(found.get(member.asset, "")):
                found[member.asset] = member.severity
    return found


def count_by_asset(cases: Iterable[Case]) -> Counter[str]:
    """Asset -> how many live incidents concern it."""
    return Counter(asset for case in cases for asset in case.assets)


def rank(severity: str) -> int:
    """0 is the gravest; unknown words come last."""
    return Severity(severity).rank if severity in set(Severity) else len(Severity)


def matches(case: Case, words: str) -> bool:
    """Whether title, id, root, owner or a member's text holds all words."""
    text = " ".join((case.id, *case.titles.values(), case.root, case.owner, *(f"{m.asset} {m.rule}" for m in case.members))).lower()
    return all(word in text for word in words.lower().split())


def _member(body: Mapping[str, Any]) -> Member:
    value = body.get("value")
    return Member(
        fingerprint=str(body.get("fingerprint", "")),
        rule=str(body.get("rule", "")),
        asset=str(body.get("asset", "")),
        state=str(body.get("state", "")),
        severity=str(body.get("severity", "")),
        text=_text(body.get("text", "")),
        value=float(value) if isinstance(value, int | float) else None,
        held_by=str(body.get("held_by") or ""),
        start=read(body.get("start")),
        body=body,
    )


def _step(body: Mapping[str, Any]) -> Step:
    """A timeline row: time, who, what, and whatever else belongs to it."""
    who = str(body.get("who") or "")
    if body.get("what") == "notice" and (words := REASONS.get(str(body.get("reason")))):
        body = {**body, "reason": two(words[1], words[0])}
    told = [_text(body[key]) for key in ("text", "reason", "cause", "person", "priority", "why", "asset", "rule", "receiver") if body.get(key)]
    return Step(time=read(body.get("time")), who="" if who == "system" else who, what=str(body.get("what") or ""), text=" · ".join(told))


def _text(value: object) -> str:
    return two(str(value.get("zh", "")), str(value.get("en", ""))) if isinstance(value, Mapping) else one(str(value))


def _clock_state(clock: object) -> str:
    return str(clock.get("state", "")) if isinstance(clock, Mapping) else str(clock)
