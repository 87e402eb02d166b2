"""What the tab of vulnerability scans shows: each asset with its newest scan and what is open, and how many hosts were scanned in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from compliance.measured.records import class_of
from compliance.scans.found import Level
from compliance.scans.ledger import Entry, Ledger, counts, worst
from compliance.scans.shelf import ledgers, overdue
from compliance.scans.texts import BAD, HOSTS
from inventory.asset import Asset
from store.base import Store

IN_TIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Line:
    """One asset that was scanned."""

    ledger: Ledger
    open: Mapping[Level, int]
    aside: int
    late: int
    oldest: str
    """When the oldest open critical or high one was first seen, empty when there is none."""

    @property
    def ended(self) -> datetime | None:
        """When the newest scan ended."""
        return datetime.fromisoformat(self.ledger.newest.ended) if self.ledger.newest else None


@dataclass(frozen=True, slots=True)
class Overview:
    """All lines, the worst first; ``hosts`` is how many hosts and network devices there are, ``unscanned`` those without a scan in time."""

    lines: tuple[Line, ...]
    hosts: int
    unscanned: tuple[str, ...]

    def total(self, *levels: Level) -> int:
        """What is open in these levels over all assets."""
        return sum(line.open[level] for line in self.lines for level in levels)


def overview(store: Store, assets: Iterable[Asset], now: datetime, today: date) -> Overview:
    """Read every ledger; those of assets that are gone from the inventory are left out."""
    there = {asset.id: asset for asset in assets}
    found = {name: ledger for name, ledger in ledgers(store).items() if name in there}
    hosts = [name for name, asset in there.items() if class_of(asset.kind) in HOSTS]
    since = (now - IN_TIME).isoformat()
    unscanned = [name for name in hosts if name not in found or (done := found[name].newest) is None or done.ended < since]
    return Overview(tuple(_line(ledger, today) for ledger in worst(list(found.values()), today)), len(hosts), tuple(sorted(unscanned)))


def _line(ledger: Ledger, today: date) -> Line:
    live = [one for one in ledger.open if not one.is_set_aside(today)]
    oldest = min((one.first for one in live if one.level in BAD), default="")
    return Line(ledger, counts(live), len(ledger.open) - len(live), len(list(overdue(ledger.open, today))), oldest)


def fixed(ledger: Ledger) -> list[Entry]:
    """What is fixed, the newest first."""
    return sorted((one for one in ledger.entries if one.fixed), key=lambda one: one.fixed, reverse=True)
