"""What people type into the search box of events, as a filter.

Words must all occur; "words in quotes" side by side; ``field:value`` exactly, ``field:val*`` by beginning, ``field:*`` any
value; a minus before a part excludes it; ``OR`` between two parts means either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from store.filter import EVERYTHING, And, Exists, Filter, Match, Not, Or, Prefix, Scalar, Term

ALIASES: Final[Mapping[str, str]] = {
    "asset": "asset.id",
    "kind": "event.kind",
    "user": "user.name",
    "ip": "source.ip",
    "host": "host.name",
    "program": "process.name",
    "severity": "log.syslog.severity.name",
    "资产": "asset.id",
    "类别": "event.kind",
    "用户": "user.name",
}
_PART: Final = re.compile(r'(?P<no>-)?(?:(?P<field>[\w@][\w.@]*)[:：](?:"(?P<exact>[^"]*)"|(?P<value>[^\s"]+))|"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
LONGEST: Final = 1000


def read_query(text: str) -> Filter:
    """The filter of a search text; everything for an empty one. Nothing that is typed is an error."""
    groups: list[list[Filter]] = []
    is_either = False
    for match in _PART.finditer(text[:LONGEST]):
        if match["word"] == "OR" and groups:
            is_either = True
            continue
        part = _part(match)
        if is_either:
            groups[-1].append(part)
        else:
            groups.append([part])
        is_either = False
    parts = tuple(group[0] if len(group) == 1 else Or(tuple(group)) for group in groups)
    return EVERYTHING if not parts else parts[0] if len(parts) == 1 else And(parts)


def _part(match: re.Match[str]) -> Filter:
    part = _field(match) if match["field"] else Match("message", match["phrase"] or match["word"] or "", phrase=match["phrase"] is not None)
    return Not(part) if match["no"] else part


def _field(match: re.Match[str]) -> Filter:
    field = ALIASES.get(match["field"], match["field"])
    value = match["exact"] if match["exact"] is not None else match["value"]
    if field == "message":
        return Match(field, value, phrase=match["exact"] is not None)
    if match["exact"] is None and value == "*":
        return Exists(field)
    if match["exact"] is None and value.endswith("*"):
        return Prefix(field, value[:-1])
    return Or((Term(field, value), Term(field, number))) if (number := _number(value)) is not None else Term(field, value)


def _number(text: str) -> Scalar | None:
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else None


def quoted(field: str, value: str) -> str:
    """The search text for one exact value, as a click on a facet writes it."""
    plain = value.replace('"', " ")
    return f'{field}:"{plain}"' if re.search(r"\s", plain) or plain.endswith("*") or not plain else f"{field}:{plain}"
