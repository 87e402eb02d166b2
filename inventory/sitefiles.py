"""The site folder: what a site writes in YAML files and keeps under its own version control.

``assets/*.yaml`` (or ``assets.yaml``) hold ``assets: [...]``, ``people.yaml`` holds ``people: [...]``. A broken
file or entry is reported with file, line and key; everything else is still taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from core.errors import ConfigError
from core.files import Document, build, read_yaml
from inventory.asset import Asset
from inventory.people import Person

M = TypeVar("M", bound=BaseModel)
_SPAN = re.compile(r"^(.*)\[(\d+)-(\d+)\](.*)$")
MAX_SPAN = 10_000


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What was read, and every problem met on the way."""

    assets: tuple[Asset, ...] = ()
    people: tuple[Person, ...] = ()
    problems: tuple[ConfigError, ...] = ()


def read_site(folder: Path) -> SiteFiles:
    """Read the site folder; a missing folder is an empty site."""
    problems: list[ConfigError] = []
    assets = list(read_entries(folder, "assets", Asset, problems))
    people = list(read_entries(folder, "people", Person, problems))
    return SiteFiles(_unique(assets, problems), _unique(people, problems), tuple(problems))


def read_entries(folder: Path, name: str, model: type[M], problems: list[ConfigError]) -> Iterator[tuple[M, Document, int]]:
    """Every entry of ``NAME.yaml`` and ``NAME/*.yaml`` with the file and its number there; what is wrong goes to ``problems``."""
    yield from _entries(_files(folder, name), name, model, problems)


def _files(folder: Path, name: str) -> list[Path]:
    single = folder / f"{name}.yaml"
    return [*([single] if single.exists() else []), *sorted((folder / name).glob("*.yaml"))]


def _entries(paths: list[Path], key: str, model: type[M], problems: list[ConfigError]) -> Iterator[tuple[M, Document, int]]:
    for path in paths:
        try:
            document = read_yaml(path)
            entries = _list(document, key)
        except ConfigError as err:
            problems.append(err)
            continue
        for number in range(len(entries)):
            try:
                yield from ((entry, document, number) for entry in _expand(document, key, number, model))
            except ConfigError as err:
                problems.append(err)


def _list(document: Document, key: str) -> list[Any]:
    data = document.data
    if data is None:
        return []
    if not isinstance(data, dict) or set(data) != {key} or not isinstance(data[key], list):
        raise document.error(f"a file of this folder has one key, {key!r}, with a list")
    entries: list[Any] = data[key]
    return entries


def _expand(document: Document, key: str, number: int, model: type[M]) -> list[M]:
    entry = document.data[key][number]
    ids = spread(str(entry.get("id", ""))) if isinstance(entry, dict) else [""]
    if len(ids) == 1:
        return [build(document, model, (key, number))]
    return [build(replace(document, data={key: {number: {**entry, "id": each}}}), model, (key, number)) for each in ids]


def spread(text: str) -> list[str]:
    """``srv[1-3]`` as srv1, srv2, srv3 (leading zeros kept: ``srv[01-03]``); other text as it is."""
    found = _SPAN.match(text)
    if not found:
        return [text]
    before, first, last, after = found.groups()
    count = int(last) - int(first) + 1
    if not 1 <= count <= MAX_SPAN:
        raise ConfigError(f"{text!r} spans {count} ids; at least 1 and at most {MAX_SPAN} are allowed")
    return [f"{before}{number:0{len(first)}d}{after}" for number in range(int(first), int(last) + 1)]


def _unique(entries: list[tuple[M, Document, int]], problems: list[ConfigError]) -> tuple[M, ...]:
    found: dict[str, M] = {}
    for entry, document, number in entries:
        name: str = entry.id  # type: ignore[attr-defined]
        if name in found:
            key = "assets" if isinstance(entry, Asset) else "people"
            problems.append(document.error(f"id {name!r} stands twice in the site folder; the first one counts", (key, number)))
            continue
        found[name] = entry
    return tuple(found.values())
