"""Seasonal baseline: every watched series against its own past. A fresh install learns from history, or within hours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np

from core.calendar import Calendar
from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.budgets import BUDGETS, SHIPPED, BudgetOf, no_budget
from detectors.series.engine import Day, Judgement, Policy, Series, plain_day
from detectors.series.memory import pack, unpack
from detectors.series.parts import Tape

VERSION: Final = 5
OLDEST: Final = 4
RECOVER_ROWS: Final = 5
UNUSUAL: Final = 0.75  # severity of a shape three times as far as the strangest tenth of the past
WATCHED: Final = (
    "system.cpu.utilization", "system.cpu.load_average.5m", "system.memory.utilization", "system.disk.io", "system.network.io",
    "system.processes.count", "http.client.duration", "probe.duration", "icmp.rtt", "network.interface.io", "network.interface.errors",
    "hw.temperature", "hw.humidity", "hw.power", "hw.ups.load", "hw.processor.utilization", "hw.memory.utilization",
)  # fmt: skip
LEAST: Final = {"%": 5.0, "1/s": 1.0, "Cel": 2.0, "s": 0.05, "By/s": 10_000.0, "W": 20.0, "1": 1.0}


@dataclass(frozen=True, slots=True)
class Options:
    """``metrics`` watched; ``limit`` of series; ``least`` change that matters by unit; ``policy`` of the alarm (see ``BUDGETS``)."""

    metrics: tuple[str, ...] = WATCHED
    limit: int = 20_000
    least: Mapping[str, float] = field(default_factory=lambda: LEAST)
    policy: Policy = BUDGETS[SHIPPED]
    calendar: Calendar | None = None


@dataclass(slots=True)
class _Watch:
    """One series and the alarm that it has raised, if any."""

    series: Series
    since: float = math.nan
    calm: int = 0
    rows: int = 0
    severity: Severity = Severity.INFO

    @property
    def is_firing(self) -> bool:
        return not math.isnan(self.since)


class Baseline:
    """Fires when a series sets a record against its past; ends after five usual rows, or when the new level is accepted after the hold."""

    name = "baseline"

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._watched = frozenset(self.options.metrics)
        self._day = calendar_day(self.options.calendar) if self.options.calendar else plain_day
        self._budget_of: BudgetOf = no_budget
        self._bank: Bank[_Watch] = Bank(self.name, self.options.limit)

    def _policy(self, asset: str, metric: str) -> Policy:
        wanted = BUDGETS.get(self._budget_of(asset, metric), self.options.policy)
        return _fitted(wanted, wanted.least or self.options.least.get(words.metric_row(metric).unit, 0.0))

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """From now on every series is judged by the budget that ``budget_of(asset, metric)`` names ("" the default); what was learned stays."""
        self._budget_of = budget_of
        for key, _, watch in self._bank.items():
            asset, metric = key.split("\x1f")[:2]
            watch.series.policy = self._policy(asset, metric)

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge every watched sample in order of time, then learn it."""
        found = [finding for sample in sorted(samples, key=lambda one: one.time) if sample.metric in self._watched for finding in self._one(sample)]
        return found + (self._bank.mark(samples[-1].time) if samples else [])

    def learn(self, history: Iterable[Sample]) -> int:
        """Rebuild from stored samples in order of time; raises no findings. Returns the number of samples taken."""
        taken = 0
        for sample in history:
            if sample.metric in self._watched and (watch := self._watch(sample)):
                watch.series.step(sample.time.timestamp(), sample.value)
                taken += 1
        return taken

    @property
    def knows(self) -> int:
        """How many series it has a memory of."""
        return len(self._bank)

    @property
    def ready(self) -> int:
        """Of how many the warm-up is over."""
        return sum(watch.series.is_ready for _, _, watch in self._bank.items())

    def expected(self, sample: Sample) -> Judgement:
        """Severity and expected band of the last row of this series, for charts."""
        watch = self._watch(sample)
        return watch.series.judged if watch else Judgement(0.0, False)

    def _watch(self, sample: Sample) -> _Watch | None:
        return self._bank.get(sample.series, sample.time.timestamp(), lambda: _Watch(Series(self._policy(sample.asset, sample.metric), self._day)))

    def _one(self, sample: Sample) -> list[Finding]:
        watch = self._watch(sample)
        if watch is None:
            return []
        judged = watch.series.step(sample.time.timestamp(), sample.value)
        if judged.alarm:
            return [self._fire(sample, watch, judged)]
        if watch.is_firing and self._has_ended(sample, watch, judged):
            return [self._end(sample, watch, judged)]
        return []

    def _fire(self, sample: Sample, watch: _Watch, judged: Judgement) -> Finding:
        watch.severity = Severity.WARNING if judged.severity > UNUSUAL else Severity.INFO
        if not watch.is_firing:
            watch.since = sample.time.timestamp()
        watch.calm = watch.rows = 0
        return self._finding(sample, watch, judged, firing=True)

    def _has_ended(self, sample: Sample, watch: _Watch, judged: Judgement) -> bool:
        is_usual = judged.low <= sample.value <= judged.high and not judged.signals
        watch.calm = watch.calm + 1 if is_usual else 0
        watch.rows += 1
        return watch.calm >= RECOVER_ROWS or watch.rows >= self.options.policy.hold * self.options.policy.warmup_rows

    def _end(self, sample: Sample, watch: _Watch, judged: Judgement) -> Finding:
        finding = self._finding(sample, watch, judged, firing=False)
        watch.since = math.nan
        return finding

    def _finding(self, sample: Sample, watch: _Watch, judged: Judgement, *, firing: bool) -> Finding:
        row = words.metric_row(sample.metric)
        rows = watch.series.rows
        evidence: dict[str, Any] = {
            "metric": sample.metric,
            "value": sample.value,
            "unit": row.unit,
            "usual": judged.usual,
            "low": judged.low,
            "high": judged.high,
            "severity": round(judged.severity, 4),
            "since": datetime.fromtimestamp(watch.since, UTC).isoformat(),
            "signals": list(judged.signals),
            "rows_learned": rows,
            "accepted": not firing and watch.calm < RECOVER_ROWS,
        }
        evidence |= sentence(sample, judged, rows, watch.series.interval_s, self.options.calendar) if firing else {}
        where = words.of_labels(sample.labels)
        title = f"{row.zh}异常{' ' + where if where else ''} / Unusual {row.en.lower()}{' ' + where if where else ''}"
        labels = {"metric": sample.metric, **sample.labels}
        return Finding(
            time=sample.time, source=self.name, asset=sample.asset, title=title, severity=watch.severity, firing=firing, labels=labels, evidence=evidence
        )

    def state(self) -> bytes:
        """Every series' memory as two arrays of numbers and the keys."""
        tape, keys, used, ends = Tape(), [], [], []
        for key, at, watch in self._bank.items():
            keys.append(key)
            used.append(at)
            tape.put(watch.since, watch.calm, watch.rows, watch.severity.rank)
            watch.series.write(tape)
            ends.append(len(tape.numbers))
        shapes = np.vstack(tape.shapes) if tape.shapes else np.zeros((0, 6), np.float16)
        arrays = {"numbers": np.array(tape.numbers), "shapes": shapes, "used": np.array(used)}
        return pack(self.name, VERSION, {"keys": keys, "version": VERSION}, arrays)

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError and stays as it was when it is damaged."""
        head, arrays = unpack(state, self.name, VERSION, oldest=OLDEST)
        try:
            tape = Tape(arrays["numbers"].tolist(), arrays["shapes"], head.get("version", OLDEST))
            bank: Bank[_Watch] = Bank(self.name, self.options.limit)
            for key, at in zip(head["keys"], arrays["used"].tolist(), strict=True):
                asset, metric = key.split("\x1f")[:2]
                watch = _Watch(Series(self._policy(asset, metric), self._day))
                watch.since, watch.calm, watch.rows = tape.take(), int(tape.take()), int(tape.take())
                watch.severity = list(Severity)[int(tape.take())]
                watch.series.read(tape)
                bank.put(key, at, watch)
        except (KeyError, ValueError, IndexError, AttributeError, TypeError) as err:
            raise ConfigError("the memory of baseline is damaged; it is learned anew from history") from err
        self._bank = bank


@lru_cache(maxsize=1024)
def _fitted(policy: Policy, least: float) -> Policy:
    """One object for all series of a metric: ten thousand copies are a megabyte."""
    return replace(policy, least=least)


def sentence(sample: Sample, judged: Judgement, rows: int, interval_s: float, calendar: Calendar | None = None) -> dict[str, str]:
    """What a person on duty reads: the number, what was usual, since when (by the calendar's clock), how rare, which signals agree."""
    row = words.metric_row(sample.metric)
    value, low, high = (words.number(number, row.unit) for number in (sample.value, judged.low, judged.high))
    zh_rare, en_rare = words.rarity(judged.direction, rows * interval_s / 86400)
    zh_signals, en_signals = words.named(judged.signals)
    at = f"{calendar.local(sample.time):%m-%d %H:%M}" if calendar else sample.time.isoformat(timespec="minutes")
    zh_usual, en_usual = _when_usual(sample.time, judged, calendar)
    return {
        "zh": f"{row.zh} {value}，{zh_usual}通常在 {low} 至 {high} 之间；{at} 起，{zh_signals}为 {zh_rare}",
        "en": f"{row.en} is {value}; usual {en_usual} are {low} to {high}; since {at} {en_rare} of: {en_signals}",
    }


def _when_usual(time: datetime, judged: Judgement, calendar: Calendar | None) -> tuple[str, str]:
    """What the band speaks of: the same hour of working days or of free days, of any day, or (with less than a day behind it) the last rows."""
    if not judged.is_by_hour:
        return "近来", "lately"
    if calendar is None:
        return "此时", "at this hour"
    local = calendar.local(time)
    zh, en = ("工作日", "working days") if calendar.is_working(local.date()) else ("休息日", "free days")
    return f"{zh} {local.hour} 时", f"at {local.hour:02}h on {en}"


def calendar_day(calendar: Calendar) -> Day:
    """Half hours of the site's zone, working days and free days apart (holidays and make-up days by the calendar)."""

    @lru_cache(maxsize=4096)
    def half_hour(number: int) -> tuple[int, int, int]:
        local = calendar.local(datetime.fromtimestamp(number * 1800, UTC))
        kind = 0 if calendar.is_working(local.date()) else 1
        return kind, local.date().toordinal(), local.hour * 2 + local.minute // 30

    return lambda at: half_hour(int(at // 1800))
