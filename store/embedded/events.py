"""Events in one file a month, with full-text search; ageing means removing whole files.

A batch is atomic per month. The id of an event decides over all months that are kept.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from core.errors import ConfigError, StoreError
from core.records import Event
from store.base import Bucket, Page, Written
from store.embedded.database import Damaged, Database
from store.embedded.spool import Spool
from store.embedded.sql import EVENTS, compiled, register
from store.embedded.text import clean, dumps, millis, read_cursor, time_of, write_cursor
from store.filter import EVERYTHING, Filter
from store.tokenize import tokenize

log = structlog.get_logger(__name__)
MOST: Final = 10_000
MOST_BUCKETS: Final = 100_000
_YEARS: Final = range(2000, 2100)
_FILE: Final = re.compile(r"events-(\d{6})\.db")
_COLUMNS: Final = "eid, ts, asset, kind, message, body"
T = TypeVar("T")
_NO_ROWS: list[tuple[Any, ...]] = []
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, eid TEXT NOT NULL UNIQUE, ts INTEGER NOT NULL, asset TEXT NOT NULL, kind TEXT NOT NULL,
  message TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_ts ON event(ts, eid);
CREATE INDEX IF NOT EXISTS event_asset ON event(asset, ts, eid);
CREATE INDEX IF NOT EXISTS event_kind ON event(kind, ts, eid);
CREATE VIRTUAL TABLE IF NOT EXISTS event_ft USING fts5(words, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '._'");
"""


class EmbeddedEvents:
    """Implements store.base.Events."""

    def __init__(self, folder: Path, spool: Spool | None, writer: bool) -> None:
        self._folder, self._spool, self._writer = folder, spool, writer
        self._files: dict[str, Database] = {}
        self._lock, self._files_lock = threading.Lock(), threading.Lock()
        self.damaged: set[str] = set()

    def write(self, events: Sequence[Event]) -> Written:
        """Durable when this returns; an event whose time is nonsense is rejected, so that no device fills the disk with monthly files."""
        if not self._writer:
            raise StoreError("the console only reads events; the service writes them")
        good = [event for event in events if event.time.year in _YEARS]
        rejected = tuple(f"event {event.id!r}: the year {event.time.year} cannot be right" for event in events if event.time.year not in _YEARS)
        if not good:
            return Written(0, 0, rejected)
        with self._lock:
            if self._spool is not None:
                self._spool.append("events", good)
            accepted = self._store(good)
        return Written(accepted, len(good) - accepted, rejected)

    def search(self, where: Filter = EVERYTHING, *, since: datetime, until: datetime, limit: int = 100, cursor: str | None = None) -> Page[Event]:
        """Events in [since, until), newest first, month by month."""
        condition, values = self._within(where, since, until)
        if cursor:
            condition, values = f"{condition} AND (ts, eid) < (?, ?)", [*values, *read_cursor(cursor, 2)]
        size = min(limit, MOST)
        sql = f"SELECT {_COLUMNS} FROM event WHERE {condition} ORDER BY ts DESC, eid DESC LIMIT ?"  # noqa: S608 - compiled, values are bound
        found: list[tuple[Any, ...]] = []
        for file in self._months(since, until):
            bound = [*values, size + 1 - len(found)]
            found += self._ask(file, partial(_rows, sql, bound), _NO_ROWS)
            if len(found) > size:
                break
        kept = found[:size]
        return Page(tuple(map(_event, kept)), write_cursor(kept[-1][1], kept[-1][0]) if kept and len(found) > size else None)

    def histogram(self, where: Filter, since: datetime, until: datetime, interval: timedelta, by: str | None = None, size: int = 20) -> list[Bucket]:
        """Counts per interval, empty ones included; ``by`` counts the ``size`` most frequent values of the whole range."""
        step = interval // timedelta(milliseconds=1)
        if step <= 0 or (until - since) / interval > MOST_BUCKETS:
            raise ConfigError(f"this histogram would have no or more than {MOST_BUCKETS} bars; choose another interval")
        counts: Counter[int] = Counter()
        parts: dict[str, Counter[int]] = defaultdict(Counter)
        for start, value, number in self._grouped(where, since, until, f"ts / {step}", by):
            counts[start] += number
            for text in _texts(value):
                parts[text][start] += number
        names = [name for name, _ in _most({name: part.total() for name, part in parts.items()}, size)]
        starts = range(millis(since) // step, -(-millis(until) // step))
        return [Bucket(time_of(start * step), counts[start], {name: parts[name][start] for name in names if parts[name][start]}) for start in starts]

    def top(self, where: Filter, since: datetime, until: datetime, field: str, size: int = 20) -> list[tuple[str, int]]:
        """The most frequent values, ties by value; of a list every element counts."""
        counts: Counter[str] = Counter()
        for _, value, number in self._grouped(where, since, until, "0", field):
            for text in _texts(value):
                counts[text] += number
        return _most(counts, size)

    def count(self, where: Filter, since: datetime, until: datetime) -> int:
        """How many events in [since, until)."""
        condition, values = self._within(where, since, until)
        sql = f"SELECT count(*) FROM event WHERE {condition}"  # noqa: S608 - compiled, values are bound
        return sum(row[0] for file in self._months(since, until) for row in self._ask(file, partial(_rows, sql, values), _NO_ROWS))

    def expire(self, before: datetime) -> int:
        """Remove the months that lie wholly before then; returns how many files went."""
        gone = 0
        for month in self._there():
            if _month_end(month) <= before:
                with self._lock, self._files_lock:
                    file = self._files.pop(month, None) or self._database(month)
                    file.close()
                    for suffix in ("", "-wal", "-shm"):
                        file.path.with_name(file.path.name + suffix).unlink(missing_ok=True)
                gone += 1
        return gone

    def figures(self) -> dict[str, float]:
        """Numbers for Health."""
        months = self._there()
        return {"event_files": float(len(months)), "event_bytes": float(sum(self._database(month).bytes for month in months))}

    def close(self) -> None:
        """Release every file."""
        with self._files_lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _store(self, events: Sequence[Event]) -> int:
        months: dict[str, dict[str, Event]] = defaultdict(dict)
        seen: set[str] = set()
        for event in events:
            if (key := clean(event.id)) not in seen:
                seen.add(key)
                months[_month(event.time)][key] = event
        accepted = 0
        for month, found in months.items():
            known = self._known(found, besides=month)
            fresh = {key: event for key, event in found.items() if key not in known}
            try:
                accepted += self._insert(month, fresh)
            except Damaged:
                self._set_aside(month)
                accepted += self._insert(month, fresh)
        return accepted

    def _insert(self, month: str, events: dict[str, Event]) -> int:
        file = self._open(month)
        with file.writing() as con:
            known = _ids_in(con, events)
            first = con.execute("SELECT coalesce(max(id), 0) + 1 FROM event").fetchone()[0]
            rows = [(id_, *_row(key, events[key])) for id_, key in enumerate((key for key in events if key not in known), first)]
            con.executemany(f"INSERT INTO event(id, {_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?)", rows)
            con.executemany("INSERT INTO event_ft(rowid, words) VALUES(?, ?)", [(row[0], " ".join(tokenize(row[5]))) for row in rows])
        return len(rows)

    def _known(self, ids: Iterable[str], besides: str) -> set[str]:
        wanted, known = list(ids), set[str]()
        for month in self._there():
            if month != besides:
                known |= self._ask(self._open(month), lambda con: _ids_in(con, wanted), set())
        return known

    def _grouped(self, where: Filter, since: datetime, until: datetime, bucket: str, by: str | None) -> Iterator[tuple[int, str | None, int]]:
        """(bucket, value of ``by`` as JSON, number of events), the months one after the other."""
        condition, values = self._within(where, since, until)
        sql = f"SELECT {bucket} AS bucket, {_group(by)} AS value, count(*) FROM event WHERE {condition} GROUP BY bucket{', value' if by else ''}"  # noqa: S608 - compiled, values are bound
        for file in self._months(since, until):
            yield from self._ask(file, partial(_rows, sql, values), _NO_ROWS)

    @staticmethod
    def _within(where: Filter, since: datetime, until: datetime) -> tuple[str, list[Any]]:
        condition, values = compiled(where, EVENTS)
        return f"ts >= ? AND ts < ? AND {condition}", [millis(since), millis(until), *values]

    def _months(self, since: datetime, until: datetime) -> Iterator[Database]:
        """The files that may hold events of [since, until), newest first."""
        first, last = _month(since), _month(until)
        return (self._open(month) for month in reversed(self._there()) if first <= month <= last)

    def _ask(self, file: Database, question: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The answer of one month; a damaged one is reported and the others go on."""
        try:
            with file.reading() as con:
                return question(con)
        except Damaged as err:
            if file.path.name not in self.damaged:
                self.damaged.add(file.path.name)
                log.warning("a month of events cannot be read", reason=str(err))
            return otherwise

    def _there(self) -> list[str]:
        return sorted(found[1] for path in self._folder.iterdir() if (found := _FILE.fullmatch(path.name)))

    def _open(self, month: str) -> Database:
        with self._files_lock:
            if month not in self._files:
                file = self._database(month)
                if self._writer:
                    self._make(file)
                self._files[month] = file
            return self._files[month]

    def _make(self, file: Database) -> None:
        """Made under another name first: whoever sees the month sees its tables."""
        if file.path.exists():
            try:
                file.create()
                return
            except Damaged:
                self.damaged.add(file.set_aside().name)
        new = Database(file.path.with_suffix(".new"), SCHEMA, setup=register)
        new.create()
        new.close()
        new.path.rename(file.path)

    def _set_aside(self, month: str) -> None:
        with self._files_lock:
            file = self._files.pop(month)
            self.damaged.add(file.set_aside().name)

    def _database(self, month: str) -> Database:
        return Database(self._folder / f"events-{month}.db", SCHEMA, setup=register)


def _month(time: datetime) -> str:
    """YYYYMM in UTC."""
    utc = time_of(millis(time))
    return f"{utc.year:04}{utc.month:02}"


def _month_end(month: str) -> datetime:
    year, number = int(month[:4]), int(month[4:])
    return time_of(0).replace(year=year + number // 12, month=number % 12 + 1)


def _rows(sql: str, values: list[Any], con: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return con.execute(sql, values).fetchall()


def _ids_in(con: sqlite3.Connection, ids: Iterable[str]) -> set[str]:
    return {row[0] for row in con.execute("SELECT eid FROM event WHERE eid IN (SELECT value FROM json_each(?))", (dumps(list(ids)),))}


def _row(key: str, event: Event) -> tuple[str, int, str, str, str, str]:
    return key, millis(event.time), clean(event.asset), clean(event.kind), clean(event.message), dumps(dict(event.fields))


def _event(row: tuple[Any, ...]) -> Event:
    eid, ts, asset, kind, message, body = row
    try:
        fields = json.loads(body)
    except ValueError:
        fields = {"wanglou.unreadable": body}
    return Event(id=eid, time=time_of(ts), asset=asset, kind=kind, message=message, fields=fields)


def _group(by: str | None) -> str:
    """SQL for the JSON text of the value to group by."""
    if by is None:
        return "NULL"
    return f"json_quote({EVENTS.columns[by]})" if by in EVENTS.columns else f"body -> {next(EVENTS.paths(by))}"


def _texts(value: str | None) -> Iterable[str]:
    """The values that a group counts for, as text; of a list every element."""
    found = None if value is None else json.loads(value)
    parts = found if isinstance(found, list) else [found]
    return {part if isinstance(part, str) else dumps(part) for part in parts if part is not None and not isinstance(part, dict)}


def _most(counts: dict[str, int], size: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:size]
