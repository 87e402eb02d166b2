"""The parts of one series' memory: trailing windows, running range, daily profile, past shapes. Small, pure of clocks, all numbers.

Each part has ``write`` and ``read`` over a ``Tape`` of numbers, so that the memory of many series is two plain arrays.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WINDOWS: Final = (8, 64, 192)
SHAPES: Final = 500  # past shapes kept per series: 6 KB
GAP: Final = 64  # rows before the present that are not compared with: they resemble it only because they overlap
SLOTS: Final = 48  # half hours of a day
SAME: Final = 5  # days remembered per half hour
PROFILE: Final = 1 + SAME  # numbers per half hour
EXACT_EVERY: Final = 256  # rows after which running sums are counted anew
FRESH: Final = 16  # rows
MOST: Final = 3e38  # what single precision holds
FAR: Final = 6e4  # what half precision holds

Single = NDArray[np.float32]
Half = NDArray[np.float16]


class Tape:
    """Numbers written in order and read back in the same order."""

    def __init__(self, numbers: Iterable[float] = (), shapes: NDArray[Any] | None = None, version: int = 5) -> None:
        self.numbers: list[float] = list(numbers)
        self.shapes: list[Half] = [] if shapes is None else [np.clip(shapes, -FAR, FAR).astype(np.float16)]
        self.version = version
        self._at = self._row = 0

    def put(self, *values: float) -> None:
        """Append numbers."""
        self.numbers.extend(values)

    def put_many(self, values: Iterable[float]) -> None:
        """Append a count and that many numbers."""
        many = list(values)
        self.numbers.append(len(many))
        self.numbers.extend(many)

    def take(self) -> float:
        """The next number."""
        self._at += 1
        return self.numbers[self._at - 1]

    def take_many(self) -> list[float]:
        """The next counted run of numbers."""
        count = int(self.take())
        if count < 0 or self._at + count > len(self.numbers):
            raise ValueError("the tape ends early")
        self._at += count
        return self.numbers[self._at - count : self._at]

    def take_shapes(self, count: int) -> Half:
        """The next rows of shapes."""
        self._row += count
        if count < 0 or self._row > len(self.shapes[0]):
            raise ValueError("the tape ends early")
        return self.shapes[0][self._row - count : self._row].copy()


class Trail:
    """Mean and spread over the last 8, 64 and 192 values, updated in constant time."""

    def __init__(self) -> None:
        self._ring = array("d", bytes(8 * WINDOWS[-1]))
        self._count = 0
        self._base = 0.0
        self._sums = [0.0] * len(WINDOWS)
        self._squares = [0.0] * len(WINDOWS)

    def add(self, value: float) -> list[float]:
        """Means of the windows, then their spreads; a window that is not full yet uses what there is."""
        if not self._count:
            self._base = value
        shifted, size, at = value - self._base, WINDOWS[-1], self._count
        square = shifted * shifted
        for number, width in enumerate(WINDOWS):
            old = self._ring[(at - width) % size] if at >= width else 0.0
            self._sums[number] += shifted - old
            self._squares[number] += square - old * old
        self._ring[at % size] = shifted
        self._count += 1
        if self._count % EXACT_EVERY == 0:
            self._recount()
        means, spreads = [], []
        for number, width in enumerate(WINDOWS):
            rows = min(width, self._count)
            mean = self._sums[number] / rows
            means.append(mean + self._base)
            spreads.append(math.sqrt(max(self._squares[number] / rows - mean * mean, 0.0)))
        return means + spreads

    def values(self) -> list[float]:
        """The last values, oldest first (at most 192)."""
        size = WINDOWS[-1]
        return [self._ring[at % size] + self._base for at in range(max(0, self._count - size), self._count)]

    def _recount(self) -> None:
        values = self.values()
        self._base = values[-1]
        shifted = [value - self._base for value in values]
        self._count = len(values) if len(values) < WINDOWS[-1] else WINDOWS[-1] * 2
        for place, value in enumerate(shifted):
            self._ring[place % WINDOWS[-1]] = value
        self._sums = [math.fsum(shifted[-width:]) for width in WINDOWS]
        self._squares = [math.fsum(value * value for value in shifted[-width:]) for width in WINDOWS]

    def write(self, tape: Tape) -> None:
        """Put the values on the tape."""
        tape.put_many(self.values())

    def read(self, tape: Tape) -> None:
        """Take the values from the tape."""
        for value in tape.take_many():
            self.add(value)


class Extremes:
    """The range that one signal has had, but for the newest ``FRESH`` to twice ``FRESH`` rows: a slow rise may not hide behind its own steps."""

    __slots__ = ("_fresh", "high", "low", "rows")

    def __init__(self) -> None:
        self.low, self.high, self.rows = math.inf, -math.inf, 0
        self._fresh = [math.inf, -math.inf, math.inf, -math.inf]  # of the rows before these, and of these

    def add(self, value: float) -> None:
        """Take a value; it widens the range later. NaN is none."""
        if value != value:  # noqa: PLR0124 - NaN is the one value that is not itself
            return
        fresh = self._fresh
        fresh[2], fresh[3], self.rows = min(fresh[2], value), max(fresh[3], value), self.rows + 1
        if self.rows % FRESH == 0:
            self.low, self.high = min(self.low, fresh[0]), max(self.high, fresh[1])
            self._fresh = [fresh[2], fresh[3], math.inf, -math.inf]

    def catch_up(self) -> None:
        """Widen the range by everything taken so far."""
        self.low, self.high = min(self.low, *self._fresh[::2]), max(self.high, *self._fresh[1::2])

    def beyond(self, value: float, margin: float, least: float) -> int:
        """1 above, -1 below the range by ``margin`` of its width and at least by ``least``; else 0."""
        if self.low > self.high:
            return 0
        room = max(margin * (self.high - self.low), least, 1e-9 * (1.0 + abs(value)))
        return 1 if value > self.high + room else -1 if value < self.low - room else 0

    def write(self, tape: Tape) -> None:
        """Put the range on the tape."""
        tape.put(self.low, self.high, self.rows, *self._fresh)

    def read(self, tape: Tape) -> None:
        """Take the range from the tape."""
        self.low, self.high, self.rows = tape.take(), tape.take(), int(tape.take())
        self._fresh = [tape.take() for _ in range(4)]


class Profile:
    """What is usual at this half hour: the median of the means of the last five days of the same kind."""

    def __init__(self) -> None:
        self._kinds: dict[int, array[float]] = {}  # by kind of day 48 rows: days known, five means as differences from ``_base``
        self._base = math.nan
        self._open = (0, 0, 0)  # kind, day, half hour that is being learned
        self._total, self._rows = 0.0, 0

    def usual(self, kind: int, slot: int) -> float | None:
        """The median of this half hour, from days of another kind when there are none of this; None when unknown."""
        start = slot * PROFILE
        for rows in (self._kinds.get(kind), *self._kinds.values()):
            if rows is not None and rows[start]:
                known = min(int(rows[start]), SAME)
                return self._base + sorted(rows[start + 1 : start + 1 + known])[known // 2]
        return None

    def add(self, kind: int, day: int, slot: int, value: float) -> None:
        """Learn a value; a half hour counts once it is over."""
        self.settle(kind, day, slot)
        self._total += value
        self._rows += 1

    def settle(self, kind: int, day: int, slot: int) -> None:
        """Close an earlier half hour, so that ``usual`` knows it."""
        now = (kind, day, slot)
        if now == self._open:
            return
        if self._rows:
            self._know(self._open[0], self._open[2], self._total / self._rows)
        self._open, self._total, self._rows = now, 0.0, 0

    def _know(self, kind: int, slot: int, mean: float) -> None:
        if math.isnan(self._base):
            self._base = mean
        rows, start = self._kinds.setdefault(kind, array("f", bytes(4 * SLOTS * PROFILE))), slot * PROFILE
        rows[start + 1 + int(rows[start]) % SAME] = max(-MOST, min(MOST, mean - self._base))
        rows[start] += 1

    def write(self, tape: Tape) -> None:
        """Put the profile on the tape."""
        tape.put(len(self._kinds))
        for kind, rows in self._kinds.items():
            tape.put(kind)
            tape.put_many(rows)
        tape.put(self._base, *self._open, self._total, self._rows)

    def read(self, tape: Tape) -> None:
        """Take the profile from the tape; raises ValueError when it is of another size."""
        for _ in range(int(tape.take())):
            kind, rows = int(tape.take()), tape.take_many()
            self._kinds[kind] = array("f", rows if tape.version >= 5 else self._renewed(rows))
            if len(self._kinds[kind]) != SLOTS * PROFILE:
                raise ValueError("the profile has another size")
        if tape.version >= 5:
            self._base, *opened = (tape.take() for _ in range(4))
            self._open = (int(opened[0]), int(opened[1]), int(opened[2]))
            self._total, self._rows = tape.take(), int(tape.take())

    def _renewed(self, rows: list[float]) -> list[float]:
        """Version 4 kept whole means, and in each half hour an open day with its total and rows: these are learned again tomorrow."""
        width, found = 4 + SAME, []
        for start in range(0, len(rows), width):
            known, means = int(rows[start]), rows[start + 4 : start + width]
            if known and math.isnan(self._base):
                self._base = means[0]
            found += [rows[start], *(mean - self._base if number < known else 0.0 for number, mean in enumerate(means))]
        return found


class Shapes:
    """Past shapes, spread evenly over all that was seen; the distance of the present one to its three nearest."""

    def __init__(self, width: int) -> None:
        self._rows: Half = np.zeros((SHAPES, width), np.float16)
        self.count, self._stride, self._seen = 0, 1, 0
        self._young: Half = np.zeros((GAP + 1, width), np.float16)  # a ring of what is not old enough yet, the oldest at ``_first``
        self._ages, self._first = array("q"), 0

    def distance(self, shape: Single) -> float:
        """Mean distance to the three nearest past shapes; 0 while there are fewer."""
        if self.count < 3:
            return 0.0
        apart = np.subtract(self._rows[: self.count], shape, dtype=np.float32)
        squares = np.einsum("ij,ij->i", apart, apart)
        squares.partition(2)
        return math.sqrt(squares[0]) / 3 + math.sqrt(squares[1]) / 3 + math.sqrt(squares[2]) / 3

    def add(self, shape: Single) -> None:
        """Remember every n-th shape once it is old enough; when full, keep each second one and double n."""
        if self._seen % self._stride == 0:
            self._young[(self._first + len(self._ages)) % (GAP + 1)] = shape
            self._ages.append(self._seen)
        self._seen += 1
        while self._ages and self._ages[0] <= self._seen - GAP:
            self._rows[self.count] = self._young[self._first]
            self._first = (self._first + 1) % (GAP + 1)
            del self._ages[0]
            self.count += 1
            if self.count == SHAPES:
                self._rows[: SHAPES // 2] = self._rows[::2].copy()
                self.count, self._stride = SHAPES // 2, self._stride * 2

    def write(self, tape: Tape) -> None:
        """Put the shapes on the tape."""
        tape.put(self.count, self._stride, self._seen, len(self._ages))
        tape.put_many(self._ages)
        tape.shapes.append(self._rows[: self.count])
        tape.shapes.append(np.roll(self._young, -self._first, axis=0)[: len(self._ages)])

    def read(self, tape: Tape) -> None:
        """Take the shapes from the tape."""
        self.count, self._stride, self._seen, waiting = (int(tape.take()) for _ in range(4))
        self._ages, self._first = array("q", (int(at) for at in tape.take_many())), 0
        if len(self._ages) != waiting or waiting > GAP:
            raise ValueError("the young shapes have another number")
        self._rows[: self.count] = tape.take_shapes(self.count)
        self._young[:waiting] = tape.take_shapes(waiting)


def spread_of(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre (median) and spread (standard deviation, never zero) of each column."""
    centre = np.median(rows, axis=0)
    with np.errstate(over="ignore"):
        spread = rows.std(axis=0)
    return centre, np.where(np.isfinite(spread), spread, FAR) + 1e-6 * np.abs(rows).max(axis=0) + 1e-9
