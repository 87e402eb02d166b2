"""Incidents in a ticket system: one ticket an incident, made, updated and closed by requests that the site describes.

The number of a ticket is remembered; before one is made the system is asked (``find``) whether it has one with this reference, so that a notice sent
twice, or a kill between its answer and our memory of it, makes no second ticket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from core.placeholders import at
from incidents.notify.answer import Answer, Target
from incidents.notify.gateway import content_values
from incidents.notify.request import FAILED, Request, ask


class Options(BaseModel):
    """``create`` (its ``number`` says where the ticket's number stands in the answer), ``find``, ``update``, ``close``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    create: Request
    find: Request | None = None
    update: Request | None = None
    close: Request | None = None


class Memory(Protocol):
    """``RECEIVER:INCIDENT`` -> number of the ticket; a dictionary is one."""

    def get(self, key: str, default: str, /) -> str:
        """The number, or the default."""
        ...

    def __setitem__(self, key: str, number: str, /) -> None:
        """Keep it."""
        ...


def deliver(receiver: str, options: Options, content: Mapping[str, Any], target: Target, language: str, within_s: float, memory: Memory) -> Answer:
    """Make, update or close the ticket of the notice's incident; a notice about none is not for a ticket system and counts as delivered."""
    incident = str(content.get("incident") or "")
    if not incident or content.get("reason") in ("digest", "summary", "handover"):
        return Answer("ok")
    values = content_values(content, language) | {"token": target.token, "username": target.username, "password": target.password}
    values |= {"reference": f"wanglou-{incident}", "text": str(content.get("text") or "")}
    key, ends = f"{receiver}:{incident}", content.get("reason") == "resolved"
    answer, number = Answer("ok"), memory.get(key, "")
    if not number and options.find is not None:
        answer, number = _found(options.find, target.address, values, within_s)
    if answer.status != "ok":
        return answer
    if not number and not ends:  # what ends without ever having had a ticket gets none
        answer, number = _made(options.create, target.address, values, within_s)
        if number:
            memory[key] = number
        return answer
    if number:
        memory[key] = number
    wanted = options.close if ends else options.update
    return ask(wanted, target.address, {**values, "number": number}, within_s)[0] if wanted and number else answer


def _found(wanted: Request, base: str, values: Mapping[str, str], within_s: float) -> tuple[Answer, str]:
    """The ticket that the system has under this reference; a 404 says that there is none."""
    answer, said = ask(wanted, base, values, within_s)
    if answer.status == "404":
        return Answer("ok"), ""
    return answer, at(said, wanted.number or "id") if answer.status == "ok" else ""


def _made(wanted: Request, base: str, values: Mapping[str, str], within_s: float) -> tuple[Answer, str]:
    """A new ticket's number; an answer without one is a failure."""
    answer, said = ask(wanted, base, values, within_s)
    number = at(said, wanted.number or "id") if answer.status == "ok" else ""
    return (Answer(FAILED) if answer.status == "ok" and not number else answer), number
