"""Traffic as exporters report it: who talks with whom."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from console.api.callers import Caller, needs
from console.api.times import Since, Until, between
from console.identity.roles import Right
from console.queries import flows
from store.flows import LISTS, Line

router = APIRouter(prefix="/flows", tags=["flows"])


@router.get("")
def get_flows(
    caller: Annotated[Caller, Depends(needs(Right.EVENTS_READ))],
    exporter: Annotated[str, Query(description="only what this asset or address reports; left out: all, each conversation once", max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=300)] = 50,
    since: Since = None,
    until: Until = None,
) -> dict[str, Any]:
    """Exporters with what of their data is missing, and the largest talkers, conversations, applications, pairs of zones and assets."""
    begin, end = between(since, until, caller.desk.now())
    view = flows.read_view(caller.desk.store, begin, end, exporter)
    lists = {name: [_line(line) for line in view.lists[name][:limit]] for name in LISTS}
    return {"bytes": view.bytes, "exporters": [_exporter(traffic.exporter, traffic.counts, traffic.end) for traffic in view.exporters], **lists}


def _line(line: Line) -> dict[str, Any]:
    return {"names": line.names, "bytes": line.bytes, "packets": line.packets, "sent": line.sent}


def _exporter(name: str, counts: Any, end: datetime) -> dict[str, Any]:
    return {"exporter": name, "last": end.isoformat(), **counts}
