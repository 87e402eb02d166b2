"""Change points: where the level of a series moved for good. KernelCPD of ruptures on hourly means (Arlot, Celisse, Harchaoui, JMLR 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.base import Floats
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.budgets import BudgetOf, no_budget, voice_of
from detectors.series.hours import Hours
from detectors.series.memory import pack, unpack
from detectors.series.offload import Offload

VERSION: Final = 1
LIMIT: Final = 5_000
EVERY_HOURS: Final = 6
SPAN_HOURS: Final = 24 * 14
LEAST_HOURS: Final = 48
RECENT_HOURS: Final = 30
SETTLED_HOURS: Final = 6
LEAST_SIZE: Final = 2.0  # in spreads
WATCHED: Final = (
    "system.memory.utilization",
    "system.cpu.utilization",
    "system.processes.count",
    "http.client.duration",
    "icmp.rtt",
    "hw.temperature",
    "hw.optical_power",
)


@dataclass(frozen=True, slots=True)
class Step:
    """The level was ``before`` until ``hour`` (since 1970) and ``after`` from then on; ``size`` in spreads within the parts."""

    hour: int
    before: float
    after: float
    size: float
    is_apart: bool = False
    """whether the middle 90 of 100 hours before and those after do not overlap"""


def change_points(hours: Sequence[int], values: Sequence[float]) -> list[Step]:
    """The steps in a series of hourly means, in order; imports ruptures."""
    from ruptures import KernelCPD

    rows = np.asarray(values, float)
    if len(rows) < LEAST_HOURS or np.ptp(rows) <= 1e-9 * max(1.0, float(np.abs(rows).max())):
        return []
    noise = max(float(np.median(np.abs(np.diff(rows)))) / 0.954, 0.01 * float(rows.std()), 1e-12)
    scaled = np.clip((rows - np.median(rows)) / noise, -1e6, 1e6)
    # the penalty grows with the dependence between neighbours: a daily wave is no change of level
    daily = max(1.0, float(np.var(scaled[:24])))
    ends = KernelCPD(kernel="linear", min_size=SETTLED_HOURS).fit(scaled.reshape(-1, 1)).predict(pen=6.0 * daily * math.log(len(rows)))
    cuts = [0, *ends]
    steps = []
    for left, middle, right in zip(cuts, cuts[1:], cuts[2:], strict=False):
        before, after = rows[left:middle], rows[middle:right]
        spread = max(float(before.std()), float(after.std()), noise)
        old, new = float(np.median(before)), float(np.median(after))
        steps.append(Step(int(hours[middle]), old, new, abs(new - old) / spread, _are_apart(before, after)))
    return [step for step in steps if step.size >= LEAST_SIZE]


def _are_apart(before: Floats, after: Floats) -> bool:
    """Whether the ranges without their outer twentieths do not overlap: a second, rank-based opinion."""
    (low, high), (under, over) = np.quantile(before, (0.05, 0.95)), np.quantile(after, (0.05, 0.95))
    return bool(under > high or over < low)


@dataclass(slots=True)
class _Track:
    asset: str
    metric: str
    labels: dict[str, str]
    hours: Hours = field(default_factory=Hours)
    told: int = 0  # hour of the step that fires now, 0 when none
    asked: int = 0
    told_at: float = 0.0


class Change:
    """Every six hours over two weeks: an information when the level moved within the last day, ended a day later."""

    name = "change"

    def __init__(self, metrics: Sequence[str] = WATCHED, offload: Offload | None = None) -> None:
        self._watched, self._offload = frozenset(metrics), offload or Offload()
        self._bank: Bank[_Track] = Bank(self.name, LIMIT)
        self._budget_of: BudgetOf = no_budget

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """From now on steps are told of by the budget that ``budget_of(asset, metric)`` names."""
        self._budget_of = budget_of

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Take samples; the search runs in another process, its result comes with a later batch."""
        found: list[Finding] = []
        for sample in sorted(samples, key=lambda one: one.time):
            if sample.metric not in self._watched or not math.isfinite(sample.value):
                continue
            track = self._bank.get(sample.series, sample.time.timestamp(), lambda one=sample: _Track(one.asset, one.metric, dict(one.labels)))  # type: ignore[misc]
            if track is not None and track.hours.add(sample.time.timestamp(), sample.value):
                found += self._hour(sample.series, sample.time, track)
        if samples:
            found += self._results(samples[-1].time) + self._bank.mark(samples[-1].time)
        return found

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics that it looks at."""
        return tuple(sorted(self._watched))

    @property
    def knows(self) -> int:
        """How many series it has a memory of."""
        return len(self._bank)

    def learn(self, series: Sample, hours: Iterable[tuple[float, float]]) -> None:
        """Hourly means of the past of one series ((second, mean), in order); raises no findings."""
        track = self._bank.get(series.series, series.time.timestamp(), lambda: _Track(series.asset, series.metric, dict(series.labels)))
        if track is not None:
            for at, value in hours:
                track.hours.add(at, value)

    def _hour(self, key: str, now: datetime, track: _Track) -> list[Finding]:
        points = list(track.hours.points)[-SPAN_HOURS:]
        if len(points) >= LEAST_HOURS and points[-1][0] - track.asked >= EVERY_HOURS:
            hours, values = [hour for hour, _ in points], [value for _, value in points]
            if self._offload.submit(key, change_points, hours, values):
                track.asked = points[-1][0]
        if track.told and points[-1][0] - track.told > RECENT_HOURS:
            finding = self._finding(now, track, Step(track.told, math.nan, math.nan, 0.0), firing=False)
            track.told = 0
            return [finding]
        return []

    def _results(self, now: datetime) -> list[Finding]:
        found = []
        results = self._offload.collect()
        for key, _, track in self._bank.items():
            steps: list[Step] = results.get(key, [])
            recent = [step for step in steps if track.hours.hour - step.hour <= RECENT_HOURS and abs(step.hour - track.told) > SETTLED_HOURS]
            if recent and not track.told and self._may(now, track, recent[-1]):
                track.told, track.told_at = recent[-1].hour, now.timestamp()
                found.append(self._finding(now, track, recent[-1], firing=True))
        return found

    def _may(self, now: datetime, track: _Track, step: Step) -> bool:
        """The budget's part of the decision."""
        voice = voice_of(self._budget_of, track.asset, track.metric)
        return step.size >= LEAST_SIZE * voice.factor and (step.is_apart or not voice.both) and voice.may(now.timestamp(), track.told_at)

    def _finding(self, now: datetime, track: _Track, step: Step, *, firing: bool) -> Finding:
        row = words.metric_row(track.metric)
        at = datetime.fromtimestamp(step.hour * 3600, UTC).isoformat(timespec="minutes")
        evidence: dict[str, Any] = {"metric": track.metric, "since": at}
        if firing:
            before, after = words.number(step.before, row.unit), words.number(step.after, row.unit)
            evidence |= {"before": step.before, "after": step.after, "size": round(step.size, 2)}
            evidence["zh"] = f"{row.zh}自 {at} 起由 {before} 变为 {after}"
            evidence["en"] = f"{row.en} moved from {before} to {after} at {at}"
        labels = {"metric": track.metric, **track.labels}
        return Finding(
            time=now,
            source=self.name,
            asset=track.asset,
            title=f"{row.zh}水平改变 / {row.en} changed its level",
            severity=Severity.INFO,
            firing=firing,
            labels=labels,
            evidence=evidence,
        )

    def state(self) -> bytes:
        """Hourly means and what was told."""
        tracks = [
            [key, at, track.asset, track.metric, track.labels, track.hours.dump(), track.told, track.asked, track.told_at]
            for key, at, track in self._bank.items()
        ]
        return pack(self.name, VERSION, {"tracks": tracks})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Track] = Bank(self.name, LIMIT)
        try:
            for key, at, asset, metric, labels, hours, told, asked, *told_at in head["tracks"]:
                track = _Track(str(asset), str(metric), dict(labels), Hours.load(hours), int(told), int(asked), *map(float, told_at))
                bank.put(str(key), float(at), track)
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of change is damaged; it is learned anew") from err
        self._bank = bank
