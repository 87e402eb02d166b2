"""Ranges of time as the API takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import HTTPException, Query

Since = Annotated[datetime | None, Query(description="ISO 8601 with a zone; an hour before `until` when left out")]
Until = Annotated[datetime | None, Query(description="ISO 8601 with a zone; now when left out")]
LONGEST = timedelta(days=400)


def between(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Both ends as aware UTC; 422 for a time without zone, a range that ends before it begins or is too long."""
    end = until or now
    start = since or end - timedelta(hours=1)
    if start.tzinfo is None or end.tzinfo is None:
        raise HTTPException(422, "times need a zone, for instance 2026-03-02T09:00:00+08:00")
    if not timedelta() < end - start <= LONGEST:
        raise HTTPException(422, f"the range must be longer than nothing and at most {LONGEST.days} days")
    return start.astimezone(UTC), end.astimezone(UTC)
