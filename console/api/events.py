"""Events: search, counts over time, most frequent values."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query

from console.api.callers import Caller, needs
from console.api.times import Since, Until, between
from console.identity.roles import Right
from console.queries.charts import step_for
from console.queries.search import read_query

router = APIRouter(prefix="/events", tags=["events"])
Reader = Annotated[Caller, Depends(needs(Right.EVENTS_READ))]
Text = Annotated[str, Query(description='words, "phrases", field:value', max_length=1000)]


@router.get("")
def search(
    caller: Reader, q: Text = "", since: Since = None, until: Until = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: str | None = None
) -> dict[str, Any]:
    """Events in [since, until), the newest first."""
    start, end = between(since, until, caller.desk.now())
    page = caller.desk.store.events.search(read_query(q), since=start, until=end, limit=limit, cursor=cursor)
    items = [{"id": e.id, "time": e.time.isoformat(), "asset": e.asset, "kind": e.kind, "message": e.message, "fields": dict(e.fields)} for e in page.items]
    return {"items": items, "next": page.cursor}


@router.get("/histogram")
def histogram(
    caller: Reader,
    q: Text = "",
    since: Since = None,
    until: Until = None,
    by: Annotated[str | None, Query(description="split by this field", max_length=200)] = None,
) -> dict[str, Any]:
    """Counts per interval; the interval is chosen for at most 100 of them."""
    start, end = between(since, until, caller.desk.now())
    width = step_for(end - start, 100)
    buckets = caller.desk.store.events.histogram(read_query(q), start, end, width, by)
    return {"step_s": width.total_seconds(), "buckets": [{"start": b.start.isoformat(), "count": b.count, "by": dict(b.by)} for b in buckets]}


@router.get("/top")
def top(caller: Reader, field: str, q: Text = "", since: Since = None, until: Until = None, size: Annotated[int, Query(ge=1, le=100)] = 20) -> dict[str, Any]:
    """The most frequent values of a field."""
    start, end = between(since, until, caller.desk.now())
    if end - start > timedelta(days=190):
        raise HTTPException(422, "at most 190 days")
    found = caller.desk.store.events.top(read_query(q), start, end, field, size)
    return {"items": [{"value": value, "count": count} for value, count in found]}
