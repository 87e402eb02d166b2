"""The audit: for its administrator, and for everybody what they did themselves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query

from console.api.callers import Caller, caller_of
from console.identity.roles import Right

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
def read_audit(
    caller: Annotated[Caller, Depends(caller_of)],
    after: Annotated[int, Query(ge=0, description="entries with a higher number")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    actor: str | None = None,
    action: str | None = None,
    object: str | None = None,
) -> dict[str, Any]:
    """Entries in order. Without the right audit.read only one's own."""
    if Right.AUDIT_READ not in caller.rights:
        if actor not in (None, caller.account.name):
            raise HTTPException(403, "this needs the right audit.read")
        actor = caller.account.name
    found = caller.desk.store.audit.read(after=after, limit=limit, actor=actor, action=action, object=object)
    return {"items": [{name: getattr(e, name) if name != "time" else e.time.isoformat() for name in e.__slots__} for e in found]}


@router.get("/verify")
def verify(caller: Annotated[Caller, Depends(caller_of)]) -> dict[str, Any]:
    """Whether the hash chain is whole, or where it is broken."""
    if Right.AUDIT_READ not in caller.rights:
        raise HTTPException(403, "this needs the right audit.read")
    broken = caller.desk.store.audit.verify()
    return {"whole": broken is None, "broken_at": broken}
