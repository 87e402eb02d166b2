"""Days until full, with an interval: a robust line over the daily pattern of up to four weeks of hourly means.

The slope is the median of the slopes between points far apart (Theil 1950, Sen 1968), after the daily pattern (median residual of each hour
of the day) was taken off; the interval comes from the middle 80 % of those slopes. Each forecast for the next day is kept and set
against what came, and so is its interval, which is made of the errors before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.base import Floats
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.hours import Hours
from detectors.series.memory import pack, unpack

VERSION: Final = 2
LIMIT: Final = 20_000
LEAST_HOURS: Final = 24
PAIRS: Final = 400
LONGEST_DAYS: Final = 3650.0
STEPS: Final = ((3.0, Severity.HIGH), (14.0, Severity.WARNING))
FULL: Final = {
    "system.filesystem.utilization": 100.0,
    "system.filesystem.inodes.utilization": 100.0,
    "hw.memory.utilization": 100.0,
    "system.memory.utilization": 100.0,
    "system.swap.utilization": 100.0,
    "network.prefix.utilization": 100.0,
}
OPTICAL: Final = "hw.optical_power.margin"
FALLS: Final = {"hw.ups.runtime": 10.0, OPTICAL: 0.0}  # what runs down to a limit: minutes of an ageing battery, dB left of fibre and laser
LEAST_OF: Final = {OPTICAL: 7 * 24}  # a module follows the warmth of its room for days
KEPT_ERRORS: Final = 60
A_LOOK: Final = 200  # forecasts made anew at one look after a restart; the others follow at the next ones
LEAST_ERRORS: Final = 12  # scored forecasts before their errors make the interval of the next


class RunsOut(BaseModel):
    """An entry of a site's ``forecasts.yaml``: a metric that fills up to ``full``, or runs down to ``empty``, in its own unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = Field(min_length=1)
    full: float | None = Field(default=None, allow_inf_nan=False)
    empty: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_limit(self) -> RunsOut:
        if (self.full is None) == (self.empty is None):
            raise ValueError("needs either 'full' or 'empty'")
        return self


@dataclass(frozen=True, slots=True)
class Outlook:
    """``per_day`` growth; days until the limit as likely, earliest and latest (infinite when never); ``tomorrow`` the value expected in 24 h."""

    per_day: float
    days: float
    earliest: float
    latest: float
    tomorrow: float


def outlook(hours: Sequence[int], values: Sequence[float], limit: float) -> Outlook | None:
    """The outlook from hourly means in order; None with less than a day of them."""
    if len(values) < LEAST_HOURS:
        return None
    at, rows = np.asarray(hours, float), np.asarray(values, float)
    flat = rows - _daily(at, rows)
    slopes = _slopes(at, flat)
    slope, low, high = (float(number) for number in np.quantile(slopes, (0.5, 0.1, 0.9)))
    now = float(np.median(flat[-6:]))
    return Outlook(slope * 24, _until(limit - now, slope), _until(limit - now, high), _until(limit - now, low), float(rows[-1]) + slope * 24)


def _daily(at: Floats, rows: Floats) -> Floats:
    """The pattern of the hours of the day around the line, mean zero; nothing with less than three days."""
    pattern = np.zeros(24)
    if len(rows) < 72:
        return np.zeros(len(rows))
    slope = float(np.median(_slopes(at, rows)))
    rest = rows - slope * (at - at[-1])
    rest = rest - np.median(rest)
    hour = at.astype(int) % 24
    for number in range(24):
        if (hour == number).any():
            pattern[number] = np.median(rest[hour == number])
    result: Floats = (pattern - pattern.mean())[hour]
    return result


def _slopes(at: Floats, rows: Floats) -> Floats:
    """Slopes per hour between points about half the span apart, at most 400 of them; whole days apart once there are enough, so that no wave tilts them."""
    half = len(rows) // 2
    apart = half if len(rows) < 36 else max(24, half // 24 * 24)
    first = np.unique(np.linspace(0, len(rows) - apart - 1, min(PAIRS, len(rows) - apart)).astype(int))
    result: Floats = (rows[first + apart] - rows[first]) / (at[first + apart] - at[first])
    return result


def _until(room: float, slope: float) -> float:
    if room <= 0:
        return 0.0
    days = room / slope / 24 if slope > 0 else math.inf
    return days if days <= LONGEST_DAYS else math.inf


@dataclass(slots=True)
class _Track:
    """``promised``: (hour, value, half of its interval); ``scored`` and ``inside`` count those that came, and came within."""

    hours: Hours = field(default_factory=Hours)
    severity: str = ""
    promised: list[tuple[int, float, float]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    scored: int = 0
    inside: int = 0
    seen: Outlook | None = None

    @property
    def width(self) -> float | None:
        """Half of the interval that 90 of 100 of its own past errors stayed within; None before there are enough."""
        if len(self.errors) < LEAST_ERRORS:
            return None
        return float(np.quantile(np.abs(self.errors), 0.9))


@dataclass(frozen=True, slots=True)
class Row:
    """One series' present forecast and how its earlier ones did: ``error`` median miss a day ahead, ``hit`` the part that came within its interval."""

    series: str
    value: float
    outlook: Outlook
    width: float | None
    error: float | None
    scored: int
    hit: float | None


class Forecast:
    """Once an hour: fires when full within 14 days is likely (within 3 gravely) and growth is beyond doubt; ends when it is more than 28 days away."""

    name = "forecast"

    def __init__(self, full: dict[str, float] | None = None, falls: dict[str, float] | None = None) -> None:
        self._full, self._falls = FULL if full is None else full, FALLS if falls is None else falls
        self._bank: Bank[_Track] = Bank(self.name, LIMIT)

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Take samples; forecasts are made when an hour closes."""
        found: list[Finding] = []
        for sample in sorted(samples, key=lambda one: one.time):
            if (sample.metric not in self._full and sample.metric not in self._falls) or not math.isfinite(sample.value):
                continue
            if sample.metric == OPTICAL and not sample.value:
                continue  # no light at all: a link that is down says nothing of its fibre
            track = self._bank.get(sample.series, sample.time.timestamp(), _Track)
            if track is not None and track.hours.add(sample.time.timestamp(), sample.value):
                found += self._hour(sample, track)
        return found + (self._bank.mark(samples[-1].time) if samples else [])

    @classmethod
    def of(cls, entries: Iterable[RunsOut]) -> Forecast:
        """The shipped metrics and these; an entry for a shipped metric replaces its limit."""
        full, falls = dict(FULL), dict(FALLS)
        for one in entries:
            full.pop(one.metric, None)
            falls.pop(one.metric, None)
            if one.full is not None:
                full[one.metric] = one.full
            if one.empty is not None:
                falls[one.metric] = one.empty
        return cls(full, falls)

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics that it looks at."""
        return (*self._full, *self._falls)

    @property
    def knows(self) -> int:
        """How many series it has a memory of."""
        return len(self._bank)

    def learn(self, series: Sample, hours: Iterable[tuple[float, float]]) -> None:
        """Hourly means of the past of one series ((second, mean), in order); raises no findings."""
        track = self._bank.get(series.series, series.time.timestamp(), _Track)
        if track is not None:
            for at, value in hours:
                track.hours.add(at, value)

    def errors(self) -> dict[str, float]:
        """Median absolute error of the forecasts for the next day, by series (see ``Sample.series``), in the unit of the metric."""
        return {key: float(np.median(np.abs(track.errors))) for key, _, track in self._bank.items() if track.errors}

    def rows(self) -> list[Row]:
        """Every series that has a forecast (the one made when its last hour closed), the soonest to be used up first."""
        found, left = [], A_LOOK
        for key, _, track in self._bank.items():
            if track.seen is None and track.hours.points and left:
                track.seen, left = self._outlook(key.split("\x1f")[1], track), left - 1
            seen = track.seen
            if seen is not None:
                error = float(np.median(np.abs(track.errors))) if track.errors else None
                hit = track.inside / track.scored if track.scored else None
                found.append(Row(key, track.hours.points[-1][1], seen, track.width, error, track.scored, hit))
        return sorted(found, key=lambda row: (row.outlook.days, row.series))

    def _outlook(self, metric: str, track: _Track) -> Outlook | None:
        """What runs down is looked at upside down."""
        if len(track.hours.points) < LEAST_OF.get(metric, LEAST_HOURS):
            return None
        sign, limit = (1.0, self._full[metric]) if metric in self._full else (-1.0, -self._falls[metric])
        hours, values = [hour for hour, _ in track.hours.points], [sign * value for _, value in track.hours.points]
        seen = outlook(hours, values, limit)
        return seen if seen is None or sign > 0 else replace(seen, per_day=-seen.per_day, tomorrow=-seen.tomorrow)

    def _hour(self, sample: Sample, track: _Track) -> list[Finding]:
        points = track.hours.points
        _settle(track)
        seen = track.seen = self._outlook(sample.metric, track)
        if seen is None:
            return []
        track.promised.append((points[-1][0] + 24, seen.tomorrow, math.inf if track.width is None else track.width))
        severity = next((severity for limit, severity in STEPS if seen.days < limit and math.isfinite(seen.latest)), None)
        if severity and (not track.severity or severity.rank < Severity(track.severity).rank):
            track.severity = severity.value
            return [self._finding(sample, track, seen, firing=True)]
        if track.severity and seen.days > 28:
            finding = self._finding(sample, track, seen, firing=False)
            track.severity = ""
            return [finding]
        return []

    def _finding(self, sample: Sample, track: _Track, seen: Outlook, *, firing: bool) -> Finding:
        row = words.metric_row(sample.metric)
        value, pace = words.number(sample.value, row.unit), words.number(abs(seen.per_day), row.unit)
        error = float(np.median(np.abs(track.errors))) if track.errors else None
        evidence: dict[str, Any] = {
            "metric": sample.metric,
            "value": sample.value,
            "per_day": seen.per_day,
            "days": _plain(seen.days),
            "earliest": _plain(seen.earliest),
            "latest": _plain(seen.latest),
            "past_error": error,
        }
        if firing:
            latest_zh, latest_en = ("不限", "never") if math.isinf(seen.latest) else (f"{seen.latest:.0f} 天", f"{seen.latest:.0f} days")
            turn_zh, turn_en = ("减少", "falls") if seen.per_day < 0 else ("增加", "grows")
            evidence["zh"] = f"{row.zh} {value}，每天{turn_zh} {pace}，约 {seen.days:.1f} 天后用尽（最早 {seen.earliest:.1f} 天，最迟 {latest_zh}）"
            evidence["en"] = (
                f"{row.en} is {value} and {turn_en} by {pace} a day: used up in {seen.days:.1f} days (earliest {seen.earliest:.1f}, latest {latest_en})"
            )
        where = words.of_labels(sample.labels)
        named = f" {where}" if where else ""
        return Finding(
            time=sample.time,
            source=self.name,
            asset=sample.asset,
            title=f"{row.zh}{named} 即将用尽 / {row.en}{named} will be used up",
            severity=Severity(track.severity),
            firing=firing,
            labels={"metric": sample.metric, **sample.labels},
            evidence=evidence,
        )

    def state(self) -> bytes:
        """Hourly means, what was told and promised, and the errors."""
        tracks = [
            [
                key,
                at,
                track.hours.dump(),
                track.severity,
                [[at, value, _plain_width(width)] for at, value, width in track.promised],
                track.errors,
                track.scored,
                track.inside,
            ]
            for key, at, track in self._bank.items()
        ]
        return pack(self.name, VERSION, {"tracks": tracks})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Track] = Bank(self.name, LIMIT)
        try:
            for key, at, *rest in head["tracks"]:
                if str(key).split("\x1f")[1] not in self.watched:
                    continue  # a site's entry was taken away
                bank.put(str(key), float(at), _read(*rest))
        except (KeyError, TypeError, ValueError, IndexError) as err:
            raise ConfigError("the memory of forecast is damaged; it is learned anew") from err
        self._bank = bank


def _settle(track: _Track) -> None:
    """Set what was promised for the closed hour against what came."""
    hour, value = track.hours.points[-1]
    for promised, width in [(promised, width) for due, promised, width in track.promised if due == hour]:
        track.errors.append(value - promised)
        if math.isfinite(width):
            track.scored += 1
            track.inside += abs(value - promised) <= width
    track.errors = track.errors[-KEPT_ERRORS:]
    track.promised = [promise for promise in track.promised if promise[0] > hour]


def _read(hours: list[float], severity: str, promised: list[list[float]], errors: list[float], scored: int = 0, inside: int = 0) -> _Track:
    """A track as it was written; version 1 knew no intervals."""
    told = Severity(severity).value if severity else ""
    due = [(int(one[0]), float(one[1]), float(one[2]) if len(one) > 2 and one[2] is not None else math.inf) for one in promised]
    return _Track(Hours.load(hours), told, due, [float(one) for one in errors], int(scored), int(inside))


def _plain_width(width: float) -> float | None:
    return width if math.isfinite(width) else None


def _plain(days: float) -> float | None:
    return None if math.isinf(days) else round(days, 2)
