"""Verdicts of compliance checks and the evidence they rest on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from console.api.callers import Caller, needs
from console.identity.roles import Right
from core.names import EVIDENCE, VERDICT
from store.filter import EVERYTHING, And, Term

router = APIRouter(prefix="/compliance", tags=["compliance"])
Reader = Annotated[Caller, Depends(needs(Right.COMPLIANCE_READ))]


@router.get("/verdicts")
def list_verdicts(
    caller: Reader,
    asset: str = "",
    check: str = "",
    outcome: Annotated[str, Query(description="pass, fail, not_applicable or unknown")] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The newest verdict of every check on every asset."""
    parts = tuple(Term(field, value) for field, value in (("asset", asset), ("check", check), ("outcome", outcome)) if value)
    page = caller.desk.store.documents.find(VERDICT, And(parts) if parts else EVERYTHING, limit=limit, cursor=cursor)
    return {"items": [document.body for document in page.items], "next": page.cursor}


@router.get("/evidence/{id:path}")
def get_evidence(caller: Reader, id: str) -> dict[str, Any]:
    """One entry of the evidence chain: the raw text, its digest, the hash of the entry before."""
    return dict(caller.desk.store.documents.get(EVIDENCE, id).body)
