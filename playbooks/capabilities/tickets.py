"""Tickets in a ticket system, which is the target: opened once for a reference, closed by it. How it is asked: ``inventory.tickets``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from core.errors import BadReply, ConfigError
from inventory.asset import Asset
from inventory.tickets import Request, number_in, request
from playbooks.capabilities.remote import asset_of
from playbooks.capabilities.web import exchange
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Line


class TicketOptions(Options):
    """``reference``: what finds the ticket again; one ticket for each."""

    reference: Annotated[Line, Field(min_length=3, max_length=100)]
    text: str = Field(default="", max_length=20_000)


class OpenOptions(TicketOptions):
    """What it says."""

    subject: Annotated[Line, Field(min_length=1, max_length=200)]
    priority: Annotated[Line, Field(max_length=40)] = ""


def _needed(target: Asset | None, what: str, options: TicketOptions, **more: str) -> Request:
    values = {**{key: str(value) for key, value in options.model_dump().items()}, **more}
    found = request(asset_of(target), what, values)
    if found is None:
        raise ConfigError("the asset does not say how a ticket system is asked", key=f"assets.{asset_of(target).id}.facts.ticket_{what}")
    return found


def _ask(target: Asset | None, reach: Reach, asked: Request) -> Any:
    """What it answered as JSON data; raises DeviceError."""
    status, text = exchange(asked.method, asked.path, target, reach, asked.body)
    if not 200 <= status < 300:
        raise BadReply(asset_of(target).id, f"status {status}: {text[:300]}")
    try:
        return json.loads(text or "null")
    except ValueError:
        raise BadReply(asset_of(target).id, f"no JSON was answered: {text[:300]}") from None


def _number(target: Asset | None, reach: Reach, options: TicketOptions) -> str | None:
    """The number of the ticket with the reference, empty when there is none; None when the system cannot be searched."""
    asked = request(asset_of(target), "find", {"reference": options.reference})
    return None if asked is None else number_in(asset_of(target), "find", _ask(target, reach, asked))


class TicketOpen:
    """Opens one, unless one with the reference is there. Without ``ticket_find`` nobody can tell, and a person decides after a kill."""

    name: ClassVar[str] = "ticket.open"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = False
    Options: ClassVar = OpenOptions

    def plan(self, options: OpenOptions, target: Asset | None) -> Act:
        """The request."""
        return Act(commands=(str(_needed(target, "create", options)),))

    def verify(self, options: OpenOptions, target: Asset | None, reach: Reach) -> State:
        """Whether there is one with the reference."""
        number = _number(target, reach, options)
        if number is None:
            return State(holds=None)
        return State(holds=bool(number), said=f"ticket {number}" if number else "no ticket has the reference")

    def do(self, options: OpenOptions, target: Asset | None, reach: Reach) -> Answer:
        """Open it; ``values.number`` is its number."""
        number = number_in(asset_of(target), "create", _ask(target, reach, _needed(target, "create", options)))
        if not number:
            raise BadReply(asset_of(target).id, "the answer holds no number where ticket_number says")
        return Answer(said=f"ticket {number}", values={"number": number})

    def undo(self, options: OpenOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """A ticket stays; ``ticket.close`` is a step of its own."""
        return Answer()


class TicketClose:
    """Closes the ticket that has the reference, with a note."""

    name: ClassVar[str] = "ticket.close"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = TicketOptions

    def plan(self, options: TicketOptions, target: Asset | None) -> Act:
        """Both requests; the number is known only when the ticket was found."""
        return Act(commands=(str(_needed(target, "find", options)), str(_needed(target, "close", options, number="NUMBER"))))

    def verify(self, options: TicketOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Each system calls its states otherwise."""
        return State(holds=None)

    def do(self, options: TicketOptions, target: Asset | None, reach: Reach) -> Answer:
        """Find and close it."""
        number = _number(target, reach, options)
        if not number:
            raise BadReply(asset_of(target).id, f"no ticket has the reference {options.reference}")
        _ask(target, reach, _needed(target, "close", options, number=number))
        return Answer(said=f"ticket {number} closed", values={"number": number})

    def undo(self, options: TicketOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """It stays closed."""
        return Answer()
