"""What can still be read of a damaged metrics.db goes into the new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from store.embedded.database import open_to_read

# Ids of blocks begin with the days since 1970, over 20,000 by now: when the first page is unreadable, all of them are gone through (about a second).
_MOST_HOLES: Final = 100_000
_DAY: Final = 1 << 32
# Table, its columns, and where to go on after a row that cannot be read: at the next id, or on the next day.
_TABLES: Final[tuple[tuple[str, str, int], ...]] = (
    ("series", "id, key, asset, metric, labels", 1),
    ("latest", "sid, ts, value", 1),
    ("hot", "id, n, data", 1),
    ("blk", "id, data", _DAY),
    ("roll", "id, data", _DAY),
)


def save_readable(damaged: Path, con: sqlite3.Connection) -> dict[str, int]:
    """Copy row by row inside the transaction of ``con``; returns the rows saved by table. Without its series no sample has a name: then nothing."""
    saved: dict[str, int] = {}
    try:
        with closing(open_to_read(damaged)) as old:
            con.executemany("UPDATE meta SET value=? WHERE name=?", old.execute("SELECT value, name FROM meta WHERE name <> 'made'").fetchall())
            for table, columns, stride in _TABLES:
                saved[table] = _copy(old, con, table, columns, stride)
                if not saved["series"]:
                    break
    except sqlite3.DatabaseError:
        return saved
    return saved


def _copy(old: sqlite3.Connection, con: sqlite3.Connection, table: str, columns: str, stride: int) -> int:
    names, copied = columns.split(", "), 0
    key, marks = names[0], ", ".join("?" * len(names))
    sql = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key}"  # noqa: S608 - our own names
    for row in _rows(lambda after: old.execute(sql, (after,)), stride):
        con.execute(f"INSERT OR IGNORE INTO {table}({columns}) VALUES({marks})", row)
        copied += 1
    return copied


def _rows(ask: Callable[[int], sqlite3.Cursor], stride: int) -> Iterator[tuple[Any, ...]]:
    """Rows in order of their id; after one that cannot be read go on further up."""
    after = -1
    for _ in range(_MOST_HOLES):
        try:
            for row in ask(after):
                after = int(row[0])
                yield row
            return
        except sqlite3.DatabaseError:
            after = (after // stride + 1) * stride
