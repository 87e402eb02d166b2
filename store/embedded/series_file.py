"""metrics.db: its tables, and what one reading transaction sees of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import structlog

from store.embedded.catalogue import Catalogue
from store.embedded.codec import DAY_MS, Broken, Floats, Ints, decode_block
from store.embedded.database import Damaged, Database
from store.embedded.salvage import save_readable
from store.embedded.tail import Tail, View

log = structlog.get_logger(__name__)
_ID_BITS: Final = 32
_MOST_LOOKED_UP: Final = 100_000
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES('floor', 0), ('raw_from_day', 0), ('made', abs(random()));
CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, metric TEXT NOT NULL,
  labels TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hot(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS blk(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS roll(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS latest(sid INTEGER PRIMARY KEY, ts INTEGER NOT NULL, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS broken(id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, place INTEGER NOT NULL, data BLOB NOT NULL);
"""


def block_id(day: int, sid: int) -> int:
    """Blocks and roll-ups of one day lie side by side."""
    return day << _ID_BITS | sid


def day_and_series(id: int) -> tuple[int, int]:
    """The parts of ``block_id``."""
    return id >> _ID_BITS, id & ((1 << _ID_BITS) - 1)


@dataclass(frozen=True)
class Sight:
    """What one transaction sees."""

    con: sqlite3.Connection
    catalogue: Catalogue
    floor: int
    raw_from_day: int
    read_tail: Callable[[sqlite3.Connection, int], View]

    @cached_property
    def tail(self) -> View:
        """The samples that are in no block yet; read on first use, inside the transaction."""
        return self.read_tail(self.con, self.floor)


class SeriesFile:
    """The file, and the copies of its catalogue and tail in memory."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "metrics.db", SCHEMA, page_size=16384, synchronous="NORMAL")
        self._lock = threading.Lock()
        self._made = 0
        self._catalogue, self._tail = Catalogue(), Tail(self.complain)
        self.complaints: dict[str, int] = {}

    def create(self, may_set_aside: bool) -> str:
        """Make or check the file; returns the name of a damaged one that was set aside, else ""."""
        try:
            self.database.create()
        except Damaged:
            if not may_set_aside:
                raise
            return self.replace()
        return ""

    def replace(self) -> str:
        """Set the damaged file aside and begin a new one with what can still be read of it."""
        aside = self.database.set_aside()
        self.database.create()
        with self.database.writing() as con:
            saved = save_readable(aside, con)
        log.warning("samples were saved from the damaged file", file=aside.name, **saved)
        return aside.name

    @contextmanager
    def sight(self) -> Iterator[Sight]:
        """One view of catalogue, tail and blocks."""
        with self.database.reading() as con:
            meta = dict(con.execute("SELECT name, value FROM meta"))
            with self._lock:
                if self._made != meta["made"]:
                    self._made, self._catalogue, self._tail = meta["made"], Catalogue(), Tail(self.complain)
                catalogue, tail = self._catalogue, self._tail
            catalogue.read_on(con)
            yield Sight(con, catalogue, meta["floor"], meta["raw_from_day"], tail.read)

    def complain(self, what: str) -> None:
        """A damaged part was met; it is counted, told once and left out."""
        if what not in self.complaints:
            log.error("a part of the samples is damaged and left out", reason=what)
        self.complaints[what] = self.complaints.get(what, 0) + 1

    def block(self, con: sqlite3.Connection, day: int, sid: int) -> tuple[Ints, Floats] | None:
        """The block of one series and day, None when there is none or it is damaged."""
        row = con.execute("SELECT data FROM blk WHERE id=?", (block_id(day, sid),)).fetchone()
        return None if row is None else self.decoded(day, row[0])

    def decoded(self, day: int, data: bytes) -> tuple[Ints, Floats] | None:
        """A block's samples, None when it is damaged."""
        try:
            return decode_block(day, data)
        except Broken as err:
            self.complain(str(err))
            return None


def rows_of(con: sqlite3.Connection, table: str, sids: list[int], days: range) -> Iterable[tuple[int, bytes]]:
    """(id, data) of the blocks or roll-ups of some series on some days, in order of days: looked up one by one, or whole days when there are many."""
    low, high = con.execute(f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})").fetchone()  # noqa: S608 - our own names
    if low is None:
        return []
    days = range(max(days.start, day_and_series(low)[0]), min(days.stop, day_and_series(high)[0] + 1))
    if len(days) * len(sids) > _MOST_LOOKED_UP:
        chosen, bounds = set(sids), (block_id(days.start, 0), block_id(days.stop, 0))
        rows = con.execute(f"SELECT id, data FROM {table} WHERE id >= ? AND id < ? ORDER BY id", bounds)  # noqa: S608
        return (row for row in rows if day_and_series(row[0])[1] in chosen)
    wanted = "[" + ",".join(str(block_id(day, sid)) for day in days for sid in sids) + "]"
    return con.execute(f"SELECT id, data FROM {table} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (wanted,))  # noqa: S608


def day_of(ms: int) -> int:
    """Days since the epoch, UTC."""
    return ms // DAY_MS
