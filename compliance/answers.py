"""What officers decide about items that telemetry cannot decide: kept as documents, audited, in the evidence chain, and valid until a date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from compliance import evidence
from compliance.attachments import MOST_FILES, attachments_of
from compliance.framework import Item
from compliance.questions import asked
from compliance.rollup import Answer, Conformity
from compliance.run import every
from core.errors import NotFound, Refused
from store.base import Body, Store

ANSWER: Final = "compliance-answer"
OFFICERS: Final = frozenset({"security_officer", "security_admin"})
LONGEST: Final = timedelta(days=5 * 366)
SOON: Final = timedelta(days=30)


def save_answer(
    store: Store, given: Answer, roles: Collection[str], item: Item | None = None, *, seen: str | None = None, recorded: datetime | None = None
) -> None:
    """Keep a decision; raises Refused when the person may not decide, gives no reason, evidence or end, or when another decision came in between.

    With ``item`` the evidence that its question asks for is asked for. The version before stays in the evidence chain. ``seen`` is the ``mark`` of the
    decision that the person looked at; ``recorded`` is when it is written down here, when that is not the time of the decision.
    """
    if not OFFICERS & set(roles):
        raise Refused("a security officer decides about requirement items")
    if not given.comment.strip():
        raise Refused("a decision needs its reason and where the evidence is")
    if given.conformity is Conformity.UNKNOWN:
        raise Refused("a decision says how it is; unknown is what stands without one")
    if given.expires <= given.time:
        raise Refused("a decision must be valid until a day in the future")
    if given.expires - given.time > LONGEST:
        raise Refused("a decision holds five years at the most")
    if given.day and date.fromisoformat(given.day) > given.time.date() + timedelta(days=1):
        raise Refused("the date of the evidence has not come yet")
    if len(given.files) > MOST_FILES:
        raise Refused(f"at most {MOST_FILES} files are attached to one decision")
    if item and asked(item).file and given.conformity is Conformity.CONFORMS and not given.files:
        raise Refused("this item conforms only with a file as evidence (scan, photo, export)")
    if seen is not None and seen != mark(store, answer_id(given)):
        raise Refused("somebody else decided about this item meanwhile; look at that decision, then decide anew")
    body, at = body_of(given), recorded or given.time
    store.audit.append(time=at, actor=given.who, action="compliance.answer", object=f"{given.item} {given.object} {given.asset}".strip(), body=body)
    link = evidence.note(store.documents, evidence.ANSWERS, given.item, body, at)
    evidence.stand(store.documents, ANSWER, answer_id(given), body, link)


def mark(store: Store, place: str) -> str:
    """The version of the decision that stands at a place (``answer_id``), to be held against later; empty when there is none."""
    try:
        return store.documents.get(ANSWER, place).version
    except NotFound:
        return ""


def answer_id(given: Answer) -> str:
    """The place of the newest decision about an item of an asset and an object."""
    return place_of(given.item, given.asset, given.object)


def place_of(item: str, asset: str = "", subject: str = "") -> str:
    """The id under which the newest decision is kept."""
    return f"{item}/{asset}" + (f"/{subject}" if subject else "")


def body_of(given: Answer) -> dict[str, Any]:
    """A decision as it is kept."""
    return {
        "item": given.item,
        "asset": given.asset,
        "object": given.object,
        "conformity": given.conformity.value,
        "who": given.who,
        "time": given.time.isoformat(),
        "comment": given.comment,
        "day": given.day,
        "files": [one.model_dump() for one in given.files],
        "expires": given.expires.isoformat(),
    }


def answers(store: Store) -> list[Answer]:
    """All kept decisions, also those that have ended (the roll-up leaves them out)."""
    return [read_answer(document.body) for document in every(store, ANSWER)]


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A kept decision."""
    return Answer(
        item=body["item"],
        asset=body["asset"],
        object=body.get("object", ""),
        conformity=Conformity(body["conformity"]),
        who=body["who"],
        time=datetime.fromisoformat(body["time"]),
        comment=body["comment"],
        day=body.get("day", ""),
        files=attachments_of(body.get("files")),
        expires=datetime.fromisoformat(body["expires"]),
    )


def counting(given: Iterable[Answer], subject: str) -> list[Answer]:
    """The decisions that count for a protection object: its own before those about all objects, one about an asset before one about all."""
    mine = [one for one in given if one.object in ("", subject)]
    return sorted(mine, key=lambda one: (not one.object, not one.asset))


def versions(store: Store, item: str) -> list[Body]:
    """Every decision ever made about an item, the newest first, from the evidence chain."""
    return [body for _, body in evidence.notes(store.documents, evidence.ANSWERS, about=item)][::-1]


def standing(given: Sequence[Answer], item: str, now: datetime) -> str:
    """How decisions about an item stand: none, valid, soon (it ends within thirty days) or ended."""
    mine = [one for one in given if one.item == item and not one.asset]
    if not mine:
        return "none"
    last = max(one.expires for one in mine)
    return "ended" if last <= now else "soon" if last - now <= SOON else "valid"
