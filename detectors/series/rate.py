"""Rate of change: a quantity that moves too fast, long before it reaches a limit (temperature after cooling has failed, a disk that fills)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.memory import pack, unpack

VERSION: Final = 1
LIMIT: Final = 50_000
POINTS: Final = 64
LEAST_POINTS: Final = 4


@dataclass(frozen=True, slots=True)
class Slope:
    """``metric`` may rise (or with a negative ``by`` fall) at most ``by`` within ``within_s`` seconds."""

    metric: str
    by: float
    within_s: float
    severity: Severity = Severity.WARNING


SLOPES: Final = (
    Slope("hw.temperature", 5.0, 600, Severity.HIGH),
    Slope("hw.humidity", 15.0, 900),
    Slope("system.filesystem.utilization", 10.0, 1800, Severity.HIGH),
    Slope("system.memory.utilization", 30.0, 900),
    Slope("system.processes.count", 500.0, 600),
    Slope("hw.ups.charge", -10.0, 600, Severity.HIGH),
)


@dataclass(slots=True)
class _Track:
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=POINTS))
    is_firing: bool = False


class Rate:
    """Fires when the median of the last two values is ``by`` beyond the median at the begin of the window, ends at half of that."""

    name = "rate"

    def __init__(self, slopes: Sequence[Slope] = SLOPES) -> None:
        self._slopes = {slope.metric: slope for slope in slopes}
        self._bank: Bank[_Track] = Bank(self.name, LIMIT)

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge every watched sample in order of time; late, repeated and missing numbers are passed over."""
        found: list[Finding] = []
        for sample in sorted(samples, key=lambda one: one.time):
            slope = self._slopes.get(sample.metric)
            if slope is None or not math.isfinite(sample.value):
                continue
            track = self._bank.get(sample.series, sample.time.timestamp(), _Track)
            if track is not None:
                found += self._one(sample, slope, track)
        return found + (self._bank.mark(samples[-1].time) if samples else [])

    def _one(self, sample: Sample, slope: Slope, track: _Track) -> list[Finding]:
        at, points = sample.time.timestamp(), track.points
        if points and at <= points[-1][0]:
            return []
        points.append((at, sample.value))
        while points and at - points[0][0] > slope.within_s:
            points.popleft()
        moved = movement([value for _, value in points], rising=slope.by > 0)
        part = moved / slope.by
        if (not track.is_firing and part >= 1) or (track.is_firing and part < 0.5):
            track.is_firing = part >= 1
            return [self._finding(sample, slope, track, moved)]
        return []

    def _finding(self, sample: Sample, slope: Slope, track: _Track, moved: float) -> Finding:
        row = words.metric_row(sample.metric)
        minutes = max(1, round((track.points[-1][0] - track.points[0][0]) / 60))
        change, value = words.number(abs(moved), row.unit), words.number(sample.value, row.unit)
        evidence: dict[str, Any] = {"metric": sample.metric, "value": sample.value, "moved": moved, "minutes": minutes, "limit": slope.by}
        if track.is_firing:
            evidence["zh"] = f"{row.zh} {minutes} 分钟内{'上升' if slope.by > 0 else '下降'} {change}，现为 {value}"
            evidence["en"] = f"{row.en} {'rose' if slope.by > 0 else 'fell'} by {change} within {minutes} minutes and is {value} now"
        title = f"{row.zh}{'上升' if slope.by > 0 else '下降'}过快 / {row.en} {'rises' if slope.by > 0 else 'falls'} fast"
        labels = {"metric": sample.metric, **sample.labels}
        return Finding(
            time=sample.time,
            source=self.name,
            asset=sample.asset,
            title=title,
            severity=slope.severity,
            firing=track.is_firing,
            labels=labels,
            evidence=evidence,
        )

    def state(self) -> bytes:
        """The points of each window."""
        tracks = [[key, at, list(track.points), track.is_firing] for key, at, track in self._bank.items()]
        return pack(self.name, VERSION, {"tracks": tracks})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Track] = Bank(self.name, LIMIT)
        try:
            for key, at, points, is_firing in head["tracks"]:
                bank.put(str(key), float(at), _Track(deque(((float(when), float(value)) for when, value in points), maxlen=POINTS), bool(is_firing)))
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of rate is damaged; it is learned anew") from err
        self._bank = bank


def movement(values: Sequence[float], *, rising: bool) -> float:
    """How far the last two values have moved from the lowest (highest) pair before; 0 with fewer than four. A lone spike does not count."""
    if len(values) < LEAST_POINTS:
        return 0.0
    pick = min if rising else max
    pairs = [pick(one, other) for one, other in pairwise(values)]
    bases = [max(one, other) if rising else min(one, other) for one, other in pairwise(values[:-1])]
    return pairs[-1] - pick(bases)
