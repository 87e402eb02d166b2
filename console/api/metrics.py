"""Numbers: over a range of time, and the newest ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, HTTPException, Query

from console.api.callers import Caller, needs
from console.api.times import Since, Until, between
from console.identity.roles import Right
from console.queries.charts import step_for
from core.catalogue import catalogue
from store.base import Agg, Selector

router = APIRouter(prefix="/metrics", tags=["metrics"])
Reader = Annotated[Caller, Depends(needs(Right.ESTATE_READ))]
Metric = Annotated[str, Query(description="name of the metric", max_length=200)]
AssetId = Annotated[list[str], Query(description="id of the asset; may be given several times")]
Label = Annotated[list[str], Query(description="name=value; may be given several times")]
SERIES = 1000


@router.get("/catalogue")
def get_catalogue(_caller: Reader) -> dict[str, Any]:
    """Every known metric: unit, kind, names in Chinese and English."""
    return {name: metric.model_dump() for name, metric in catalogue().items()}


@router.get("/range")
def get_range(
    caller: Reader,
    metric: Metric,
    since: Since = None,
    until: Until = None,
    asset: AssetId = [],  # noqa: B006 - FastAPI copies it
    label: Label = [],  # noqa: B006
    step: Annotated[float | None, Query(description="seconds of a bucket; chosen for 300 points when left out", gt=0)] = None,
    agg: Annotated[str, Query(description="avg, min, max, sum, count or last")] = "avg",
) -> dict[str, Any]:
    """Points of every matching series in [since, until), in buckets."""
    start, end = between(since, until, caller.desk.now())
    if agg not in get_args(Agg):
        raise HTTPException(422, f"agg is one of {', '.join(get_args(Agg))}")
    width = timedelta(seconds=step) if step else step_for(end - start)
    if (end - start) / width > 20_000:
        raise HTTPException(422, "that are more than 20,000 points per series; take a longer step")
    chosen: Agg = agg  # type: ignore[assignment]
    found = caller.desk.store.metrics.range(_selector(metric, asset, label), start, end, width, chosen)
    return {
        "step_s": width.total_seconds(),
        "left_out": max(0, len(found) - SERIES),
        "series": [
            {"metric": s.metric, "asset": s.asset, "labels": dict(s.labels), "points": [[time.isoformat(), value] for time, value in s.points]}
            for s in found[:SERIES]
        ],
    }


@router.get("/latest")
def get_latest(
    caller: Reader,
    metric: Metric,
    asset: AssetId = [],  # noqa: B006
    label: Label = [],  # noqa: B006
    max_age: Annotated[float, Query(description="seconds", gt=0, le=86_400 * 30)] = 900,
) -> dict[str, Any]:
    """The newest value of every matching series."""
    found = caller.desk.store.metrics.latest(_selector(metric, asset, label), timedelta(seconds=max_age), caller.desk.now())
    return {"items": [{"metric": s.metric, "asset": s.asset, "labels": dict(s.labels), "time": s.time.isoformat(), "value": s.value} for s in found]}


def _selector(metric: str, assets: list[str], labels: list[str]) -> Selector:
    pairs = [text.partition("=") for text in labels]
    if any(not sign for _name, sign, _value in pairs):
        raise HTTPException(422, "a label is written name=value")
    return Selector(metric=metric, asset=tuple(assets), labels={name: value for name, _sign, value in pairs})
