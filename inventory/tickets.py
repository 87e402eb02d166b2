"""How a ticket system wants to be asked, by facts of its asset: requests made from templates, the number taken out of what it answers. Pure.

``{{ name }}`` in a template stands for one value: in a path it is percent-encoded, in a body it becomes part of a JSON text, so that no value can add a key,
a header or another path. Facts: ``ticket_create`` (``POST /api/tickets``), ``ticket_body`` (JSON), ``ticket_number`` (where the number stands in the
answer: ``result.0.id``), ``ticket_find`` (``GET /api/tickets?ref={{ reference }}``), ``ticket_find_number``, ``ticket_close`` and ``ticket_close_body``.
``ticket_form`` names a form of ``tickets.yaml`` in place of them; facts beside it win.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from core.errors import ConfigError
from core.files import read_yaml
from core.placeholders import at, filled, in_path, names, tight
from inventory.asset import Asset

FORMS: Final = Path(__file__).with_name("tickets.yaml")
NAMES: Final = ("subject", "text", "reference", "priority", "number")
_REQUEST: Final = re.compile(r"(GET|POST|PUT|PATCH) (/[^\s#]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: method, path with query, body as JSON data (None: without)."""

    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + ("" if self.body is None else f" {json.dumps(self.body, ensure_ascii=False, sort_keys=True)}")


@lru_cache(maxsize=1)
def forms() -> Mapping[str, Mapping[str, str]]:
    """The shipped forms by name."""
    return dict(read_yaml(FORMS).data)


def form_of(asset: Asset) -> Mapping[str, str]:
    """Its facts about tickets, over those of the form that it names; raises ConfigError."""
    named = asset.facts.get("ticket_form", "")
    if named and named not in forms():
        raise _wrong(asset, "ticket_form", f"is none of {', '.join(sorted(forms()))}")
    return {**(forms()[named] if named else {}), **{key: value for key, value in asset.facts.items() if key.startswith("ticket_")}}


def request(asset: Asset, what: str, values: Mapping[str, str]) -> Request | None:
    """The request for ``create``, ``find`` or ``close``; None when the asset does not say how. Raises ConfigError for a template that is wrong."""
    form = form_of(asset)
    key = f"ticket_{what}"
    if not (line := form.get(key, "")):
        return None
    found = _REQUEST.fullmatch(tight(line.strip()))
    if found is None:
        raise _wrong(asset, key, "is no request such as POST /api/tickets")
    text = form.get("ticket_body" if what == "create" else f"{key}_body", "")
    for name in names([line, text]):
        if name not in NAMES:
            raise _wrong(asset, key, f"there is nothing called {name!r}; there are {', '.join(NAMES)}")
    try:
        return Request(found[1], in_path(found[2], values), filled(json.loads(text), values) if text else None)
    except json.JSONDecodeError as err:
        raise _wrong(asset, f"{key} (body)", f"is no JSON: {err.msg}") from None


def number_in(asset: Asset, what: str, answer: Any) -> str:
    """The ticket's number in what was answered to ``create`` or ``find``; empty when there is none."""
    form = form_of(asset)
    place = form.get("ticket_find_number" if what == "find" else "ticket_number", "id")
    return at(answer, place)


def _wrong(asset: Asset, key: str, message: str) -> ConfigError:
    return ConfigError(message, key=f"assets.{asset.id}.facts.{key}")
