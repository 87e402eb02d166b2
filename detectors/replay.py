"""Detectors over stored history: what would have fired, when, how often, at what cost, and how people had judged it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.errors import ConfigError
from core.records import Finding, Sample
from core.registry import resolve
from detectors import DETECTORS
from detectors.base import Detector
from detectors.series.baseline import Baseline, Options
from detectors.series.budgets import BUDGETS, SHIPPED
from detectors.series.offload import Inline

NEAR: Final = timedelta(hours=1)  # an alarm this near to a judged one is taken for the same
IN_A_PROCESS: Final = frozenset({"change", "host"})


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


def fresh(name: str, budget: str = SHIPPED) -> Detector:
    """A detector that knows nothing yet, its heavy work done at once; raises ConfigError for an unknown name or budget."""
    if budget not in BUDGETS:
        raise ConfigError(f"there is no budget {budget!r}; there are {', '.join(sorted(BUDGETS))}")
    made = resolve(DETECTORS, name, "detector")
    if made is Baseline:
        return Baseline(Options(policy=BUDGETS[budget]))
    found: Detector = made(offload=Inline()) if name in IN_A_PROCESS else made()
    return found


def replay(detector: Detector, batches: Iterable[Sequence[Sample]], days: float, judged: Sequence[Judged] = ()) -> Report:
    """Run ``detector`` over ``days`` of history: ``batches`` as the polls brought them, oldest first."""
    findings: list[Finding] = []
    known: set[str] = set()
    count, took = 0, 0.0
    for batch in batches:
        started = time.perf_counter()
        findings += detector.observe(batch)
        took += time.perf_counter() - started
        count += len(batch)
        known.update(sample.series for sample in batch)
    return Report(detector.name, tuple(findings), count, len(known), days, took, verdicts(findings, judged))


def verdicts(findings: Iterable[Finding], judged: Sequence[Judged]) -> dict[str, int]:
    """How often people said what about alerts that these findings raise again; each judgement counts once."""
    fired = [(finding.asset, finding.source, finding.time) for finding in findings if finding.firing]
    counts: dict[str, int] = {}
    for one in judged:
        if any(one.asset == asset and one.rule == source and abs(one.time - at) <= NEAR for asset, source, at in fired):
            counts[one.verdict] = counts.get(one.verdict, 0) + 1
    return counts
