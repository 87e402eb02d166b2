"""Records of security management from the command line: kinds, tables out and in, what is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from compliance.answers import OFFICERS
from compliance.records.judge import World, judge
from compliance.records.kind import RecordKind
from compliance.records.shelf import kinds_of, open_accounts, records
from compliance.records.table import as_csv, read, take_in, workbook
from core.errors import NotFound
from core.settings import Settings
from store.base import Store


def kind_of(settings: Settings, name: str) -> RecordKind:
    """A kind by its id; raises NotFound that names those there are."""
    kinds, _ = kinds_of(settings.site_folder)
    if name not in kinds:
        raise NotFound(f"there is no kind of record {name!r}; there are {', '.join(kinds)}")
    return kinds[name]


def listed(settings: Settings, store: Store, now: datetime) -> Iterator[str]:
    """Every kind with its counts, and what is late or missing."""
    kinds, problems = kinds_of(settings.site_folder)
    yield from (f"wrong: {problem}" for problem in problems)
    found, today = records(store), now.astimezone(settings.zone).date()
    world = World(found, today, open_accounts(store, kinds, found, now, today))
    for kind in kinds.values():
        judged = judge(kind, world)
        yield f"{kind.id:15} {kind.title.zh} / {kind.title.en}: {len(judged)}"
        for one in judged:
            if wrong := [*one.gaps, *(f"{name} late since {one.due[name] or 'ever'}" for name in one.late)]:
                yield f"  {one.state:5} {one.record.id} {one.record.values.get(kind.name)}: {', '.join(wrong)}"


def handed_out(settings: Settings, store: Store, name: str, out: Path, *, zh: bool) -> str:
    """Write the records of a kind as .csv or .xlsx (an empty kind gives the table to fill in); returns what was done."""
    kind = kind_of(settings, name)
    found = sorted(records(store, name).get(name, ()), key=lambda record: record.id)
    out.write_bytes(as_csv(kind, found, zh=zh) if out.suffix.lower() == ".csv" else workbook(kind, found, zh=zh))
    return f"{len(found)} records written to {out}"


def brought_in(settings: Settings, store: Store, name: str, data: bytes, who: str, now: datetime, *, do: bool) -> Iterator[str]:
    """What importing a table would do and what is wrong with it; with ``do`` it is done."""
    kind = kind_of(settings, name)
    rows, problems = read(kind, data, records(store, name).get(name, ()))
    yield from (f"row {problem.row}: {problem.column}: {problem.message}" for problem in problems)
    yield from (f"row {row.number}: {row.what} {row.values.get(kind.name)}" for row in rows)
    if do:
        written, _ = take_in(store, kind, data, who, tuple(OFFICERS), now)
        yield f"{written} records added or changed"
