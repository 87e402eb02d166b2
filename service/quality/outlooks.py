"""Forecasts with how the earlier ones did, as one document for the console."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from detectors.series.forecast import Row

MOST: Final = 500
FAR_DAYS: Final = 365.0


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
