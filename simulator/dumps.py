"""The backup jobs of the bureau: real files that jobs left behind, one for each time that is due, those of a week kept."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from simulator.estate import BackupJob

KEPT: Final = timedelta(days=7)
LINES: Final = 400


def pattern(folder: Path, job: BackupJob) -> str:
    """What matches the files of a job."""
    return f"{folder / job.id}/*.sql.gz"


def keep(folder: Path, jobs: Sequence[BackupJob], now: datetime) -> None:
    """Make what is due and missing, remove what is older than a week; raises OSError."""
    for job in jobs:
        place = folder / job.id
        place.mkdir(parents=True, exist_ok=True)
        wanted = {f"{time:%Y%m%d-%H%M}.sql.gz": time for time in due(job, now)}
        for name, time in wanted.items():
            path = place / name
            if not path.exists():
                path.write_bytes(content(job, name))
                os.utime(path, (time.timestamp(),) * 2)
        for path in place.glob("*.sql.gz"):
            if path.name not in wanted:
                path.unlink()


def due(job: BackupJob, now: datetime) -> Iterator[datetime]:
    """The times of a week at which the job ran, the first after its hour of the night."""
    time = (now - KEPT).replace(hour=job.at, minute=10, second=0, microsecond=0)
    while time <= now:
        if time > now - KEPT:
            yield time
        time += timedelta(hours=job.every_h)


def content(job: BackupJob, name: str) -> bytes:
    """A dump that differs a little from day to day and says what it is."""
    random = Random(f"{job.id} {name}")
    rows = "".join(f"{number};{random.getrandbits(60)}\n" for number in range(LINES + random.randrange(20)))
    return gzip.compress(f"-- 演示数据，不含真实内容 / for demonstration: {job.id} {name}\n{rows}".encode(), mtime=0)
