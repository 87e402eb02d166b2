"""``python -m bench store``: the embedded store beside a plain SQLite table with the same samples in the same run.

2,000 series at one sample a minute: 200 of them for 30 days, the others for a day. The shapes are percent walks, counters, constants,
latencies and, in one series of ten, numbers of full precision; in three of ten the times jitter. Both sides commit every batch
of 1,000 samples to the disk; the rate of the store includes its compactions. The table (series, time, value) is a rowid table with an index; it
holds one day of 200 series alone, since the whole would take minutes.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from core.records import Sample
from store.base import Retention, Selector
from store.embedded import EmbeddedStore, open_embedded

START = datetime(2026, 10, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SERIES, LONG, DAYS, BATCH = 2000, 200, 30, 1000
RATE_SAMPLES = 1_000_000
PLAIN_SAMPLES = LONG * 1440
LIMITS = {"append_per_s": 100_000, "bytes_per_sample": 4.0, "day_of_one_series_ms": 5.0, "hourly_30d_200_series_ms": 100.0}
Floats = npt.NDArray[np.float64]


def shape(kind: int, n: int, random: np.random.Generator) -> Floats:
    """``n`` values of one of ten shapes."""
    if kind < 4:
        return np.round(np.clip(50 + np.cumsum(random.normal(0, 0.5, n)), 0, 100), 2).astype(np.float64)
    if kind < 6:
        return np.cumsum(random.integers(0, 5000, n)).astype(np.float64)
    if kind == 6:
        return np.full(n, 1.0)
    if kind < 9:
        return np.round(random.exponential(0.02, n), 4)
    return random.normal(0, 1, n)


def samples(first: int, last: int, minutes: int, start: datetime, random: np.random.Generator) -> Iterator[Sample]:
    """Minute after minute, one sample of each of the series [first, last)."""
    values = [shape(series % 10, minutes, random).tolist() for series in range(first, last)]
    names = [(f"host-{series // 20}", f"system.bench.metric{series % 20}", {"device": f"d{series % 3}"}) for series in range(first, last)]
    jitter = random.integers(0, 900, (minutes, last - first)) * (np.arange(first, last) % 10 < 3)
    for minute in range(minutes):
        at = start + minute * MINUTE
        for index, (asset, metric, labels) in enumerate(names):
            yield Sample(time=at + timedelta(milliseconds=int(jitter[minute, index])), asset=asset, metric=metric, value=values[index][minute], labels=labels)


def batches(source: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Lists of 1,000."""
    batch: list[Sample] = []
    for sample in source:
        batch.append(sample)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def append_rate(store: EmbeddedStore, random: np.random.Generator) -> float:
    """Samples a second in batches of 1,000, compactions included; making the samples is not measured."""
    ready = list(batches(samples(0, SERIES, RATE_SAMPLES // SERIES, START + DAYS * DAY, random)))
    started = time.perf_counter()
    for batch in ready:
        store.metrics.write(batch)
    store.compact()
    return RATE_SAMPLES / (time.perf_counter() - started)


def plain_rate(path: Path, random: np.random.Generator) -> tuple[float, float]:
    """(samples a second, bytes per sample) of a rowid table with an index, in batches of 1,000, each on the disk."""
    ready = [
        [(f"{sample.asset}/{sample.metric}", int(sample.time.timestamp() * 1000), sample.value) for sample in batch]
        for batch in batches(samples(0, LONG, 1440, START + (DAYS - 1) * DAY, random))
    ]
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE sample(series TEXT, ts INTEGER, value REAL)")
    con.execute("CREATE INDEX sample_key ON sample(series, ts)")
    started = time.perf_counter()
    for rows in ready:
        con.execute("BEGIN")
        con.executemany("INSERT INTO sample VALUES(?, ?, ?)", rows)
        con.execute("COMMIT")
    rate = PLAIN_SAMPLES / (time.perf_counter() - started)
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    return rate, path.stat().st_size / PLAIN_SAMPLES


def plain_queries(path: Path) -> dict[str, float]:
    """The same questions to the plain table about its one day."""
    con = sqlite3.connect(path)
    one = "SELECT ts, value FROM sample WHERE series = 'host-0/system.bench.metric0' ORDER BY ts"
    all_hours = "SELECT series, ts / 3600000, avg(value) FROM sample GROUP BY 1, 2"
    found = {
        "plain_day_of_one_series_ms": _median_ms(lambda: con.execute(one).fetchall(), 5),
        "plain_hourly_1d_200_series_ms": _median_ms(lambda: con.execute(all_hours).fetchall(), 3),
    }
    con.close()
    return found


def run() -> dict[str, Any]:
    """Every figure with its limit; rates in samples a second, times in milliseconds (medians)."""
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        store = open_embedded(Path(folder) / "store")
        try:
            return measure(store, Path(folder), random)
        finally:
            store.close()


def measure(store: EmbeddedStore, folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """The whole sequence in ``folder``."""
    total = 0
    for source in (samples(0, LONG, DAYS * 1440, START, random), samples(LONG, SERIES, 1440, START + (DAYS - 1) * DAY, random)):
        for batch in batches(source):
            total += store.metrics.write(batch).accepted
    store.maintain(Retention(), START + DAYS * DAY)
    size = store.health().figures["metric_bytes"]
    rate = append_rate(store, random)
    end = START + DAYS * DAY
    one = Selector(asset="host-0", metric="system.bench.metric0")
    many = Selector(asset=tuple(f"host-{n}" for n in range(LONG // 20)))
    plain, plain_bytes = plain_rate(folder / "plain.db", random)
    hourly = store.metrics.range(many, START, end, timedelta(hours=1))
    assert (len(hourly), {len(series.points) for series in hourly}) == (LONG, {DAYS * 24})
    return {
        "samples": total,
        "append_per_s": round(rate),
        "plain_append_per_s": round(plain),
        "bytes_per_sample": round(size / total, 2),
        "plain_bytes_per_sample": round(plain_bytes, 1),
        "day_of_one_series_ms": _median_ms(lambda: store.metrics.range(one, end - DAY, end), 20),
        "hourly_30d_200_series_ms": _median_ms(lambda: store.metrics.range(many, START, end, timedelta(hours=1)), 7),
        "hourly_1d_200_series_ms": _median_ms(lambda: store.metrics.range(many, end - DAY, end, timedelta(hours=1)), 7),
        "latest_of_all_ms": _median_ms(lambda: store.metrics.latest(Selector(), DAY, end + DAY), 7),
        **plain_queries(folder / "plain.db"),
        "limits": LIMITS,
    }


def _median_ms(work: Callable[[], object], times: int) -> float:
    work()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return round(median(taken) * 1000, 2)
