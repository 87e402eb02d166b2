"""Assets and their relations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from console.api.callers import Caller, needs
from console.identity.roles import Right
from console.queries import assets, cases
from core.errors import NotFound

router = APIRouter(prefix="/assets", tags=["assets"])
Reader = Annotated[Caller, Depends(needs(Right.ESTATE_READ))]


@router.get("")
def list_assets(
    caller: Reader,
    q: Annotated[str, Query(description="words, or field:value", max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Assets with their state, the worst first."""
    desk = caller.desk
    found = assets.search(
        assets.lines(desk.estate.assets().values(), cases.live_cases(desk.store), assets.last_seen(desk.store, desk.now())),
        q,
    )
    return {"total": len(found), "items": [_line(line) for line in found[offset : offset + limit]]}


@router.get("/{id}")
def get_asset(caller: Reader, id: str) -> dict[str, Any]:
    """One asset with every field; credentials by name only."""
    return {"asset": _asset(caller, id).model_dump(mode="json", exclude_defaults=True), "incidents": _incidents(caller, id)}


@router.get("/{id}/impact")
def get_impact(caller: Reader, id: str) -> dict[str, Any]:
    """What breaks or is weakened when this asset stops."""
    _asset(caller, id)
    hits = caller.desk.estate.graph().impact([id])
    return {"items": [{"asset": hit.asset, "relation": hit.relation, "via": hit.via, "hops": hit.hops, "lost": hit.lost} for hit in hits]}


def _asset(caller: Caller, id: str) -> Any:
    asset = caller.desk.estate.assets().get(id)
    if asset is None:
        raise NotFound(f"there is no asset {id!r}")
    return asset


def _incidents(caller: Caller, id: str) -> list[str]:
    if Right.INCIDENT_READ not in caller.rights:
        return []
    return [case.id for case in cases.live_cases(caller.desk.store) if id in case.assets]


def _line(line: assets.Line) -> dict[str, Any]:
    plain = line.asset.model_dump(mode="json", include={"id", "name", "kind", "address", "site", "owner", "business", "importance"})
    return {**plain, "state": line.state, "incidents": line.incidents, "seen": line.seen.isoformat() if line.seen else None}
