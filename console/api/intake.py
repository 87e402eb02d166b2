"""Alerts of other monitoring systems: Alertmanager, Grafana, Zabbix, anything that can send JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from secrets import token_hex
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, HTTPException, Request

from console.api.callers import Caller, needs
from console.identity.roles import Right
from core.errors import NotFound, Refused
from core.names import INTAKE
from incidents.intake.mapping import SHIPPED, MappingForm, load_mappings, read_body
from store.base import ABSENT

router = APIRouter(prefix="/intake", tags=["intake"])
Pusher = Annotated[Caller, Depends(needs(Right.ALERT_PUSH))]
MOST_BYTES: Final = 2_000_000
MOST_WAITING: Final = 5000


def small(request: Request) -> None:
    """Refuse a body that is too large before it is read; one of no told length too."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(411, "send the header Content-Length")
    if int(length) > MOST_BYTES:
        raise HTTPException(413, f"send {MOST_BYTES} bytes at most")


@router.post("/{source}", status_code=202, dependencies=[Depends(small)])
def take(caller: Pusher, source: str, body: Annotated[Any, Body()]) -> dict[str, Any]:
    """Take alerts in. ``source`` names the mapping: alertmanager, grafana, zabbix, generic, or one of the site's. Durable when it answers."""
    form = mapping(caller, source)
    try:
        alerts = read_body(form, body)
    except Refused as err:
        raise HTTPException(422, str(err)) from None
    store, now = caller.desk.store, caller.desk.now()
    if (store.documents.find(INTAKE, limit=1).total or 0) >= MOST_WAITING:
        raise HTTPException(503, "too many calls wait for the service; send this one again later", {"retry-after": "30"})
    listed = [{**asdict(alert), "starts": _iso(alert.starts), "ends": _iso(alert.ends)} for alert in alerts]
    id_ = f"{now:%Y%m%dT%H%M%S%f}-{token_hex(4)}"
    store.documents.put(INTAKE, id_, {"source": source, "by": caller.account.name, "time": now.isoformat(), "alerts": listed}, ABSENT)
    return {"taken": len(alerts), "id": id_}


def mapping(caller: Caller, source: str) -> MappingForm:
    """The mapping of a source; raises NotFound. The site's file of the same id replaces a shipped one."""
    known, wrong = load_mappings((SHIPPED, caller.desk.settings.site_folder / "intake"))
    if source not in known:
        broken = f"; broken files: {'; '.join(map(str, wrong))}" if wrong else ""
        raise NotFound(f"there is no mapping {source!r}; there are {', '.join(sorted(known))}{broken}")
    return known[source]


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
