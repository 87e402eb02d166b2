"""The newest samples, not yet in blocks: a copy of the table ``hot`` in memory, read on from where it stopped.

A compaction removes all rows up to some id and writes that id as the floor in the same transaction. A copy is good for readers whose
transaction sees the same floor; rows that are newer than the transaction do no harm.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from store.embedded.codec import Broken, Floats, Ints, decode_hot

_MERGE_AT: Final = 20_000
_TIME_BITS: Final = 42
_TIME_MASK: Final = (1 << _TIME_BITS) - 1
MOST_SERIES: Final = 1 << 63 - _TIME_BITS
Bools = npt.NDArray[np.bool_]
Complain = Callable[[str], None]


def keys_of(sid: Ints, ts: Ints) -> Ints:
    """Series and time as one number that sorts like both: 21 bits of series, 42 of milliseconds (up to the year 2109)."""
    return (sid << _TIME_BITS) | ts


def key_of(sid: int, ts: int) -> int:
    """The same for one sample; ``ts`` is cut to what fits."""
    return (sid << _TIME_BITS) | min(max(ts, 0), _TIME_MASK)


@dataclass(frozen=True, slots=True)
class Points:
    """Samples of many series, in order of series and time, without repeats."""

    key: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    value: Floats = field(default_factory=lambda: np.empty(0, np.float64))

    @property
    def sid(self) -> Ints:
        """Series of every sample."""
        return self.key >> _TIME_BITS

    @property
    def ts(self) -> Ints:
        """Time of every sample in ms."""
        return self.key & _TIME_MASK

    def part(self, sid: int, since: int, until: int) -> Points:
        """One series in [since, until)."""
        first, last = np.searchsorted(self.key, (key_of(sid, since), key_of(sid, until)))
        return Points(self.key[first:last], self.value[first:last])

    def last(self) -> Points:
        """The newest sample of every series."""
        ends = np.flatnonzero(np.diff(self.sid, append=-1))
        return Points(self.key[ends], self.value[ends])

    def contain(self, keys: Ints) -> Bools:
        """Which of ``keys`` are there."""
        if not len(self.key):
            return np.zeros(len(keys), np.bool_)
        at = np.minimum(np.searchsorted(self.key, keys), len(self.key) - 1)
        found: Bools = self.key[at] == keys
        return found

    def merged(self, other: Points) -> Points:
        """Both together; of equal ones ours stays."""
        if not len(self.key) or not len(other.key):
            return self if len(self.key) else other
        return sorted_points(np.concatenate((self.key, other.key)), np.concatenate((self.value, other.value)))


def sorted_points(key: Ints, value: Floats) -> Points:
    """In order, the first of equal ones stays."""
    unique, first = np.unique(key, return_index=True)
    return Points(unique, value[first])


@dataclass(frozen=True, slots=True)
class View:
    """The tail as one transaction sees it: the big part, and what came after it was sorted."""

    big: Points
    small: Points

    def part(self, sid: int, since: int, until: int) -> Points:
        """One series in [since, until)."""
        return self.big.part(sid, since, until).merged(self.small.part(sid, since, until))

    def last(self) -> Points:
        """The newest sample of every series."""
        both = self.big.last().merged(self.small.last())
        return both.last()

    def last_of(self, sids: Sequence[int]) -> Points:
        """The newest sample of some series."""
        parts = [self.part(sid, 0, _TIME_MASK) for sid in sids]
        ends = [(part.key[-1], part.value[-1]) for part in parts if len(part.key)]
        return Points(np.array([key for key, _ in ends], np.int64), np.array([value for _, value in ends], np.float64))

    def contain(self, keys: Ints) -> Bools:
        """Which of ``keys`` are there."""
        found: Bools = self.big.contain(keys) | self.small.contain(keys)
        return found


@dataclass(slots=True)
class _Copy:
    floor: int
    read_up_to: int
    big: Points = field(default_factory=Points)
    small: Points = field(default_factory=Points)


class Tail:
    """Thread-safe copy of the hot rows of one file."""

    def __init__(self, complain: Complain) -> None:
        self._lock, self._complain = threading.Lock(), complain
        self._copy = _Copy(0, 0)

    def read(self, con: sqlite3.Connection, floor: int) -> View:
        """Everything that the transaction of ``con`` sees in the tail (and perhaps what is newer)."""
        with self._lock:
            copy = self._copy if floor == self._copy.floor else _Copy(floor, floor)
            if floor > self._copy.floor:
                self._copy = copy
            self._read_on(con, copy)
            return View(copy.big, copy.small)

    def _read_on(self, con: sqlite3.Connection, copy: _Copy) -> None:
        rows = con.execute("SELECT id, data FROM hot WHERE id > ? ORDER BY id", (copy.read_up_to,)).fetchall()
        if not rows:
            return
        copy.read_up_to = rows[-1][0]
        copy.small = copy.small.merged(read_rows([row[1] for row in rows], self._complain))
        if len(copy.small.key) > _MERGE_AT:
            copy.big, copy.small = copy.big.merged(copy.small), Points()


def read_rows(rows: list[bytes], complain: Complain) -> Points:
    """The samples of hot rows; a row that was damaged is told and left out."""
    parts: list[tuple[Ints, Floats]] = []
    for data in rows:
        try:
            sid, ts, value = decode_hot(data)
            parts.append((keys_of(sid, ts), value))
        except Broken as err:
            complain(str(err))
    return sorted_points(np.concatenate([key for key, _ in parts]), np.concatenate([value for _, value in parts])) if parts else Points()
