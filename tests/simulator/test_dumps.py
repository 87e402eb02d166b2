"""The bureau's backup jobs: what is due is there, what is old is gone, and the product reads it as any backup."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from simulator.dumps import due, keep, pattern
from simulator.estate import BackupJob
from tests.collectors.support import collector, poll

NOW = datetime(2026, 5, 8, 12).astimezone()
NIGHTLY = BackupJob(id="oa", keeper="k", of=("a", "b"), at=1)
HOURLY = BackupJob(id="away", keeper="k", of=("a",), every_h=1, at=0, elsewhere="二号机房")


def test_each_job_left_a_file_for_each_time_of_a_week(tmp_path: Path) -> None:
    keep(tmp_path, (NIGHTLY, HOURLY), NOW)
    assert len(list((tmp_path / "oa").iterdir())) == 7
    assert len(list((tmp_path / "away").iterdir())) == 168
    newest = max((tmp_path / "oa").iterdir())
    assert newest.name == "20260508-0110.sql.gz"
    assert newest.stat().st_mtime == max(due(NIGHTLY, NOW)).timestamp()


def test_a_day_later_the_oldest_went_and_the_rest_was_left_alone(tmp_path: Path) -> None:
    keep(tmp_path, (NIGHTLY,), NOW)
    before = {path.name: path.stat().st_ino for path in (tmp_path / "oa").iterdir()}
    keep(tmp_path, (NIGHTLY,), NOW + timedelta(days=1))
    after = {path.name: path.stat().st_ino for path in (tmp_path / "oa").iterdir()}
    assert len(after) == 7
    assert {name for name in before if name not in after} == {min(before)}
    assert all(after[name] == inode for name, inode in before.items() if name in after)


def test_the_product_reads_them(tmp_path: Path) -> None:
    keep(tmp_path / "局 数据", (NIGHTLY, HOURLY), NOW)
    sets = [
        {"name": job.id, "tool": "files", "place": pattern(tmp_path / "局 数据", job), "every_h": job.every_h, "min_bytes": 1000} for job in (NIGHTLY, HOURLY)
    ]
    polled = poll(collector("backups", {"local": True, "sets": sets}), now=NOW)
    assert [polled.value("backup.copies", set=name) for name in ("oa", "away")] == [7, 168]
    assert all(0 <= value <= 1 for value in polled.values("backup.lateness"))
    assert all(0.9 < value < 1.1 for value in polled.values("backup.size.ratio"))
