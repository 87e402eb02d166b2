"""Moving the tail into blocks and roll-ups, and removing what is past its age.

Encoding is done without holding the file; blocks, roll-ups, newest values, the removal of the tail and the new floor are then one transaction. The
tail is read from the file and never from its copy in memory, so that no row is removed that was not moved.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from store.embedded.codec import DAY_MS, HOUR_MS, HOURS, ROLL, Array, Floats, Ints, encode_block, encode_roll
from store.embedded.series_file import SeriesFile, block_id, day_of
from store.embedded.tail import Points, read_rows, sorted_points
from store.embedded.text import millis

_ROWS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class _Block:
    id: int
    data: bytes
    roll: bytes


class Compaction:
    """One at a time; run by the process that writes."""

    def __init__(self, file: SeriesFile) -> None:
        self._file, self._lock = file, threading.Lock()

    def run(self) -> int:
        """Move everything that is in the tail now; returns the number of samples."""
        with self._lock:
            moved = 0
            while part := self._part():
                moved += part
            return moved

    def _part(self) -> int:
        with self._file.database.reading() as con:
            rows, up_to = _hot_rows(con)
            if not rows:
                return 0
            points = read_rows(rows, self._file.complain)
            blocks, broken = self._blocks(con, points)
        last = points.last()
        with self._file.database.writing() as con:
            con.executemany("INSERT INTO broken(source, place, data) VALUES('blk', ?, ?)", broken)
            con.executemany("INSERT OR REPLACE INTO blk(id, data) VALUES(?, ?)", [(block.id, block.data) for block in blocks])
            con.executemany("INSERT OR REPLACE INTO roll(id, data) VALUES(?, ?)", [(block.id, block.roll) for block in blocks])
            con.executemany(
                "INSERT INTO latest(sid, ts, value) VALUES(?, ?, ?) ON CONFLICT(sid) DO UPDATE SET ts=excluded.ts, value=excluded.value WHERE excluded.ts > ts",
                zip(last.sid.tolist(), last.ts.tolist(), last.value.tolist(), strict=True),
            )
            con.execute("DELETE FROM hot WHERE id <= ?", (up_to,))
            con.execute("UPDATE meta SET value=? WHERE name='floor'", (up_to,))
        return max(len(points.key), 1)

    def _blocks(self, con: sqlite3.Connection, points: Points) -> tuple[list[_Block], list[tuple[int, bytes]]]:
        """New contents of every block that the points touch, and old contents that could not be read."""
        blocks, broken = [], []
        sid, ts, value = points.sid, points.ts, points.value
        day = ts // DAY_MS
        starts = np.flatnonzero((np.diff(sid, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0))
        for first, end in pairwise(np.append(starts, len(ts)).tolist()):
            id_ = block_id(int(day[first]), int(sid[first]))
            old = con.execute("SELECT data FROM blk WHERE id=?", (id_,)).fetchone()
            times, values = ts[first:end], value[first:end]
            if old is not None:
                before = self._file.decoded(int(day[first]), old[0])
                if before is None:
                    broken.append((id_, old[0]))
                else:
                    times, values = _merged(before, times, values)
            blocks.append(_Block(id_, encode_block(times, values), encode_roll(roll_up(times, values))))
        return blocks, broken

    def expire(self, raw_before: datetime, rolls_before: datetime) -> tuple[int, int, list[int]]:
        """Remove days of raw samples and of roll-ups, and series without any left; returns (blocks, roll-ups, series removed)."""
        raw_day, roll_day = day_of(millis(raw_before)), day_of(millis(rolls_before))
        with self._lock, self._file.database.writing() as con:
            con.execute("UPDATE meta SET value=max(value, ?) WHERE name='raw_from_day'", (raw_day,))
            raw = con.execute("DELETE FROM blk WHERE id < ?", (block_id(raw_day, 0),)).rowcount
            rolls = con.execute("DELETE FROM roll WHERE id < ?", (block_id(min(roll_day, raw_day), 0),)).rowcount
            gone = [row[0] for row in con.execute("SELECT sid FROM latest WHERE ts < ?", (min(roll_day, raw_day) * DAY_MS,))]
            hot = (
                {int(sid) for sid in np.unique(read_rows([row[0] for row in con.execute("SELECT data FROM hot")], self._file.complain).sid)} if gone else set()
            )
            gone = [sid for sid in gone if sid not in hot]
            con.executemany("DELETE FROM latest WHERE sid=?", [(sid,) for sid in gone])
            con.executemany("DELETE FROM series WHERE id=?", [(sid,) for sid in gone])
        return raw, rolls, gone


def roll_up(ts: Ints, value: Floats) -> Array:
    """24 rows of ROLL for the samples of one series and day, in order of time."""
    hours = np.zeros(HOURS, ROLL)
    hour = ts % DAY_MS // HOUR_MS
    starts = np.flatnonzero(np.diff(hour, prepend=-1))
    ends = np.append(starts[1:], len(ts))
    at = hour[starts]
    hours["n"][at], hours["last_at"][at], hours["last"][at] = ends - starts, ts[ends - 1] % HOUR_MS, value[ends - 1]
    with np.errstate(over="ignore"):
        hours["sum"][at] = np.add.reduceat(value, starts)
    hours["min"][at], hours["max"][at] = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
    return hours


def _merged(before: tuple[Ints, Floats], ts: Ints, value: Floats) -> tuple[Ints, Floats]:
    """Old and new samples of a block in order; of equal times the old one stays."""
    if ts[0] > before[0][-1]:
        return np.concatenate((before[0], ts)), np.concatenate((before[1], value))
    both = sorted_points(np.concatenate((before[0], ts)), np.concatenate((before[1], value)))
    return both.key, both.value


def _hot_rows(con: sqlite3.Connection) -> tuple[list[bytes], int]:
    rows: list[bytes] = []
    up_to = samples = 0
    for id_, n, data in con.execute("SELECT id, n, data FROM hot ORDER BY id"):
        rows.append(data)
        up_to, samples = id_, samples + n
        if samples >= _ROWS_AT_ONCE:
            break
    return rows, up_to
