"""One series judged row by row: how strange is it (severity, for ranking), and should a person be called (alarm).

Severity is the distance of the present shape (mean and spread over 8, 64 and 192 rows) to the nearest of its own past shapes, set
against the distances that were usual while warming up. The alarm is another thing: a new record, beyond all that was seen so far by a
margin, of the value, its difference from the usual at this half hour, its short and long mean or its spread; then hold.
Nothing looks ahead: a row is judged with what the rows before it taught, then learned.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from core.errors import ConfigError
from detectors.series.parts import FAR, WINDOWS, Extremes, Profile, Shapes, Single, Tape, Trail, spread_of

Day = Callable[[float], tuple[int, int, int]]
SIGNALS: Final = ("value", "daily", "mean8", "mean64", "spread64")
RARE: Final = 0.02  # of the past shapes are at least as strange: the second method sees it
ERRORS: Final = 256  # past residuals kept for the expected band and the rarity


@dataclass(frozen=True, slots=True)
class Policy:
    """How a series is judged. ``margin`` in parts of the range so far; ``least`` is the smallest change that matters, in the unit of the metric.

    ``hold`` (in parts of the warm-up) is how long after an alarm no further one is raised. ``agree`` signals must set a record together,
    unless one is beyond its range by ``alone``. Nothing is raised before ``least_s`` seconds were watched: half a day's wave makes the other half a record.
    ``rest_s`` seconds at least lie between two alarms; with ``both`` the shape must be stranger than ``RARE`` of the past ones, too.
    """

    warmup_rows: int = 720
    margin: float = 0.03
    least: float = 0.0
    hold: float = 0.2
    agree: int = 2
    alone: float = 0.15
    least_s: float = 86_400.0
    rest_s: float = 0.0
    both: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one row. ``severity`` 0..1; ``low``..``high`` is the expected band; ``rank`` the part of past rows that were at least as strange.

    ``is_by_hour``: the band comes from the same half hour of such days, else from the rows before.
    """

    severity: float
    alarm: bool
    signals: tuple[str, ...] = ()
    direction: int = 0
    usual: float = math.nan
    low: float = math.nan
    high: float = math.nan
    rank: float = 1.0
    is_by_hour: bool = False


class Part(Protocol):
    """A piece of a series' memory that goes on a tape."""

    def write(self, tape: Tape) -> None:
        """Put itself on the tape."""
        ...

    def read(self, tape: Tape) -> None:
        """Take itself from the tape."""
        ...


QUIET: Final = Judgement(0.0, False)


def plain_day(at: float) -> tuple[int, int, int]:
    """(kind, day number, half hour) of ``at`` in UTC, every day of one kind."""
    day, rest = divmod(at, 86400.0)
    return 0, int(day), int(rest // 1800)


class Series:
    """The memory of one series: about 9 KB in a file, under 20 KB in the process, whatever its age. ``step`` judges a row, then learns it."""

    def __init__(self, policy: Policy | None = None, day: Day = plain_day) -> None:
        self.policy, self._day = policy or Policy(), day
        self._start()

    def _start(self) -> None:
        self.rows = 0
        self.first_at, self.last_at = math.inf, -math.inf
        self.interval_s = 60.0
        self._early = array("d")  # time, value, time, value ... of the warm-up
        self._trail, self._profile, self._shapes = Trail(), Profile(), Shapes(2 * len(WINDOWS))
        self._ranges = tuple(Extremes() for _ in SIGNALS)
        self._centre = self._spread = np.zeros(2 * len(WINDOWS))
        self._unit = 1.0
        self._errors = array("f")
        self._sorted = array("f")
        self._since_alarm, self._alarm_at = 1 << 40, -math.inf
        self._outside = 0
        self._before = (-math.inf, math.inf)
        self.judged = QUIET

    @property
    def is_ready(self) -> bool:
        """Whether the warm-up is over."""
        return self.rows > 0

    def step(self, at: float, value: float) -> Judgement:
        """Judge the row, then learn it. A row that is no number, late or a repeat changes nothing and is no alarm."""
        if not math.isfinite(value) or abs(value) > 1e100 or not self.last_at < at < math.inf:
            return Judgement(self.judged.severity, False, usual=self.judged.usual, low=self.judged.low, high=self.judged.high)
        self.first_at, self.last_at = min(self.first_at, at), at
        if not self.is_ready:
            self._warm_up(at, value)
            return QUIET
        self.judged = self._judge_and_learn(at, value)
        if self._outside >= WINDOWS[1]:
            self._relearn(at)
        return self.judged

    def learn(self, history: Iterable[tuple[float, float]]) -> None:
        """Rebuild from history: (time in seconds, value) in order of time; raises no alarms."""
        for at, value in history:
            self.step(at, value)

    def _warm_up(self, at: float, value: float) -> None:
        self._early.extend((at, value))
        if len(self._early) >= 2 * self.policy.warmup_rows:
            self._finish_warm_up()

    def _finish_warm_up(self) -> None:
        early, self._early = list(zip(self._early[::2], self._early[1::2], strict=True)), array("d")
        features = np.array([self._trail.add(value) for _, value in early])
        self._centre, self._spread = spread_of(features)
        distances = []
        for number, ((at, value), row) in enumerate(zip(early, features, strict=True)):
            shape = self._shape(row)
            if number >= len(early) // 2:
                distances.append(self._shapes.distance(shape))
            self._learn(at, value, row.tolist(), shape, far=0.0, is_known=number >= len(early) // 2)
        steps = np.diff([at for at, _ in early])
        self.interval_s = float(np.median(steps)) if len(steps) else 60.0
        self._unit = max(float(np.quantile(distances, 0.9)), 1e-3) if distances else 1.0
        for past in distances[-ERRORS:]:
            insort(self._sorted, past)
        for extremes in self._ranges:
            extremes.catch_up()
        self.rows = len(early)

    def _shape(self, features: Iterable[float]) -> Single:
        shape: Single = np.clip((np.asarray(features) - self._centre) / self._spread, -FAR, FAR).astype(np.float32)
        return shape

    def _judge_and_learn(self, at: float, value: float) -> Judgement:
        row = self._trail.add(value)
        shape = self._shape(row)
        far = self._shapes.distance(shape)
        kind, day, slot = self._day(at)
        self._profile.settle(kind, day, slot)
        usual = self._profile.usual(kind, slot)
        signals = self._signals(value, row, usual)
        turns = self._turns(signals, self.policy.margin)
        named = tuple(name for name, turn in zip(SIGNALS, turns, strict=True) if turn)
        is_record = len(named) >= self.policy.agree or (bool(named) and any(self._turns(signals, self.policy.alone)))
        rank = 1.0 - bisect_left(self._sorted, far) / max(len(self._sorted), 1)
        is_alarm = is_record and self._may_call(at, rank)
        self._since_alarm = 1 if is_alarm else self._since_alarm + 1
        self._alarm_at = at if is_alarm else self._alarm_at
        centre = row[1] if usual is None else usual
        width = self._width()
        self._watch_unit(value)
        self._learn(at, value, row, shape, far, is_known=True)
        self.rows += 1
        direction = next((turn for turn in turns if turn), 0)
        return Judgement(far / (far + self._unit), is_alarm, named, direction, centre, centre - width, centre + width, rank, usual is not None)

    def _may_call(self, at: float, rank: float) -> bool:
        """Whether a record may be an alarm now: the budget's part of the decision."""
        policy = self.policy
        if self._is_holding or at - self.first_at < policy.least_s or at - self._alarm_at < policy.rest_s:
            return False
        return rank <= RARE or not policy.both

    @property
    def _is_holding(self) -> bool:
        return self._since_alarm < self.policy.hold * self.policy.warmup_rows

    def _turns(self, signals: tuple[float, ...], margin: float) -> list[int]:
        """Of each signal: 1 beyond its range upwards, -1 downwards, 0 within; the spread counts upwards alone, a calmer series is no alarm."""
        known, least = self.policy.warmup_rows // 2, self.policy.least
        turns = [one.beyond(signal, margin, least) if one.rows >= known else 0 for one, signal in zip(self._ranges, signals, strict=True)]
        turns[-1] = max(turns[-1], 0)
        return turns

    @staticmethod
    def _signals(value: float, row: list[float], usual: float | None) -> tuple[float, ...]:
        return value, math.nan if usual is None else value - usual, row[0], row[1], row[4]

    def _learn(self, at: float, value: float, row: list[float], shape: Single, far: float, *, is_known: bool) -> None:
        """``is_known``: the windows are filled and the ranges count from here on."""
        kind, day, slot = self._day(at)
        self._profile.settle(kind, day, slot)
        usual = self._profile.usual(kind, slot)
        self._profile.add(kind, day, slot, value)
        self._shapes.add(shape)
        if is_known:
            for extremes, signal in zip(self._ranges, self._signals(value, row, usual), strict=True):
                extremes.add(signal)
        else:
            self._ranges[0].add(value)
        self._keep(abs(value - (row[1] if usual is None else usual)), far)

    def _keep(self, error: float, far: float) -> None:
        if not self._is_holding or error <= self._width():  # what an alarm stands for is not taken as usual before the hold is over
            self._keep_error(error)
        if self.rows and self.rows % 16 == 0:
            insort(self._sorted, far)
            if len(self._sorted) > ERRORS:
                self._sorted = self._sorted[::2]

    def _keep_error(self, error: float) -> None:
        if len(self._errors) < ERRORS:
            self._errors.append(error)
        else:
            self._errors[self.rows % ERRORS] = error

    def _width(self) -> float:
        """Half of the expected band: what 99 of 100 of the last residuals stayed within."""
        errors = sorted(self._errors) if self.rows % 16 == 0 or math.isnan(self.judged.low) else None
        if errors is None:
            return (self.judged.high - self.judged.low) / 2
        return errors[min(len(errors) - 1, math.ceil(0.99 * (len(errors) + 1)) - 1)]

    def _watch_unit(self, value: float) -> None:
        """Count rows that are far outside all that was known before: a changed unit, another device behind the name."""
        low, high = self._before if self._outside else (self._ranges[0].low, self._ranges[0].high)
        room = 10 * max(high - low, 0.1 * abs(high), 1e-9)
        if low - room <= value <= high + room:
            self._outside = 0
            return
        self._before, self._outside = (low, high), self._outside + 1

    def _relearn(self, at: float) -> None:
        """Start anew from the last rows, because the old ones speak of something else."""
        judged = self.judged
        recent = self._trail.values()[-self._outside :]
        self._start()
        self._early = array("d", (number for value in recent for number in (at, value)))
        self.first_at, self.last_at, self.judged = at, at, judged

    def write(self, tape: Tape) -> None:
        """Put everything on the tape."""
        tape.put(self.rows, self.first_at, self.last_at, self.interval_s, self._unit, self._since_alarm, self._alarm_at, self._outside, *self._before)
        tape.put(self.judged.severity, self.judged.usual, self.judged.low, self.judged.high)
        tape.put_many(self._early)
        tape.put_many(self._centre)
        tape.put_many(self._spread)
        tape.put_many(self._errors)
        tape.put_many(self._sorted)
        for part in self._parts():
            part.write(tape)

    def read(self, tape: Tape) -> None:
        """Take everything from the tape; raises ConfigError when it is not one that ``write`` made."""
        try:
            self._read(tape)
        except (IndexError, ValueError, OverflowError) as err:
            raise ConfigError("the memory of a series is damaged; it is learned anew") from err

    def _read(self, tape: Tape) -> None:
        self.rows, self.first_at, self.last_at, self.interval_s = int(tape.take()), tape.take(), tape.take(), tape.take()
        self._unit, since = tape.take(), tape.take()
        self._alarm_at = tape.take() if tape.version >= 5 else -math.inf
        outside, low, high = (tape.take() for _ in range(3))
        self._since_alarm, self._outside, self._before = int(since), int(outside), (low, high)
        severity, usual, below, above = (tape.take() for _ in range(4))
        self.judged = Judgement(severity, False, usual=usual, low=below, high=above)
        self._early = array("d", tape.take_many())
        if len(self._early) % 2:
            raise ValueError("the warm-up is cut")
        self._centre, self._spread = np.array(tape.take_many()), np.array(tape.take_many())
        self._errors, self._sorted = array("f", tape.take_many()), array("f", tape.take_many())
        for part in self._parts():
            part.read(tape)

    def _parts(self) -> tuple[Part, ...]:
        return self._trail, self._profile, self._shapes, *self._ranges
