"""Log retention measured in the store itself, as a snapshot that a check can read (kind ``store.logs``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from core.records import Snapshot, ended
from store.base import Events
from store.filter import And, Exists, Filter, Term

WINDOW: Final = timedelta(days=400)
SIX_MONTHS_DAYS: Final = 180
MOST_ASSETS: Final = 20_000
DAY: Final = timedelta(days=1)
LOGS: Final[Filter] = Exists("log.source.address")  # what the asset sent itself, not what the product noted about it


def spans(events: Events, now: datetime, where: Filter = LOGS) -> Mapping[str, tuple[datetime, datetime]]:
    """Asset -> the days of its oldest and newest event in the store, from one histogram."""
    found: dict[str, tuple[datetime, datetime]] = {}
    for bucket in events.histogram(where, now - WINDOW, now, DAY, by="asset.id", size=MOST_ASSETS):
        for asset, count in bucket.by.items():
            if count:
                found[asset] = (found[asset][0] if asset in found else bucket.start, bucket.start)
    return found


def newest_hours(events: Events, asset: str, now: datetime) -> float | None:
    """Hours since the newest log of an asset; None when there is none in the window."""
    page = events.search(And((Term("asset.id", asset), LOGS)), since=now - WINDOW, until=now, limit=1)
    return (now - page.items[0].time).total_seconds() / 3600 if page.items else None


def snapshot(asset: str, span: tuple[datetime, datetime] | None, newest_h: float | None, known_since: datetime, kept: timedelta, now: datetime) -> Snapshot:
    """What the store holds of one asset: ages in days and hours, and the days at the beginning that are missing.

    ``known_since`` is since when the asset is watched: nobody expects older logs from it.
    """
    known = max(0.0, (now - known_since) / DAY)
    oldest = (now - span[0]) / DAY if span else None
    missing = max(0.0, min(SIX_MONTHS_DAYS, known) - (oldest or 0.0))
    lines = {
        "oldest_days": _days(oldest),
        "newest_hours": "none" if newest_h is None else str(step_of(newest_h)),
        "kept_days": _days(kept / DAY),
        "known_days": _days(known),
        "missing_days": _days(missing),
    }
    return Snapshot(time=now, asset=asset, kind="store.logs", body=ended("".join(f"{key}={value}\n" for key, value in lines.items())))


def _days(value: float | None) -> str:
    return "none" if value is None else f"{int(value)}"


def step_of(hours: float) -> int:
    """Rounded up to 1, 6, 12, 24 or whole days, so that the text (and with it the evidence) changes seldom."""
    return next((step for step in (1, 6, 12, 24) if hours <= step), 24 * ceil(hours / 24))


def earliest(times: Iterable[datetime], now: datetime) -> datetime:
    """The earliest of the times, now when there is none."""
    return min(times, default=now)
