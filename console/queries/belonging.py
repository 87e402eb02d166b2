"""Why an alert is a member of its incident, why it is held, and what the incident is linked with, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from console.i18n import _, marked
from console.queries.cases import Case, Member, list_cases
from console.words import HELD, word
from store.base import Store

LINKS: Final[Mapping[str, str]] = {
    "recurrence_of": marked("the same fault came before:"),
    "recurred_in": marked("the same fault came again:"),
    "split_from": marked("split off from"),
    "split_into": marked("split off from this one:"),
    "merged_into": marked("merged into"),
    "merged_from": marked("merged into this one:"),
}
BACK: Final[Mapping[str, str]] = {"recurrence_of": "recurred_in", "split_from": "split_into", "merged_into": "merged_from"}
LOOKED_AT: Final = 500
_FORMS: Final[tuple[tuple[str, str], ...]] = (
    (r"own incident", marked("it opened this incident")),
    (r"unreachable via (?P<a>.+)", marked("it is reached over {a}, which failed")),
    (r"root of the others", marked("the others are reached over it")),
    (r"same asset and class", marked("same asset and the same class of fault as an alert that was here")),
    (r"same asset or actor of an attack", marked("part of one attack: same asset or same actor")),
    (r"a problem of (?P<a>.+), which surrounds (?P<b>.+)", marked("{a} around it has a problem")),
    (r"the same link as at (?P<a>.+)", marked("the other end of the link at {a}")),
    (r"split off by (?P<x>.+)", marked("{x} split it off from another incident")),
    (r"same (?P<x>.+)", marked("a correlation rule: same {x}")),
)
Title = Callable[[str], str]


def why_here(member: Member, case: Case, title: Title) -> str:
    """One sentence; what the service wrote itself when it is none of the known ones."""
    text = str(member.body.get("why") or "")
    said = next((_told(form, found, title) for shape, form in _FORMS if (found := re.fullmatch(shape, text))), text)
    brought = str(member.body.get("brought_by") or "")
    return f"{said}; {_('came with {id}').format(id=brought)}" if brought and brought != case.id else said


def _told(form: str, found: re.Match[str], title: Title) -> str:
    words = {name: value if name == "x" else title(value) for name, value in found.groupdict().items()}
    return _(form).format(**words)


def why_held(member: Member, title: Title) -> str:
    """Why nobody is told of it, and what holds it."""
    by = title(str(member.body.get("via") or "")) if member.held_by == "unreachable" else str(member.body.get("holder") or "")
    return f"{_('told to nobody')}: {word(HELD, member.held_by)}" + (f" ({by})" if by else "")


def links_of(store: Store, case: Case) -> list[tuple[str, str]]:
    """(kind, incident) of the links it has, and of those that others among the newest have to it."""
    own = [(what, str(id_)) for link in case.body.get("links") or () for what, id_ in dict(link).items()]
    back = [
        (BACK[what], other.id)
        for other in list_cases(store, limit=LOOKED_AT).items
        for link in other.body.get("links") or ()
        for what, id_ in dict(link).items()
        if id_ == case.id and what in BACK
    ]
    return [pair for pair in dict.fromkeys([*own, *back]) if pair[0] in LINKS]
