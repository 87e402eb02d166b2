"""What the first page says: who is needed for what, what changed, how the systems are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.i18n import _
from console.queries.assets import last_seen, state_of
from console.queries.cases import Case, list_cases, rank, worst_by_asset
from console.queries.health import parts_of
from console.queries.times import span
from console.text import plain
from console.words import ASSET, KINDS, word
from inventory.asset import Asset
from inventory.book import Change
from store.base import Store

LOOKS: Final = ASSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of what changed."""

    time: datetime
    text: str
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One business system, or the kind of what belongs to none."""

    name: str
    state: str
    assets: int


def sentence(living: Sequence[Case], waiting: Sequence[Case], assets: int, title: Callable[[str], str], now: datetime) -> str:
    """The first line, with numbers and the gravest incident. Plain text made harmless by the caller's Markdown rules."""
    if not living:
        return _("Nothing needs you: no open incident on {n} assets.").format(n=f"{assets:,}")
    if not waiting:
        return _("Nothing waits for you: {n} incidents are in hand.").format(n=len(living))
    first = min(waiting, key=lambda case: case.order)
    behind = len(first.assets) - 1
    age = span(now - first.opened) if first.opened else ""
    text = _("{n} incidents need you; the gravest: {title}, for {age}").format(n=len(waiting), title=plain(first.title or title(first.root), 60), age=age)
    return text + (_(", {n} more assets concerned").format(n=behind) if behind > 0 else "")


def recent(store: Store, changes: Iterable[Change], since: datetime, title: Callable[[str], str]) -> list[Happening]:
    """Changes of assets, and incidents that began or ended, the newest first."""
    found = [
        Happening(time=change.time, text=_CHANGES[change.what]().format(name=title(change.asset)), who=change.who)
        for change in changes
        if change.time >= since and change.what in _CHANGES
    ]
    for case in list_cases(store, limit=100).items:
        if case.opened and case.opened >= since:
            found.append(Happening(time=case.opened, text=_("incident began: {title}").format(title=case.title)))
        if case.state in ("resolved", "closed") and case.updated and case.updated >= since:
            found.append(Happening(time=case.updated, text=_("incident ended: {title}").format(title=case.title)))
    return sorted(found, key=lambda line: line.time, reverse=True)


_CHANGES: Final[Mapping[str, Callable[[], str]]] = {
    "add": lambda: _("asset added: {name}"),
    "change": lambda: _("asset changed: {name}"),
    "remove": lambda: _("asset removed: {name}"),
}


def states(store: Store, assets: Iterable[Asset], living: Sequence[Case], now: datetime) -> dict[str, str]:
    """Asset -> state."""
    worst, seen = worst_by_asset(living), last_seen(store, now)
    return {asset.id: state_of(asset, worst, seen) for asset in assets}


def systems(assets: Iterable[Asset], state: Mapping[str, str]) -> list[System]:
    """Business systems by the worst of their assets, the worst first; assets of none are grouped by kind."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for asset in assets:
        grouped[asset.business or word(KINDS, asset.kind)].append(state.get(asset.id, "unknown"))
    found = [System(name=name, state=min(members, key=_order), assets=len(members)) for name, members in grouped.items()]
    return sorted(found, key=lambda system: (_order(system.state), system.name))


def _order(state: str) -> int:
    return {"good": 7, "muted": 6, "unknown": 5}.get(state, rank(state))


def troubles(store: Store, now: datetime) -> list[str]:
    """What is wrong with the watching itself: parts that stand still, a service that does not write."""
    found = parts_of(store, now)
    if not found:
        return [_("The service has not reported yet; is it running?")]
    return [f"{part.title}: {part.message}" for part in found if not part.ok]
