"""An HTTP request that a site describes with ``{{ name }}`` for values, and what its answer must say.

A value can never become more than a value: in a path or query it is percent-encoded, in ``json`` and ``form`` it stays one text, in a header a line
break is refused. So what a device wrote adds no key, no header and no other address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx2
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.placeholders import at, filled, in_path, names
from incidents.notify.answer import Answer

NAMES: Final = frozenset((
    "title", "text", "body", "reason", "incident", "reference", "number", "priority", "root", "state", "person", "phone", "token", "username", "password",
    "link", "ack_link",
))  # fmt: skip
MOST_ANSWER: Final = 1_000_000
FAILED: Final = "500"


class Wanted(BaseModel):
    """What an answer must say beside its status: the value ``at`` a place is one of ``one_of``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    one_of: tuple[str, ...] = Field(min_length=1)


class Request(BaseModel):
    """``request``: method and path (appended to the target); ``number``: where a ticket's number stands in the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    request: str = Field(default="POST", pattern=r"^(GET|POST|PUT|PATCH)( /([^\s#{}]|\{\{ ?\w+ ?\}\})*)?$")
    headers: Mapping[str, str] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json")
    form: Mapping[str, str] | None = None
    accepted: Wanted | None = None
    number: str = ""

    @model_validator(mode="after")
    def _known(self) -> Request:
        if self.json_ is not None and self.form is not None:
            raise ValueError("a request has either 'json' or 'form'")
        for name in names([self.request, self.headers, self.json_, self.form]):
            if name not in NAMES:
                raise ValueError(f"there is nothing called {name!r}; there are {', '.join(sorted(NAMES))}")
        return self


def ask(wanted: Request, base: str, values: Mapping[str, str], within_s: float) -> tuple[Answer, Any]:
    """Send it; what was answered, and the body read as JSON (None when it is none). Never raises for what the other side does."""
    method, _, path = wanted.request.partition(" ")
    address = base.rstrip("/") + in_path(path, values) if path else base
    headers = {name: filled(text, values) for name, text in wanted.headers.items()}
    body: dict[str, Any] = {}
    if wanted.json_ is not None:
        body["json"] = filled(wanted.json_, values)
    if wanted.form is not None:
        body["data"] = filled(dict(wanted.form), values)
    try:
        with httpx2.stream(method, address, headers=headers, timeout=within_s, follow_redirects=False, **body) as answer:
            said = _read(answer)
    except httpx2.TimeoutException:
        return Answer("hang"), None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return Answer(FAILED), None
    if not answer.is_success:
        wait = answer.headers.get("retry-after", "")
        return Answer(str(answer.status_code), float(wait) if wait.isdigit() else None), said
    if wanted.accepted and at(said, wanted.accepted.at) not in wanted.accepted.one_of:
        return Answer(FAILED), said
    return Answer("ok"), said


def _read(answer: httpx2.Response) -> Any:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MOST_ANSWER:
            raise ValueError("the answer is too long")
    try:
        return httpx2.Response(200, content=body).json()
    except ValueError:
        return None
