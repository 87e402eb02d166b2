"""Many metrics of one thing (a host, a service, a room) judged together, row by row.

Severity: distance of the row's shape (value, mean and spread over 4 and 16 rows of every metric) to the nearest of the shapes learned.
Alarm: the three metrics that jumped most, set against what jumps were usual, above a budget of so many rows a day in two of three rows,
while the severity is unusual too; or three rows in a row that are stranger by far. It lasts while the severity stays unusual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from detectors.base import Floats, Scorer
from detectors.series.scorers import Knn

WIDTHS: Final = (1, 4, 16)
CHUNK: Final = 512
REFIT: Final = 0.25  # of the rows that teach: after so many new ones it learns anew
LEAST_REFIT: Final = 256
UNUSUAL: Final = 0.5  # severity of the strangest tenth of the usual rows
STRANGE: Final = 0.75  # severity of a row three times as far as that
SLOW: Final = 0.01  # weight of a new row in the level that jumps are set against


@dataclass(frozen=True, slots=True)
class Budget:
    """How often the jump score may pass its threshold: ``rows_per_day`` while nothing happens, and ``hold_rows`` of rest after an alarm."""

    rows_per_day: float = 5.0
    hold_rows: int = 10


class Many:
    """Learned by ``fit``, then ``update`` judges rows in order of time. Shapes: rows are (n, metrics)."""

    def __init__(self, budget: Budget | None = None, scorer: Callable[[], Scorer] = Knn) -> None:
        self.budget = budget or Budget()
        self.scorer = scorer()
        self._centre = self._spread = self._jump = np.zeros(0)
        self._unit, self._threshold, self._rare = 1.0, math.inf, 1.0
        self._tail = np.zeros((0, 0))
        self._level = 0.0
        self._over = (False, False)
        self._since = 1 << 40
        self.is_firing = False
        self._strange = 0

    def judge(self, times: NDArray[np.float64], rows: Floats, probation: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Fit on the rows before ``probation``, judge the others; severity 0 and no alarm before.

        Learned anew now and then from the newest rows that were no alarm; an alarm that lasts as long as the probation is taken as usual from then on.
        """
        self.fit(times[:probation], rows[:probation])
        severity, alarm = np.zeros(len(rows)), np.zeros(len(rows), bool)
        lasting, is_usual = 0, np.arange(len(rows)) < probation
        every = max(LEAST_REFIT, int(REFIT * probation))
        for start in range(probation, len(rows), every):
            if start > probation:
                chosen = np.flatnonzero(is_usual[:start])[-probation:]
                self.refit(times[chosen], rows[chosen])
            for begin in range(start, min(start + every, len(rows)), CHUNK):
                part = slice(begin, min(begin + CHUNK, start + every))
                severity[part], alarm[part] = self.update(rows[part])
            for row in range(start, min(start + every, len(rows))):
                lasting = lasting + 1 if alarm[row] else 0
                is_usual[row] = not alarm[row] or lasting > probation
        return severity, alarm

    def refit(self, times: NDArray[np.float64], rows: Floats) -> None:
        """Learn from other rows; what is going on goes on."""
        going_on = self._tail, self._level, self._over, self._since, self.is_firing, self._strange
        self.fit(times, rows)
        self._tail, self._level, self._over, self._since, self.is_firing, self._strange = going_on

    def fit(self, times: NDArray[np.float64], rows: Floats) -> None:
        """Learn from at least 2 rows (n, metrics)."""
        rows = filled(rows, np.zeros(rows.shape[1]))
        self._centre, spread = rows.mean(axis=0), rows.std(axis=0)
        floor = np.maximum(0.01 * np.abs(self._centre), 1e-3)
        self._spread = np.where(spread < 1e-6 * np.maximum(1.0, np.abs(self._centre)), floor, spread)
        self._jump = np.abs(np.diff(rows, axis=0)).std(axis=0) + 1e-4 * np.maximum(self._spread, 1e-3) + 1e-12
        self._tail, self._level, self._over = np.zeros((0, rows.shape[1])), 0.0, (False, False)
        self.is_firing, self._strange = False, 0
        shapes, jumps = self._shapes(rows)
        self._calibrate(times, shapes, jumps)

    def _calibrate(self, times: NDArray[np.float64], shapes: Floats, jumps: Floats) -> None:
        cut = max(1, int(0.7 * len(shapes)))
        held = shapes[cut:][:: max(1, (len(shapes) - cut) // 500)]
        self.scorer.fit(shapes[:cut])
        self._unit = max(float(np.quantile(self.scorer.score(held), 0.9)), 1e-6) if len(held) else 1.0
        self.scorer.fit(shapes)
        steps = np.diff(times)
        step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 60.0
        self._rare = min(0.5, self.budget.rows_per_day * step / 86400)
        self._threshold = float(np.quantile(jumps, 1 - self._rare)) if len(jumps) else math.inf

    def update(self, rows: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Severity 0..1 and alarm of each row, in order of time."""
        last = self._raw_tail()
        rows = filled(rows, last if last is not None else self._centre)
        shapes, jumps = self._shapes(rows)
        far = self.scorer.score(shapes)
        severity: Floats = far / (far + self._unit)
        alarm = np.array([self._is_alarm(*both) for both in zip(jumps.tolist(), severity.tolist(), strict=True)], bool)
        return severity, alarm

    def contributions(self, row: Floats) -> Floats:
        """How many usual spreads each metric of ``row`` is away from its centre, signed."""
        result: Floats = (filled(row[None], self._centre)[0] - self._centre) / self._spread
        return result

    def _is_alarm(self, jump: float, severity: float) -> bool:
        """Opens when jumps and severity agree, or by severity alone when it is far; goes on while the severity stays unusual."""
        is_over = bool(jump > self._threshold)
        self._strange = self._strange + 1 if severity >= STRANGE else 0
        opens = (is_over + self._over[0] + self._over[1] >= 2 and severity >= UNUSUAL) or self._strange >= 3
        is_called = opens and self._since > self.budget.hold_rows
        self._since = 1 if opens else self._since + 1
        self._over = (self._over[1], is_over)
        self.is_firing = is_called or (self.is_firing and severity >= UNUSUAL)
        return self.is_firing

    def _raw_tail(self) -> Floats | None:
        return self._tail[-1] if len(self._tail) else None

    def _shapes(self, rows: Floats) -> tuple[Floats, Floats]:
        """Features and jump scores of rows that follow the remembered ones, which are then the last of these."""
        known = np.vstack([self._tail, rows])
        skip = len(self._tail)
        before = known[skip - 1 : -1] if skip else np.vstack([rows[:1], rows[:-1]])
        sizes: Floats = np.abs(rows - before) / self._jump
        jumps = self._jumps(sizes)
        features = multi_scale(squeezed((known - self._centre) / self._spread), skip)
        self._tail = known[-(WIDTHS[-1] - 1) :]
        return features, jumps

    def _jumps(self, sizes: Floats) -> Floats:
        top = min(3, sizes.shape[1])
        raw = np.sort(squeezed(sizes), axis=1)[:, -top:].mean(axis=1)
        found = np.empty(len(raw))
        for number, value in enumerate(raw.tolist()):
            found[number] = value - self._level
            self._level += SLOW * (value - self._level)
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Head and arrays for the memory."""
        head = {
            "unit": self._unit,
            "threshold": self._threshold,
            "rare": self._rare,
            "level": self._level,
            "over": [bool(one) for one in self._over],
            "since": self._since,
            "firing": self.is_firing,
            "strange": self._strange,
        }
        arrays = {"centre": self._centre, "spread": self._spread, "jump": self._jump, "tail": self._tail}
        return head, arrays | {f"scorer.{name}": value for name, value in self.scorer.state().items()}

    def restore(self, head: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what ``state`` gave; raises ConfigError when it does not fit together."""
        try:
            centre, spread, jump, tail = (np.asarray(arrays[name], float) for name in ("centre", "spread", "jump", "tail"))
            if not centre.shape == spread.shape == jump.shape or tail.shape[1:] != centre.shape:
                raise ValueError("shapes differ")
            self.scorer.restore({name.removeprefix("scorer."): value for name, value in arrays.items() if name.startswith("scorer.")})
            self._unit, self._threshold, self._rare, self._level = (float(head[name]) for name in ("unit", "threshold", "rare", "level"))
            first, second = head["over"]
            self._over, self._since, self.is_firing = (bool(first), bool(second)), int(head["since"]), bool(head["firing"])
            self._strange = int(head["strange"])
        except (KeyError, ValueError, TypeError) as err:
            raise ConfigError("the memory of a host model is damaged; it is learned anew") from err
        self._centre, self._spread, self._jump, self._tail = centre, spread, jump, tail


def squeezed(values: Floats) -> Floats:
    """Sign times log(1 + size): far values count, but not without end."""
    result: Floats = np.sign(values) * np.log1p(np.abs(values))
    return result


def filled(rows: Floats, first: Floats) -> Floats:
    """``rows`` as finite numbers: what is missing takes the value before it, at the beginning ``first``."""
    found: Floats = np.clip(np.asarray(rows, float), -1e100, 1e100)
    if np.isfinite(found).all():
        return found
    found = found.copy()
    for number in range(len(found)):
        before = found[number - 1] if number else first
        found[number] = np.where(np.isfinite(found[number]), found[number], before)
    return found


def multi_scale(rows: Floats, skip: int) -> Floats:
    """Value, mean and spread over the last 4 and 16 rows of each metric, of the rows after the first ``skip``; shape (n - skip, 5 metrics)."""
    sums = np.cumsum(np.vstack([np.zeros(rows.shape[1]), rows]), axis=0)
    squares = np.cumsum(np.vstack([np.zeros(rows.shape[1]), rows * rows]), axis=0)
    ends = np.arange(skip + 1, len(rows) + 1)
    parts = [rows[skip:]]
    for width in WIDTHS[1:]:
        starts = np.maximum(ends - width, 0)
        count = (ends - starts)[:, None]
        mean = (sums[ends] - sums[starts]) / count
        parts += [mean, np.sqrt(np.maximum((squares[ends] - squares[starts]) / count - mean * mean, 0))]
    return np.hstack(parts)
