"""Forecasts with how the earlier ones did, and how many dates come near, as one document for the console."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np

from detectors.series.forecast import Row
from inventory.asset import Asset
from store.base import Metrics, Selector

MOST: Final = 500
FAR_DAYS: Final = 365.0
AHEAD: Final = (30, 60, 90, 365)
CERTIFICATE: Final = "certificate"
SEEN: Final = timedelta(days=3)  # a certificate that no collector saw for longer counts no more


def body_of(rows: Sequence[Row], now: datetime) -> dict[str, Any]:
    """What will be used up within a year, the soonest first, and the honesty of all forecasts together."""
    told = [row for row in rows if row.outlook.days < FAR_DAYS][:MOST]
    scored = [row for row in rows if row.scored and row.hit is not None]
    total = sum(row.scored for row in scored)
    return {
        "rows": [_row(row) for row in told],
        "series": len(rows),
        "scored": total,
        "hit": round(sum((row.hit or 0.0) * row.scored for row in scored) / total, 3) if total else None,
        "error": round(float(np.median([row.error for row in rows if row.error is not None])), 4) if any(row.error is not None for row in rows) else None,
        "updated": now.isoformat(),
    }


def certificates(metrics: Metrics, now: datetime) -> list[tuple[str, float]]:
    """(kind, days left) of every certificate that was seen lately. Raises StoreError."""
    return [(CERTIFICATE, one.value) for one in metrics.latest(Selector(metric="tls.certificate.days_left"), SEEN, now) if math.isfinite(one.value)]


def dates_of(assets: Iterable[Asset], now: datetime) -> list[tuple[str, float]]:
    """(kind, days left) of every date that assets have; a text that is no date is passed over."""
    found = []
    for asset in assets:
        for kind, text in asset.dates.items():
            try:
                end = datetime.combine(date.fromisoformat(text.strip()), time(23, 59, 59), UTC)
            except ValueError:
                continue
            found.append((kind, (end - now).total_seconds() / 86400))
    return found


def ahead(due: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    """How many of each kind there are, are over, and will be over within 30, 60, 90 and 365 days; those with the most to do first."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for kind, days in due:
        kinds[kind].append(days)
    rows = [
        {
            "kind": kind,
            "all": len(left),
            "over": sum(days < 0 for days in left),
            "within": {str(span): sum(0 <= days < span for days in left) for span in AHEAD},
        }
        for kind, left in kinds.items()
    ]
    return sorted(rows, key=lambda row: (-row["over"], -row["within"]["90"], row["kind"]))


def _row(row: Row) -> dict[str, Any]:
    asset, metric, *labels = row.series.split("\x1f")
    seen = row.outlook
    return {
        "asset": asset,
        "metric": metric,
        "labels": dict(label.split("\x1e", 1) for label in labels),
        "value": row.value,
        "per_day": seen.per_day,
        "days": _plain(seen.days),
        "earliest": _plain(seen.earliest),
        "latest": _plain(seen.latest),
        "tomorrow": seen.tomorrow,
        "width": row.width,
        "error": row.error,
        "scored": row.scored,
        "hit": row.hit,
    }


def _plain(days: float) -> float | None:
    return round(days, 2) if math.isfinite(days) else None
