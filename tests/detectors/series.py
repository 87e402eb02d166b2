"""Made series for tests: batches of one poll a minute, with a daily wave, noise and what a test does to them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from core.records import Finding, Sample
from detectors.base import Detector

START = datetime(2026, 3, 2, tzinfo=UTC)
Change = Callable[[int, str, float], float | None]
LEVELS: Mapping[str, tuple[float, float, float]] = {
    "system.cpu.utilization": (30, 20, 2),
    "system.memory.utilization": (50, 0, 0.5),
    "system.filesystem.utilization": (60, 0, 0.1),
    "system.network.io": (1e6, 5e5, 5e4),
}


def polls(rows: int, change: Change = lambda _row, _metric, value: value, seed: int = 1, every_s: float = 60, asset: str = "web1") -> Iterator[list[Sample]]:
    """``rows`` batches; ``change(row, metric, value)`` gives the value to send, None leaves it out."""
    rng = random.Random(seed)
    for row in range(rows):
        time = START + timedelta(seconds=row * every_s)
        wave = math.sin(row * every_s / 86400 * 2 * math.pi)
        batch = [sample("collector.up", 1.0, time, asset, {"collector": "host"})]
        for metric, (level, swing, noise) in LEVELS.items():
            value = change(row, metric, level + swing * wave + rng.gauss(0, noise))
            if value is not None:
                batch.append(sample(metric, value, time, asset))
        yield batch


def sample(metric: str, value: float, time: datetime, asset: str = "web1", labels: Mapping[str, str] | None = None) -> Sample:
    return Sample(time=time, asset=asset, metric=metric, value=value, labels=labels or {})


def run(detector: Detector, batches: Iterator[list[Sample]]) -> list[Finding]:
    return [finding for batch in batches for finding in detector.observe(batch)]


def told(findings: Sequence[Finding]) -> list[tuple[str, bool]]:
    """(metric, firing) of each finding."""
    return [(finding.labels.get("metric", ""), finding.firing) for finding in findings]
