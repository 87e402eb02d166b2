"""Test faults laid over copies of stored series: how many of them would a detector have told, how soon. Nothing is raised, the store is not touched. Pure.

Size is given in robust spreads of the series (half of the distance between its 5th and 95th percentile counts as 1.645), so that a quiet series gets a
small fault and a restless one a large one; ``least`` is the smallest change that matters in its unit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from core.records import Finding, Sample
from detectors.base import Detector, Floats

LASTS_S: Final = 7200.0
SIZE: Final = 8.0  # spreads
Shape = Callable[[float, float, float], float]
"""(value, size, part of the fault that is over, 0..1) -> value."""
FAULTS: Final[Mapping[str, Shape]] = {
    "step": lambda value, size, _part: value + size,
    "drop": lambda value, size, _part: value - size,
    "drift": lambda value, size, part: value + size * part,
    "spike": lambda value, size, part: value + (2 * size if part < 0.05 else 0.0),
    "restless": lambda value, size, part: value + (size if int(part * 40) % 2 else -size) * 0.75,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One test fault: ``found`` when it was told, after ``delay_s``; ``was_quiet`` when the same rows without it told nothing."""

    kind: str
    metric: str
    found: bool
    delay_s: float
    was_quiet: bool


def size_of(values: Floats, least: float) -> float:
    """How large a test fault of this series is, in its unit."""
    low, high = np.quantile(values, (0.05, 0.95))
    return SIZE * max(float(high - low) / 3.29, least / 2)


def spoiled(samples: Sequence[Sample], kind: str, size: float, at: float, bounds: tuple[float, float] = (-np.inf, np.inf)) -> list[Sample]:
    """Copies with the fault from ``at`` (seconds) for two hours; values stay within ``bounds`` (a percentage stays one)."""
    shape = FAULTS[kind]
    found = []
    for sample in samples:
        part = (sample.time.timestamp() - at) / LASTS_S
        value = shape(sample.value, size, part) if 0 <= part < 1 else sample.value
        found.append(replace(sample, value=min(bounds[1], max(bounds[0], value))))
    return found


def trials(make: Callable[[], Detector], samples: Sequence[Sample], least: float, bounds: tuple[float, float], rng: random.Random) -> list[Trial]:
    """Every kind of fault once, each at a time of its own in the last day of ``samples`` (one series, in order of time)."""
    last = samples[-1].time.timestamp()
    size = size_of(np.array([sample.value for sample in samples]), least)
    found = []
    for kind in FAULTS:
        at = last - LASTS_S - rng.random() * (86_400.0 - 2 * LASTS_S)
        before = [sample for sample in samples if sample.time.timestamp() < at]
        after = [sample for sample in samples if at <= sample.time.timestamp() < at + LASTS_S]
        if not before or not after:
            continue
        detector = make()
        _told(detector, before)
        learned = detector.state()
        plain = _again(make, learned)
        quiet = not _told(plain, after)
        told = _told(_again(make, learned), spoiled(after, kind, size, at, bounds))
        delay = told[0].time.timestamp() - at if told else np.inf
        found.append(Trial(kind, samples[0].metric, bool(told), float(delay), quiet))
    return found


def _again(make: Callable[[], Detector], learned: bytes) -> Detector:
    detector = make()
    detector.restore(learned)
    return detector


def _told(detector: Detector, samples: Sequence[Sample]) -> list[Finding]:
    return [finding for sample in samples for finding in detector.observe([sample]) if finding.firing]


def recall(found: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """By kind of fault and for all: cases that count (quiet without the fault), found, part, median minutes until told."""
    rows = {}
    for kind in ("all", *FAULTS):
        cases = [trial for trial in found if trial.was_quiet and kind in ("all", trial.kind)]
        told = [trial for trial in cases if trial.found]
        rows[kind] = {
            "cases": len(cases),
            "found": len(told),
            "recall": round(len(told) / len(cases), 3) if cases else None,
            "minutes": round(float(np.median([trial.delay_s for trial in told])) / 60, 1) if told else None,
        }
    return rows
