"""Detectors over stored history: what would have fired, when, how often, at what cost, and how people had judged it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from core.errors import ConfigError
from core.records import Event, Finding, Sample
from core.registry import resolve
from detectors import DETECTORS, READERS
from detectors.base import Detector, Reader
from detectors.logs.rates import Rates
from detectors.logs.watch import Logs
from detectors.series.baseline import Baseline, Options
from detectors.series.budgets import BUDGETS, SHIPPED
from detectors.series.change import Change
from detectors.series.host import SCORER, Host
from detectors.series.host import Options as HostOptions
from detectors.series.offload import Inline

NEAR: Final = timedelta(hours=1)  # an alarm this near to a judged one is taken for the same


@dataclass(frozen=True, slots=True)
class Judged:
    """What a person said about an alert: ``verdict`` is useful, false or known."""

    time: datetime
    asset: str
    rule: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Report:
    """``findings`` in order of time; ``seconds`` the detector took; ``days`` of history; ``verdicts`` of people on the same alarms, counted."""

    detector: str
    findings: tuple[Finding, ...]
    samples: int
    series: int
    days: float
    seconds: float
    verdicts: Mapping[str, int]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """Findings that fire."""
        return tuple(finding for finding in self.findings if finding.firing)

    @property
    def precision(self) -> float | None:
        """Useful ones among the judged; None when nobody judged any (known ones count neither way)."""
        told = self.verdicts.get("useful", 0) + self.verdicts.get("false", 0)
        return self.verdicts.get("useful", 0) / told if told else None

    def summary(self) -> dict[str, Any]:
        """The figures as JSON values; ``us_per_sample`` is microseconds."""
        return {
            "detector": self.detector,
            "alarms": len(self.alarms),
            "alarms_per_series_and_day": round(len(self.alarms) / max(self.series * self.days, 1e-9), 4),
            "samples": self.samples,
            "series": self.series,
            "days": round(self.days, 2),
            "us_per_sample": round(self.seconds / max(self.samples, 1) * 1e6, 1),
            "judged": dict(self.verdicts),
            "precision": self.precision,
        }


def fresh(name: str, budget: str = SHIPPED, scorer: str = SCORER) -> Detector:
    """A detector that knows nothing yet, its heavy work done at once; raises ConfigError for an unknown name, budget or scorer."""
    made = resolve(DETECTORS, name, "detector")
    known(budget)
    if made is Baseline:
        return Baseline(Options(policy=BUDGETS[budget]))
    found: Detector = Host(HostOptions(scorer=scorer), Inline()) if made is Host else made(offload=Inline()) if made is Change else made()
    if isinstance(found, Host | Change):
        found.use_budgets(lambda _asset, _what: budget)
    return found


def fresh_reader(name: str, budget: str = SHIPPED) -> Reader:
    """The same of a detector of events."""
    found: Logs | Rates = resolve(READERS, name, "detector of events")()
    known(budget)
    found.use_budgets(lambda _asset, _what: budget)
    return found


def known(budget: str) -> None:
    """Raises ConfigError for a budget that there is not."""
    if budget not in BUDGETS:
        raise ConfigError(f"there is no budget {budget!r}; there are {', '.join(sorted(BUDGETS))}")


def replay(detector: Detector, batches: Iterable[Sequence[Sample]], days: float, judged: Sequence[Judged] = ()) -> Report:
    """Run ``detector`` over ``days`` of history: ``batches`` as the polls brought them, oldest first."""
    known: set[str] = set()

    def parts() -> Iterator[tuple[int, Callable[[], list[Finding]]]]:
        for batch in batches:
            known.update(sample.series for sample in batch)
            yield len(batch), partial(detector.observe, batch)

    return _replayed(detector.name, parts(), known, days, judged)


def replay_events(reader: Reader, minutes: Iterable[tuple[datetime, Sequence[Event]]], days: float, judged: Sequence[Judged] = ()) -> Report:
    """The same for a detector of events: (arrival, events) in order, empty where there was a pause. Each asset counts as one series."""
    known: set[str] = set()

    def parts() -> Iterator[tuple[int, Callable[[], list[Finding]]]]:
        for now, events in minutes:
            known.update(event.asset for event in events)
            yield len(events), partial(reader.read, events, now)

    return _replayed(reader.name, parts(), known, days, judged)


def _replayed(name: str, parts: Iterable[tuple[int, Callable[[], list[Finding]]]], known: set[str], days: float, judged: Sequence[Judged]) -> Report:
    findings: list[Finding] = []
    count, took = 0, 0.0
    for size, work in parts:
        started = time.perf_counter()
        findings += work()
        took += time.perf_counter() - started
        count += size
    return Report(name, tuple(findings), count, len(known), days, took, verdicts(findings, judged))


def verdicts(findings: Iterable[Finding], judged: Sequence[Judged]) -> dict[str, int]:
    """How often people said what about alerts that these findings raise again; each judgement counts once."""
    fired = [(finding.asset, finding.source, finding.time) for finding in findings if finding.firing]
    counts: dict[str, int] = {}
    for one in judged:
        if any(one.asset == asset and one.rule == source and abs(one.time - at) <= NEAR for asset, source, at in fired):
            counts[one.verdict] = counts.get(one.verdict, 0) + 1
    return counts
