"""``python -m bench detection``: what judging costs on one core, per sample and per metric, and what a series' memory takes."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from core.calendar import Calendar
from core.records import Sample
from detectors import DETECTORS
from detectors.base import Detector
from detectors.benchmark import detect
from detectors.replay import fresh
from detectors.series.baseline import Baseline, Options
from service.watchers import learn_history, make_watchers
from store.open import open_store

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
ASSETS: Final = 60
METRICS: Final = ("system.cpu.utilization", "system.memory.utilization", "system.filesystem.utilization", "system.network.io", "hw.temperature")
LEARNED: Final = 800  # rows before the clock runs: the warm-up of the baseline is over by then
TIMED: Final = 120
NEEDED: Final = 10_000
LIMIT_US: Final = 100.0


def run() -> dict[str, Any]:
    """Medians in microseconds; ``series_a_minute`` is what one core judges with every detector switched on."""
    cost = {name: _per_sample(fresh(name)) for name in sorted(DETECTORS)}
    every = sum(cost.values())
    times, rows = np.arange(3000.0) * 60, np.random.default_rng(1).normal(size=(3000, 30)).cumsum(axis=0)
    return {
        "us_per_sample": {name: round(us, 1) for name, us in cost.items()},
        "us_per_sample_with_all_detectors": round(every, 1),
        "us_per_point_one_metric": round(_per_row(times, rows[:, 0]), 1),
        "us_per_point_and_metric_of_thirty": round(_per_row(times, rows) / rows.shape[1], 1),
        "limit_us": LIMIT_US,
        "series_a_minute": round(60e6 / every),
        "needed_series_a_minute": NEEDED,
        **_memory(),
        **_cold_start(),
        "limit_bytes_per_series": 20_000,
    }


def polls(start: int, rows: int, assets: int) -> Iterator[list[Sample]]:
    """A poll of each asset a minute, five metrics and the collector's mark."""
    rng = random.Random(start)
    for row in range(start, start + rows):
        at = START + timedelta(minutes=row)
        for number in range(assets):
            asset = f"host{number}"
            batch = [Sample(time=at, asset=asset, metric=metric, value=50 + rng.gauss(0, 2), labels={}) for metric in METRICS]
            yield [*batch, Sample(time=at, asset=asset, metric="collector.up", value=1.0, labels={"collector": "ssh"})]


def _per_sample(detector: Detector) -> float:
    """Microseconds a sample, whether the detector watches it or not: the estate's mix counts."""
    for batch in polls(0, LEARNED, ASSETS):
        detector.observe(batch)
    timed = list(polls(LEARNED, TIMED, ASSETS))
    started = time.process_time()
    for batch in timed:
        detector.observe(batch)
    return (time.process_time() - started) / sum(map(len, timed)) * 1e6


def _per_row(times: Any, values: Any) -> float:
    started = time.process_time()
    detect(times, values, 720)
    return (time.process_time() - started) / len(times) * 1e6


def _memory() -> dict[str, int]:
    """Bytes of one series of the baseline after two days of two kinds at one row a minute: in the process, and in the file."""
    learned(1)  # so that what is loaded once is not counted
    gc.collect()
    tracemalloc.start()
    detector = learned(8)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    series = 8 * sum(metric in detector.options.metrics for metric in METRICS)
    return {"bytes_per_series_in_memory": round(held / series), "bytes_per_series_on_disk": round(len(detector.state()) / series)}


def _cold_start() -> dict[str, Any]:
    """A first start over a store that holds a day of 100 series: seconds until the detectors know them, and how many could speak at once."""
    with TemporaryDirectory() as folder, closing(open_store("embedded", Path(folder), "service")) as store:
        for batch in polls(0, 1500, 20):
            store.metrics.write(batch)
        detectors = make_watchers(Path(folder), "Asia/Shanghai")
        started = time.perf_counter()
        taken = learn_history(detectors, store.metrics, START + timedelta(minutes=1500))
        seconds = time.perf_counter() - started
    (baseline,) = (one for one in detectors if isinstance(one, Baseline))
    return {"cold_start_seconds": round(seconds, 1), "cold_start_samples": taken, "cold_start_series_ready": baseline.ready}


def learned(assets: int) -> Baseline:
    """A baseline that has watched so many assets from a Friday to a Sunday: working days and free days have profiles of their own."""
    detector = Baseline(Options(calendar=Calendar()))
    for batch in polls(4 * 1440, 2 * 1440 + 400, assets):
        detector.observe(batch)
    return detector
