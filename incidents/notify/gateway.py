"""SMS and voice through a provider's or a box's HTTP interface: one request a phone number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from incidents.notify.answer import Answer, Target
from incidents.notify.request import Request, ask
from incidents.notify.templates import short, title, whole

REFUSED: Final = "403"


class Options(BaseModel):
    """``send``: the request for one number; ``to``: numbers for notices that call nobody in person; ``length``: most characters of ``{{ text }}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    send: Request
    to: tuple[str, ...] = ()
    length: int = Field(default=140, ge=20, le=2000)


def deliver(options: Options, content: Mapping[str, Any], target: Target, language: str, within_s: float) -> Answer:
    """To every number; the first that fails is the answer, after the others were tried."""
    numbers = target.phones or options.to
    if not numbers:
        return Answer(REFUSED)
    values = {**content_values(content, language), "text": short(content, language, options.length)}
    secrets = {"token": target.token, "username": target.username, "password": target.password}
    answers = [ask(options.send, target.address, {**values, **secrets, "phone": number}, within_s)[0] for number in numbers]
    return next((answer for answer in answers if answer.status != "ok"), Answer("ok"))


def content_values(content: Mapping[str, Any], language: str) -> dict[str, str]:
    """The values of a notice by name, as texts."""
    names = ("reason", "incident", "priority", "root", "state", "person", "link", "ack_link")
    return {
        **{name: str(content.get(name) or "") for name in names},
        "title": title(content, "en" if language == "en" else "zh"),
        "body": whole(content, language),
    }
