"""Incidents: list, one, and what may be done to them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from console.actions import ask, outcome
from console.api.callers import Caller, needs
from console.identity.roles import Right
from console.queries import cases
from core.errors import Refused

router = APIRouter(prefix="/incidents", tags=["incidents"])
Reader = Annotated[Caller, Depends(needs(Right.INCIDENT_READ))]
Actor = Annotated[Caller, Depends(needs(Right.INCIDENT_ACT))]
ACTIONS: Final = (
    "acknowledge", "unacknowledge", "still_working", "assign", "comment", "resolve", "close", "reopen", "snooze", "set_priority", "pause", "resume", "confirm",
    "judge", "split", "merge", "unmerge", "reroot", "respond", "review",
)  # fmt: skip


class Act(BaseModel):
    """What is to be done: ``args`` as docs/incidents.md says, for instance {"text": "on my way"} for a comment."""

    model_config = ConfigDict(extra="forbid")

    action: str
    args: dict[str, Any] = Field(default_factory=dict)


@router.get("")
def list_incidents(
    caller: Reader,
    state: Annotated[list[str], Query(description="open, acknowledged, resolved, closed, merged; may be given several times")] = [],  # noqa: B006
    priority: Annotated[list[str], Query(description="P1 to P4; may be given several times")] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Incidents, the newest first, without members and timeline."""
    page = cases.list_cases(caller.desk.store, state, priority, limit, cursor)
    return {"items": [{key: value for key, value in case.body.items() if key not in ("members", "timeline")} for case in page.items], "next": page.cursor}


@router.get("/{id}")
def get_incident(caller: Reader, id: str) -> dict[str, Any]:
    """One incident, whole."""
    return dict(cases.get_case(caller.desk.store, id).body)


@router.post("/{id}/actions")
def act(caller: Actor, id: str, wanted: Act) -> dict[str, Any]:
    """Ask the service to do something to an incident; answers its outcome, or state "new" while it still waits."""
    if wanted.action not in ACTIONS:
        raise HTTPException(422, f"action is one of {', '.join(ACTIONS)}")
    cases.get_case(caller.desk.store, id)
    intent = ask(caller.desk, caller.account, wanted.action, wanted.args, id)
    state, message = outcome(caller.desk, intent)
    if state == "refused":
        raise Refused(message)
    return {"intent": intent, "state": state, "message": message}
