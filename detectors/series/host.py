"""Many metrics of one asset judged as one row, with PyOD's opinion as the second voice.

The row is what the polls of one asset brought within a minute (series of one metric added up). The first voice (nearest past shapes and
jumps, see ``many``) runs in the service. The second is a PyOD model, fitted on the asset's own rows and asked about the newest ones in a
process of its own, when the first voice begins to speak and each quarter of an hour while it does. Both agree: a warning; only the first:
an information.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

import numpy as np

from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.base import Floats, Scorer
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.budgets import TOGETHER, BudgetOf, no_budget, voice_of
from detectors.series.many import Budget, Many
from detectors.series.memory import pack, unpack
from detectors.series.offload import Offload
from detectors.series.scorers import Knn, Pyod, scorer_of

VERSION: Final = 1
METRICS: Final = (
    "system.cpu.utilization", "system.cpu.iowait", "system.cpu.load_average.1m", "system.memory.utilization", "system.swap.utilization",
    "system.disk.io", "system.network.io", "system.processes.count", "hw.processor.utilization", "hw.memory.utilization",
    "network.interface.io", "network.interface.errors", "network.interface.discards",
)  # fmt: skip
SCORER: Final = "knn"
SMALL: Final = 300  # rows that this one keeps here: there are hundreds of hosts
DAY_S: Final = 86_400.0
HABIT_S: Final = 8 * DAY_S  # what began at this time of another day within so long is a habit: opening hours, a backup
SAME_TIME_S: Final = 1800.0
MOST_BEGINS: Final = 100
LEAST_METRICS: Final = 3
MOST: Final = 1e30  # beyond this a value is no measurement


@dataclass(frozen=True, slots=True)
class Options:
    """``fit_rows`` before the first fit; refitted every ``refit_s`` from those of the ``kept_rows`` that were no alarm.

    An alarm that lasts ``accept_s`` is taken as usual. ``scorer`` is the first voice, by its name in the registry (``pyod:hbos`` names a model);
    PyOD's ``model`` ("" for none) is the second, asked again after ``ask_s``.
    """

    metrics: tuple[str, ...] = METRICS
    limit: int = 500
    row_s: float = 60.0
    fit_rows: int = 360
    kept_rows: int = 1440
    refit_s: float = 21_600.0
    accept_s: float = 86_400.0
    ask_s: float = 900.0
    scorer: str = SCORER
    model: str = "iforest"


OPTIONS: Final = Options()
BUDGET: Final = Budget()


@dataclass(slots=True)
class _Host:
    """One asset: its columns, past rows, model and what is said about it."""

    columns: tuple[str, ...] = ()
    rows: deque[tuple[float, tuple[float, ...]]] = field(default_factory=deque)
    open_at: float = math.nan
    open: dict[str, tuple[str, float]] = field(default_factory=dict)
    many: Many | None = None
    fitted_at: float = -math.inf
    asked_at: float = -math.inf
    severity: str = ""
    last: Finding | None = None
    is_told: bool = False
    told_at: float = -math.inf
    begun_at: float = math.inf
    strange: deque[float] = field(default_factory=deque)
    """when rows were alarms: they are not learned from"""
    begins: deque[float] = field(default_factory=partial(deque, maxlen=MOST_BEGINS))
    """when alarms began, told or not"""
    is_habit: bool = False
    """whether the alarm that goes on began at the time of day of another one"""


def opinion(model: str, past: Floats, newest: Floats) -> float:
    """PyOD's view of the strangest of the newest rows: 1 is the 99th percentile of the past. Runs in the process of its own."""
    scorer = Pyod(model)
    scorer.fit(past)
    return float(scorer.score(newest).max())


class Host:
    """Fires when the first voice speaks; a warning when PyOD agrees; ends when the first voice is silent again."""

    name = "host"

    def __init__(self, options: Options = OPTIONS, offload: Offload | None = None) -> None:
        self.options, self._offload = options, offload or Offload()
        if options.model:
            Pyod(options.model)  # raises ConfigError for a name that is not known
        self._make: Callable[[], Scorer] = partial(Knn, SMALL) if options.scorer == SCORER else partial(scorer_of, options.scorer)
        self._make()
        self._watched = frozenset(options.metrics)
        self._bank: Bank[_Host] = Bank(self.name, options.limit)
        self._budget_of: BudgetOf = no_budget

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """From now on assets are told of by the budget that ``budget_of(asset, "together")`` names."""
        self._budget_of = budget_of

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Put samples into rows by asset and minute; a row is judged when the next one begins."""
        found: list[Finding] = []
        for sample in sorted(samples, key=lambda one: one.time):
            if sample.metric not in self._watched or not abs(sample.value) <= MOST:
                continue
            host = self._bank.get(sample.asset, sample.time.timestamp(), _Host)
            if host is not None:
                found += self._take(sample, host)
        if samples:
            found += self._opinions(samples[-1].time) + self._bank.mark(samples[-1].time)
        return found

    def _take(self, sample: Sample, host: _Host) -> list[Finding]:
        at = math.floor(sample.time.timestamp() / self.options.row_s) * self.options.row_s
        if at < host.open_at:
            return []
        found = self._close(sample.asset, sample.time, host) if at > host.open_at else []
        host.open_at = at
        host.open[sample.series] = (sample.metric, sample.value)
        return found

    def _close(self, asset: str, now: datetime, host: _Host) -> list[Finding]:
        """The row of the minute that is over: learn it, and judge it once a model is there."""
        sums: dict[str, float] = {}
        for metric, value in host.open.values():
            sums[metric] = sums.get(metric, 0.0) + value
        is_early = len(host.rows) < self.options.fit_rows // 2 or host.open_at - host.fitted_at >= self.options.refit_s
        if is_early and not host.severity and set(sums) - set(host.columns):
            host.columns, host.many = tuple(sorted({*host.columns, *sums})), None
            host.rows.clear()
            host.strange.clear()
        row = tuple(np.array([sums.get(name, math.nan) for name in host.columns], np.float32).tolist())  # as it will be remembered
        host.rows.append((host.open_at, row))
        while len(host.rows) > self.options.kept_rows:
            host.rows.popleft()
        while host.strange and host.strange[0] < host.rows[0][0]:
            host.strange.popleft()
        host.open = {}
        if len(host.columns) < LEAST_METRICS:
            return []
        found = self._judge(asset, now, host, np.array([row])) if host.many else []
        self._fit_when_due(host)
        return found

    def _fit_when_due(self, host: _Host) -> None:
        if len(host.rows) < self.options.fit_rows or host.open_at - host.fitted_at < self.options.refit_s or host.severity:
            return
        strange = frozenset(host.strange)
        usual = [(at, row) for at, row in host.rows if at not in strange]
        if len(usual) < self.options.fit_rows:
            return
        learn = Many.refit if host.many else Many.fit
        host.many, host.fitted_at = host.many or Many(BUDGET, self._make), host.open_at
        learn(host.many, np.array([at for at, _ in usual]), np.array([row for _, row in usual]))

    def _judge(self, asset: str, now: datetime, host: _Host, row: Floats) -> list[Finding]:
        if host.many is None:
            return []
        severity, alarm = host.many.update(row)
        _note(host, bool(alarm[0]))
        begins = bool(alarm[0]) and not host.severity and not host.is_habit and self._may_begin(asset, float(severity[0]), host)
        if begins or (host.severity == Severity.INFO.value and host.open_at - host.asked_at >= self.options.ask_s):
            self._ask(asset, host)
        if begins:
            host.severity = Severity.INFO.value
            host.last = self._finding(asset, now, host, row[0], float(severity[0]))
            host.is_told = not voice_of(self._budget_of, asset, TOGETHER).both
            host.told_at = host.open_at if host.is_told else host.told_at
            return [host.last] if host.is_told else []
        is_accepted = host.open_at - host.begun_at >= self.options.accept_s
        if is_accepted:
            host.strange.clear()
            host.many, host.fitted_at, host.begun_at = None, -math.inf, math.inf
        if host.severity and (is_accepted or not alarm[0]):
            ended = [self._end(asset, now, host)] if host.is_told else []
            host.severity, host.last, host.is_told = "", None, False
            return ended
        return []

    def _may_begin(self, asset: str, severity: float, host: _Host) -> bool:
        """The budget's part of the decision: a factor on the distance, and the rest since the last alarm."""
        voice = voice_of(self._budget_of, asset, TOGETHER)
        return severity >= voice.factor / (1 + voice.factor) and voice.may(host.open_at, host.told_at)

    def _ask(self, asset: str, host: _Host) -> None:
        """Ask PyOD about the last quarter of an hour against all before it."""
        recent = max(1, round(self.options.ask_s / self.options.row_s))
        if not self.options.model or len(host.rows) < self.options.fit_rows:
            return
        rows = np.array([row for _, row in host.rows])
        centre = np.nan_to_num(np.nanmedian(np.where(np.isfinite(rows).any(axis=0), rows, 0.0), axis=0))
        rows = np.where(np.isfinite(rows), rows, centre)
        cut = len(rows) - recent
        if cut >= 30 and self._offload.submit(asset, opinion, self.options.model, rows[:cut], rows[cut:]):
            host.asked_at = host.open_at

    def _opinions(self, now: datetime) -> list[Finding]:
        found = []
        results = self._offload.collect()
        for asset, _, host in self._bank.items():
            if asset in results and results[asset] > 1 and host.last is not None and host.severity == Severity.INFO.value:
                host.severity, host.is_told, host.told_at = Severity.WARNING.value, True, host.open_at
                evidence = {**host.last.evidence, "second": self.options.model, "second_score": round(results[asset], 3)}
                evidence["zh"] = f"{evidence['zh']}；{self.options.model} 模型也认为异常"
                evidence["en"] = f"{evidence['en']}; the {self.options.model} model agrees"
                host.last = Finding(
                    time=now,
                    source=self.name,
                    asset=asset,
                    title=host.last.title,
                    severity=Severity.WARNING,
                    firing=True,
                    labels=host.last.labels,
                    evidence=evidence,
                )
                found.append(host.last)
        return found

    def _finding(self, asset: str, now: datetime, host: _Host, row: Floats, severity: float) -> Finding:
        sizes = host.many.contributions(row) if host.many else np.zeros(len(row))
        order = np.argsort(-np.abs(sizes))[:3]
        top = [(host.columns[number], float(sizes[number]), float(row[number])) for number in order]
        zh = "、".join(f"{words.metric_row(name).zh} {words.number(value, words.metric_row(name).unit)}（偏离 {size:+.1f} 倍）" for name, size, value in top)
        en = ", ".join(f"{words.metric_row(name).en} {words.number(value, words.metric_row(name).unit)} ({size:+.1f} spreads)" for name, size, value in top)
        evidence: dict[str, Any] = {
            "severity": round(severity, 4),
            "top": [{"metric": name, "size": round(size, 2), "value": value} for name, size, value in top],
            "zh": f"多项指标同时异常，最突出：{zh}",
            "en": f"several metrics are unusual together; most of all {en}",
        }
        title = "多指标异常 / Unusual combination of metrics"
        return Finding(time=now, source=self.name, asset=asset, title=title, severity=Severity(host.severity), firing=True, evidence=evidence)

    def _end(self, asset: str, now: datetime, host: _Host) -> Finding:
        title = host.last.title if host.last else "多指标异常 / Unusual combination of metrics"
        return Finding(time=now, source=self.name, asset=asset, title=title, severity=Severity(host.severity), firing=False)

    def state(self) -> bytes:
        """Rows, columns and models of every asset."""
        hosts, arrays = [], {}
        for number, (asset, at, host) in enumerate(self._bank.items()):
            head, model = host.many.state() if host.many else (None, {})
            hosts.append(
                [asset, at, list(host.columns), host.fitted_at, host.severity, head, host.is_told, _plain(host.told_at), _plain(host.begun_at), host.is_habit]
            )
            arrays[f"{number}.begins"] = np.array(host.begins, float)
            arrays[f"{number}.strange"] = np.array(host.strange, float)
            arrays[f"{number}.times"] = np.array([when for when, _ in host.rows])
            arrays[f"{number}.rows"] = np.array([row for _, row in host.rows], np.float32).reshape(len(host.rows), len(host.columns))
            arrays |= {f"{number}.model.{name}": value for name, value in model.items()}
        return pack(self.name, VERSION, {"hosts": hosts}, arrays)

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError. The model of one asset that does not fit is fitted anew, the others go on."""
        head, arrays = unpack(state, self.name, VERSION)
        bank: Bank[_Host] = Bank(self.name, self.options.limit)
        try:
            for number, (asset, at, columns, fitted_at, severity, model, *told) in enumerate(head["hosts"]):
                rows = zip(arrays[f"{number}.times"].tolist(), map(tuple, arrays[f"{number}.rows"].tolist()), strict=True)
                host = _Host(tuple(columns), deque(rows), severity=Severity(severity).value if severity else "")
                host.is_told, host.told_at, host.begun_at, host.is_habit = _told(told, bool(severity), float(at))
                host.strange.extend(arrays.get(f"{number}.strange", np.zeros(0)).tolist())
                host.begins.extend(arrays.get(f"{number}.begins", np.zeros(0)).tolist())
                _revive(host, number, float(fitted_at), model, arrays, self._make)
                bank.put(str(asset), float(at), host)
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of host is damaged; it is learned anew from history") from err
        self._bank = bank


def _revive(host: _Host, number: int, fitted_at: float, head: dict[str, Any] | None, arrays: dict[str, Any], make: Callable[[], Scorer]) -> None:
    if head is None:
        return
    many = Many(BUDGET, make)
    prefix = f"{number}.model."
    try:
        many.restore(head, {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)})
    except ConfigError:
        return
    host.many, host.fitted_at = many, fitted_at


def _plain(at: float) -> float | None:
    return at if math.isfinite(at) else None


def _told(told: list[Any], is_firing: bool, at: float) -> tuple[bool, float, float, bool]:
    """Whether and when it was told, since when it fires, whether it is a habit; what was written before budgets was told, and has fired since ``at``."""
    is_told, told_at, begun_at, *habit = told or (is_firing, None, at if is_firing else None)
    return bool(is_told), -math.inf if told_at is None else float(told_at), math.inf if begun_at is None else float(begun_at), bool(habit and habit[0])


def _note(host: _Host, is_alarm: bool) -> None:
    """When alarms begin, and which rows are not to be learned: those of an alarm, unless it is a habit."""
    at = host.open_at
    if not is_alarm:
        host.begun_at, host.is_habit = math.inf, False
        return
    if math.isinf(host.begun_at):
        host.begun_at = at
        host.is_habit = any(
            at - HABIT_S <= begun <= at - DAY_S / 2 and abs((at - begun + DAY_S / 2) % DAY_S - DAY_S / 2) <= SAME_TIME_S for begun in host.begins
        )
        host.begins.append(at)
    if not host.is_habit:
        host.strange.append(at)
