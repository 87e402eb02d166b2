"""What the page of records shows: kinds with their counts, rows of one kind, what comes due, which requirements they feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from compliance.check import Check
from compliance.records.judge import Judged, Record, World, judge
from compliance.records.kind import RecordKind
from compliance.records.shelf import kinds_of, open_accounts, records
from core.errors import ConfigError
from store.base import Store

AHEAD = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All kinds, their records as judged today, and what is wrong in the site's files."""

    kinds: Mapping[str, RecordKind]
    judged: Mapping[str, Sequence[Judged]]
    problems: Sequence[ConfigError]

    def count(self, kind: str, state: str) -> int:
        """How many records of a kind stand so."""
        return sum(_stands(one, state) for one in self.judged[kind])

    def total(self, *states: str) -> int:
        """How many records of all kinds stand in one of the states."""
        return sum(any(_stands(one, state) for state in states) for found in self.judged.values() for one in found)


def _stands(one: Judged, state: str) -> bool:
    """Whether a record stands so; one with a gap may be overdue too."""
    return bool(one.late) if state == "late" else bool(one.soon) if state == "soon" else one.state == state


@dataclass(frozen=True, slots=True)
class Coming:
    """A rule of a kind that is due for a record; no day means never done."""

    kind: RecordKind
    judged: Judged
    rule: str
    day: date | None
    is_late: bool


def shelf(store: Store, site_folder: Path, now: datetime, today: date) -> Shelf:
    """Read and judge everything."""
    kinds, problems = kinds_of(site_folder)
    found = records(store)
    world = World(found, today, open_accounts(store, kinds, found, now, today))
    return Shelf(kinds, {kind.id: judge(kind, world) for kind in kinds.values()}, problems)


def coming(found: Shelf, today: date, ahead: timedelta = AHEAD) -> list[Coming]:
    """What is late and what comes until then, the most urgent first."""
    rows = [
        Coming(found.kinds[name], one, rule, day, rule in one.late)
        for name, judged in found.judged.items()
        for one in judged
        for rule, day in one.due.items()
        if day is None or day <= today + ahead
    ]
    return sorted(rows, key=lambda row: (row.day or date.min, row.kind.order, row.judged.record.id))


def feeds(kind: RecordKind, checks: Sequence[Check]) -> dict[str, tuple[str, ...]]:
    """Check -> requirement items that the records of a kind feed."""
    return {check.id: check.items for check in checks if kind.snapshot in check.kinds}


def title(kind: RecordKind, record: Record) -> str:
    """What a record is called."""
    return str(record.values.get(kind.name, record.id))
