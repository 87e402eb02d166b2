"""An OSCAL catalogue (and a profile that chooses from it) as a framework of the site. JSON text in, plain data out.

Top-level groups become layers, controls and their enhancements become items; an enhancement stands under the control that it belongs to. Withdrawn
controls are left out. OSCAL texts are in one language: both languages of the framework get it until somebody translates the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from compliance.exchange.oscal_text import line
from core.errors import ConfigError

MOST_BYTES: Final = 64 * 1024 * 1024
DEEPEST: Final = 20
MOST_ITEMS: Final = 20_000
_INSERT: Final = re.compile(r"\{\{\s*insert:\s*param\s*,\s*([^}\s]+)\s*\}\}")
ASSESSMENT: Final = frozenset({"assessment", "assessment-objective", "assessment-method", "assessment-objects", "objective", "guidance", "overview", "example"})
"""Parts of a control that say how it is looked at or why, not what is asked."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a profile takes: everything, or ids; without ``left``. ``values`` are parameters that it sets."""

    ids: frozenset[str] | None
    left: frozenset[str]
    values: Mapping[str, str]

    def takes(self, control: str) -> bool:
        """Whether the control is in."""
        return (self.ids is None or control in self.ids) and control not in self.left


EVERYTHING: Final = Chosen(None, frozenset(), {})


def read_json(text: bytes, what: str, name: str) -> dict[str, Any]:
    """The object under the key ``what`` of an OSCAL file; raises ConfigError that says what it is instead."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"has {len(text):,} bytes; at most {MOST_BYTES:,} are read", path=name)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ConfigError(f"is no JSON: {err}", path=name) from None
    if not isinstance(data, dict) or not isinstance(data.get(what), dict):
        there = ", ".join(sorted(map(str, data))[:3]) if isinstance(data, dict) else type(data).__name__
        raise ConfigError(f"is no OSCAL {what}; it holds {there}", path=name)
    found: dict[str, Any] = data[what]
    return found


def read_profile(text: bytes, name: str) -> Chosen:
    """What a profile chooses; raises ConfigError where it asks for more than ids (patterns, alterations of texts)."""
    profile = read_json(text, "profile", name)
    ids: set[str] | None = set()
    left: set[str] = set()
    for one in _rows(profile, "imports", name):
        if "include-all" in one:
            ids = None
        for row in _rows(one, "include-controls", name):
            ids = ids if ids is None else ids | _ids(row, name)
        for row in _rows(one, "exclude-controls", name):
            left |= _ids(row, name)
    modify = profile.get("modify") or {}
    values = {str(row.get("param-id")): ", ".join(map(str, row["values"])) for row in _rows(modify, "set-parameters", name) if row.get("values")}
    if ids is not None and not ids:
        raise ConfigError("chooses no control", path=name, key="profile.imports")
    return Chosen(None if ids is None else frozenset(ids), frozenset(left), values)


def _ids(row: Mapping[str, Any], name: str) -> set[str]:
    if row.get("matching"):
        raise ConfigError("chooses controls by pattern; only with-ids is read here", path=name, key="profile.imports")
    return set(map(str, row.get("with-ids") or ()))


def framework(text: bytes, path: str, *, name: str, chosen: Chosen = EVERYTHING) -> dict[str, Any]:
    """A framework file (see compliance/site_frameworks.py) as plain data; raises ConfigError where the catalogue cannot be one."""
    catalog = read_json(text, "catalog", path)
    head = catalog.get("metadata")
    title = line(str(head.get("title", ""))) if isinstance(head, dict) else "-"
    version = str(head.get("version", "")) if isinstance(head, dict) else ""
    layers, items = [], []
    for number, (group, controls) in enumerate(_groups(catalog, path)):
        found = [item for control, above in controls for item in _items(control, above, chosen, path)]
        if found:
            code = str(group.get("id") or f"group-{number + 1}")
            label = line(str(group.get("title") or code))
            layers.append({"code": code, "zh": label, "en": label})
            items += [{**item, "layer": code} for item in found]
    if not items:
        raise ConfigError("holds no control that is asked", path=path, key="catalog")
    if len(items) > MOST_ITEMS:
        raise ConfigError(f"holds {len(items):,} controls; at most {MOST_ITEMS:,} are read", path=path)
    if chosen.ids and (missing := chosen.ids - {item["id"] for item in items} - chosen.left):
        raise ConfigError(f"has no control {min(missing)} (and {len(missing) - 1} more) that the profile asks for, or it was withdrawn", path=path)
    return {
        "id": name,
        "name": {"zh": title, "en": title},
        "standard": f"{title} {version}".strip(),
        "source": f"OSCAL catalogue {catalog.get('uuid', '')}".strip(),
        "layers": layers,
        "items": items,
    }


def _groups(catalog: Mapping[str, Any], name: str) -> Iterator[tuple[Mapping[str, Any], list[tuple[Mapping[str, Any], str]]]]:
    """Top-level groups with all controls inside; controls outside of any group are one of their own."""
    if loose := _rows(catalog, "controls", name):
        yield {"id": "catalog", "title": "Controls"}, [(control, "") for control in loose]
    for group in _rows(catalog, "groups", name):
        yield group, list(_inside(group, "", name, 0))


def _inside(group: Mapping[str, Any], above: str, name: str, depth: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    if depth > DEEPEST:
        raise ConfigError(f"groups stand more than {DEEPEST} deep", path=name)
    for control in _rows(group, "controls", name):
        yield control, above
    for inner in _rows(group, "groups", name):
        yield from _inside(inner, line(str(inner.get("title", ""))), name, depth + 1)


def _items(control: Mapping[str, Any], above: str, chosen: Chosen, name: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The control and its enhancements; ``above`` is the control point that they stand under (a nested group, or the control itself)."""
    if depth > DEEPEST:
        raise ConfigError(f"controls stand more than {DEEPEST} deep", path=name)
    name_of, title = str(control.get("id") or ""), line(str(control.get("title") or ""))
    if not name_of:
        raise ConfigError(f"a control has no id ({title})", path=name)
    point = above or title
    if not _is_withdrawn(control) and chosen.takes(name_of):
        said = _prose(control, dict(chosen.values), name) or title
        label = next((str(prop.get("value")) for prop in _rows(control, "props", name) if prop.get("name") == "label"), name_of)
        yield {"id": name_of, "point": {"zh": point, "en": point}, "clause": label, "zh": said, "en": said}
    for inner in _rows(control, "controls", name):
        yield from _items(inner, point, chosen, name, depth + 1)


def _is_withdrawn(control: Mapping[str, Any]) -> bool:
    return any(
        prop.get("name") == "status" and str(prop.get("value")).casefold() == "withdrawn" for prop in control.get("props") or () if isinstance(prop, dict)
    )


def _prose(control: Mapping[str, Any], values: dict[str, str], name: str) -> str:
    """The statement in one text, its parameters replaced by what the profile sets, else by their label in brackets."""
    for row in _rows(control, "params", name):
        given = row.get("values") or ()
        known = ", ".join(map(str, given)) if given else f"[{line(str(row.get('label') or row.get('id')))}]"
        values.setdefault(str(row.get("id")), known)
    texts = [text for part in _rows(control, "parts", name) if part.get("name") not in ASSESSMENT for text in _said(part, name, 0)]
    return "\n".join(_INSERT.sub(lambda found: values.get(found[1], f"[{found[1]}]"), text) for text in texts)


def _said(part: Mapping[str, Any], name: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise ConfigError(f"parts stand more than {DEEPEST} deep", path=name)
    label = next((f"{prop.get('value')} " for prop in _rows(part, "props", name) if prop.get("name") == "label"), "")
    if part.get("prose"):
        yield f"{label}{line(str(part['prose']))}"
    for inner in _rows(part, "parts", name):
        if inner.get("name") not in ASSESSMENT:
            yield from _said(inner, name, depth + 1)


def _rows(data: Mapping[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    """A list of objects under a key, empty when it is not there; raises ConfigError for anything else."""
    found = data.get(key) or []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ConfigError("is no list of objects", path=name, key=key)
    return found
