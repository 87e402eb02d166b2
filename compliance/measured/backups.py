"""Whose data are backed up in time, and elsewhere, as a text that checks read (kind ``estate.backups``): one row an asset. Pure.

The worst of an asset's backup sets counts: ``uncovered`` (nothing that is read holds its data) < ``unread`` < ``none`` < ``late`` < ``good``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from compliance.kinds import Unreadable, readable, rows
from compliance.measured.records import class_of
from compliance.objects import ProtectionObject
from core.records import Snapshot
from inventory.asset import Asset

KIND: Final = "backups"
OLD: Final = timedelta(days=1)
"""A text of before that says nothing of today: it is sent every hour."""
LATE: Final = 1.25
"""Planned intervals after which a copy is late, as the rule ``backup_late`` has it."""
WORST_FIRST: Final = ("unread", "none", "late", "good")


@dataclass(frozen=True, slots=True)
class Held:
    """What one set holds of one asset; ``every_h`` by its plan, ``encrypted`` yes, no or unknown."""

    state: str
    every_h: float
    is_elsewhere: bool
    encrypted: str


def estate(assets: Sequence[Asset], objects: Iterable[ProtectionObject], texts: Iterable[Snapshot], now: datetime) -> str:
    """One row for each host of a protection object, and for each asset that a set names; empty where no set is read at all."""
    found: dict[str, list[Held]] = {}
    for text in texts:
        for asset, held in _sets(text, now):
            found.setdefault(asset, []).append(held)
    if not found:
        return ""
    registered = tuple(objects)
    hosts = {asset.id for asset in assets if class_of(asset.kind) == "host" and any(one.has(asset) for one in registered)}
    return "".join(_row(asset, found.get(asset, ())) for asset in sorted({*hosts, *found}))


def _sets(text: Snapshot, now: datetime) -> Iterator[tuple[str, Held]]:
    try:
        found = rows(KIND, readable(KIND, text.body), now)
    except Unreadable:
        return  # its asset is uncovered: nothing can be said
    is_old = now - text.time > OLD
    for row in found:
        held = Held("unread" if is_old else _state(row, now), float(row["every_h"]), bool(row["elsewhere"]), row["encrypted"])
        yield from ((asset, held) for asset in row["of"].split())


def _state(row: Mapping[str, str], now: datetime) -> str:
    if row["read"] != "yes":
        return "unread"
    if not row["last"]:
        return "none"
    age = now - datetime.fromisoformat(row["last"])
    return "late" if age > timedelta(hours=LATE * float(row["every_h"])) else "good"


def _row(asset: str, sets: Sequence[Held]) -> str:
    away = [held for held in sets if held.is_elsewhere]
    slowest = max((held.every_h for held in away), default=None)
    encrypted = {held.encrypted for held in sets}
    words = (
        asset,
        _worst(sets),
        _worst(away),
        "" if slowest is None else f"{slowest:g}",
        next((word for word in ("no", "unknown", "yes") if word in encrypted), "unknown"),
        str(len(sets)),
    )
    return "\t".join(words) + "\n"


def _worst(sets: Sequence[Held]) -> str:
    states = {held.state for held in sets}
    return next((state for state in WORST_FIRST if state in states), "uncovered")
