"""The record of delivery: what was sent to whom for what reason and what became of it, and why somebody is not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.i18n import _, marked, two
from console.queries.cases import Case
from console.queries.times import read, span
from console.words import HELD, word
from core.names import NOTICE
from incidents.notify.templates import REASONS
from store.base import Store
from store.filter import Term

ANSWERS: Final[Mapping[str, str]] = {
    "ok": marked("accepted"),
    "hang": marked("no answer in time; tried again"),
    "401": marked("refused: wrong credentials"),
    "403": marked("refused"),
    "404": marked("not found: the address or its sealed credential is missing"),
    "429": marked("asked to wait; tried again"),
    "500": marked("failed; tried again"),
    "held:quiet_hours": marked("not sent: quiet hours of the receiver"),
    "held:digest": marked("not sent by itself: goes with the next digest"),
    "held:limit": marked("not sent by itself: more than the receiver's limit; goes with a summary"),
    "held:no_receiver": marked("not sent: no route and no default receiver fits"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One attempt, or why there was none: ``answer`` then begins with "held:"."""

    time: datetime | None
    receiver: str
    person: str
    reason: str
    answer: str
    tries: int


def of_case(store: Store, case: str, limit: int = 200) -> list[Notice]:
    """The newest notices about an incident, the newest first."""
    found = [document.body for document in store.documents.find(NOTICE, Term("incident", case), sort="-time", limit=limit).items]
    return [
        Notice(
            time=read(body.get("time")),
            receiver=str(body.get("receiver", "")),
            person=str(body.get("person", "")),
            reason=str(body.get("reason", "")),
            answer=str(body.get("answer", "")),
            tries=int(body.get("tries") or 0),
        )
        for body in found
    ]


def reason_word(reason: str) -> str:
    """Why a notice was sent."""
    pair = REASONS.get(reason)
    return two(pair[1], pair[0]) if pair else reason


def answer_word(answer: str) -> str:
    """What became of it."""
    return word(ANSWERS, answer)


def not_told(case: Case, now: datetime) -> list[str]:
    """Why there are no notices at present, if so."""
    found: list[str] = []
    if case.state == "acknowledged":
        found.append(_("Acknowledged: changes are not told until the acknowledgement ends."))
    if until := read(case.body.get("snoozed_until")):
        found.append(_("Snoozed for another {span}: nobody is told unless it gets worse.").format(span=span(until - now)))
    firing = case.firing
    if firing and all(member.held_by for member in firing):
        reasons = dict.fromkeys(word(HELD, member.held_by) for member in firing)
        found.append(_("Every alert that fires is held: {reasons}").format(reasons=", ".join(reasons)))
    if case.state == "candidate":
        found.append(_("A candidate tells nobody until a person confirms it."))
    return found
