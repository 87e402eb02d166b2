"""What officers decide about items that telemetry cannot decide: kept as documents, audited, and valid until a date."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from compliance import evidence
from compliance.rollup import Answer, Conformity
from compliance.run import every
from core.errors import Refused
from store.base import Store

ANSWER: Final = "compliance-answer"
OFFICERS: Final = frozenset({"security_officer", "security_admin"})


def save_answer(store: Store, given: Answer, roles: Collection[str]) -> None:
    """Keep a decision; raises Refused when the person may not decide, gives no reason, or the decision never ends."""
    if not OFFICERS & set(roles):
        raise Refused("a security officer decides about requirement items")
    if not given.comment.strip():
        raise Refused("a decision needs its reason and where the evidence is")
    if given.expires <= given.time:
        raise Refused("a decision must be valid until a day in the future")
    body: dict[str, Any] = {
        "item": given.item,
        "asset": given.asset,
        "conformity": given.conformity.value,
        "who": given.who,
        "time": given.time.isoformat(),
        "comment": given.comment,
        "expires": given.expires.isoformat(),
    }
    store.audit.append(time=given.time, actor=given.who, action="compliance.answer", object=f"{given.item} {given.asset}".strip(), body=body)
    evidence.note(store.documents, evidence.ANSWERS, given.item, body, given.time)
    store.documents.put(ANSWER, f"{given.item}/{given.asset}", body)


def answers(store: Store) -> list[Answer]:
    """Every decision, also those that have expired (the roll-up leaves them out)."""
    return [read_answer(document.body) for document in every(store, ANSWER)]


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A kept decision."""
    return Answer(
        item=body["item"],
        asset=body["asset"],
        conformity=Conformity(body["conformity"]),
        who=body["who"],
        time=datetime.fromisoformat(body["time"]),
        comment=body["comment"],
        expires=datetime.fromisoformat(body["expires"]),
    )
