"""The discovery inbox: candidates, searches, and what may be done to them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from console.actions import ask, outcome
from console.api.callers import Caller, needs
from console.identity.roles import Right
from console.queries import discovery
from core.errors import NotFound, Refused
from core.names import CANDIDATE

router = APIRouter(prefix="/discovery", tags=["discovery"])
Reader = Annotated[Caller, Depends(needs(Right.ESTATE_READ))]
Actor = Annotated[Caller, Depends(needs(Right.ASSET_WRITE))]
ACTIONS: Final = ("take_in", "set_aside", "bring_back", "accept_changes", "forget_candidate")


class Act(BaseModel):
    """What is to be done to a candidate: ``args`` of take_in are values, asset and credential, of set_aside why."""

    model_config = ConfigDict(extra="forbid")

    action: str
    args: dict[str, Any] = Field(default_factory=dict)


class Wanted(BaseModel):
    """A search as docs/discovery.md says; left-out keys have their defaults."""

    model_config = ConfigDict(extra="forbid")

    ranges: list[str] = []
    seeds: list[str] = []
    hops: int = 2
    credentials: list[str] = []
    ports: list[int] | None = None
    snmp_ports: list[int] | None = None


@router.get("/candidates")
def list_candidates(
    caller: Reader,
    state: Annotated[str, Query(description="new, changed, gone, known or ignored; left out: all")] = "",
    q: Annotated[str, Query(description="words", max_length=500)] = "",
) -> dict[str, Any]:
    """What was found on the network, the surest first."""
    if state and state not in discovery.STATES:
        raise HTTPException(422, f"state is one of {', '.join(discovery.STATES)}")
    every = discovery.candidates(caller.desk.store)
    found = [one for each in ((state,) if state else discovery.STATES) for one in discovery.matching(every, each, q)]
    return {"total": len(found), "items": [one.document() for one in found]}


@router.get("/candidates/{id}")
def get_candidate(caller: Reader, id: str) -> dict[str, Any]:
    """One candidate with everything that it answered."""
    return dict(caller.desk.store.documents.get(CANDIDATE, id).body)


@router.post("/candidates/{id}/actions")
def act(caller: Actor, id: str, wanted: Act) -> dict[str, Any]:
    """Ask the service to take a candidate in, to set it aside, and so on; answers its outcome."""
    if wanted.action not in ACTIONS:
        raise HTTPException(422, f"action is one of {', '.join(ACTIONS)}")
    try:
        caller.desk.store.documents.get(CANDIDATE, id)
    except NotFound:
        raise NotFound(f"there is no candidate {id!r}") from None
    return _asked(caller, wanted.action, {**wanted.args, "candidate": id})


@router.get("/searches")
def list_searches(caller: Reader, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> dict[str, Any]:
    """The newest searches with their progress."""
    return {
        "items": [
            {"id": one.id, "state": one.state, "by": one.by, "what": one.what, "created": one.created, "problems": one.problems, **one.figures}
            for one in discovery.rounds(caller.desk.store, limit)
        ]
    }


@router.post("/searches")
def search(caller: Actor, wanted: Wanted) -> dict[str, Any]:
    """Ask for a search of allowed ranges; ``message`` is its id."""
    return _asked(caller, "discover", wanted.model_dump(exclude_none=True))


def _asked(caller: Caller, what: str, args: dict[str, Any]) -> dict[str, Any]:
    intent = ask(caller.desk, caller.account, what, args)
    state, message = outcome(caller.desk, intent)
    if state == "refused":
        raise Refused(message)
    return {"intent": intent, "state": state, "message": message}
