"""Frameworks that a site brings along: one YAML file each in ``frameworks/`` of its folder, with the shipped one beside them.

A file of a site is read into the same form as GB/T 22239-2019, so that scores, risks, reports and pages need no second way. Its items name the
checks that speak for them, or items of GB/T 22239 whose checks do. docs/compliance-frameworks.md describes every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from compliance.check import Model, Text
from compliance.framework import MLPS, Framework, Item, Layer, load_framework
from core.errors import ConfigError, NotFound
from core.files import Document, build, read_yaml

FOLDER: Final = "frameworks"
EVERY_LEVEL: Final = (1, 2, 3, 4)
Decides = Literal["telemetry", "person"]


class SiteItem(Model):
    """One requirement. ``checks`` and ``same_as`` (items of GB/T 22239) speak for it; ``decides`` says whether a pass is enough."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[\w.()-]+$")
    layer: str
    point: Text
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    clause: str = ""
    levels: tuple[int, ...] = EVERY_LEVEL
    checks: tuple[str, ...] = ()
    same_as: tuple[str, ...] = ()
    decides: Decides = "person"
    methods: tuple[Literal["examine", "interview", "test"], ...] = ()


class SiteFramework(Model):
    """A file of ``frameworks/``. ``family`` is shared by the versions of one framework (default: its id)."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    family: str = ""
    name: Text
    standard: str = ""
    source: str = ""
    valid_from: date = date.min
    valid_to: date | None = None
    layers: tuple[Layer, ...] = Field(min_length=1)
    items: tuple[SiteItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Frameworks:
    """Every framework by id, the shipped one first, and what is wrong with files of the site."""

    by_id: Mapping[str, Framework]
    problems: tuple[ConfigError, ...] = ()

    @property
    def families(self) -> dict[str, Text]:
        """What an object may be judged by: family and the name of its newest version."""
        newest: dict[str, Framework] = {}
        for one in self.by_id.values():
            if one.family not in newest or one.valid_from >= newest[one.family].valid_from:
                newest[one.family] = one
        return {family: one.name for family, one in newest.items()}

    def at(self, family: str, day: date) -> Framework:
        """The version of a family in force on a day; raises NotFound that says what there is."""
        mine = [one for one in self.by_id.values() if one.family == family]
        if not mine:
            raise NotFound(f"there is no framework {family!r}; there are {', '.join(self.families)}")
        valid = [one for one in mine if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to)]
        if not valid:
            raise NotFound(f"no version of the framework {family} was in force on {day}; there are {', '.join(one.id for one in mine)}")
        return max(valid, key=lambda one: one.valid_from)


def read_frameworks(site_folder: Path) -> Frameworks:
    """All of them; a bad file is told with its line, the others count."""
    paths = sorted((site_folder / FOLDER).glob("*.yaml")) if (site_folder / FOLDER).is_dir() else []
    return _read(tuple((path, path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> Frameworks:
    shipped = load_framework()
    found: dict[str, Framework] = {shipped.id: shipped}
    problems: list[ConfigError] = []
    for path, _ in files:
        try:
            one = read_framework(path)
            if one.id in found:
                raise ConfigError(f"the framework {one.id} is in another file already", path=path, key="id")
            found[one.id] = one
        except ConfigError as err:
            problems.append(err)
    return Frameworks(found, tuple(problems))


def read_framework(path: Path) -> Framework:
    """One file of a site; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("is no framework; it has id, name, layers and items")
    return framework_of(build(document, SiteFramework), document)


def framework_of(file: SiteFramework, document: Document) -> Framework:
    """A site's framework in the form of the shipped one; raises ConfigError where its parts do not fit each other."""
    _fits(file, document)
    layers = {layer.code: layer.zh for layer in file.layers}
    return Framework(
        id=file.id,
        name=file.name,
        standard=file.standard or file.name.zh,
        layers=file.layers,
        items=tuple(_item(one, layers[one.layer]) for one in file.items),
        drafts={},
        family=file.family or file.id,
        valid_from=file.valid_from,
        valid_to=file.valid_to,
        speaks=_speaks(file.items),
    )


def _fits(file: SiteFramework, document: Document) -> None:
    """Ids stand once, layers exist, other frameworks' names are not taken."""
    theirs = {item.id for item in load_framework().items}
    if MLPS in (file.id, file.family):
        raise document.error(f"{MLPS} is the name of the shipped framework", ("family" if file.family == MLPS else "id",))
    codes, seen = {layer.code for layer in file.layers}, set[str]()
    if len(codes) != len(file.layers):
        raise document.error("two layers have one code", ("layers",))
    if file.valid_to and file.valid_to < file.valid_from:
        raise document.error("ends before it begins", ("valid_to",))
    for number, item in enumerate(file.items):
        if item.layer not in codes:
            raise document.error(f"{item.layer} is no layer of this framework; there are {', '.join(sorted(codes))}", ("items", number, "layer"))
        if item.id in seen or item.id in theirs:
            raise document.error(f"the item {item.id} {'stands twice' if item.id in seen else 'is one of GB/T 22239'}", ("items", number, "id"))
        if unknown := set(item.same_as) - theirs:
            raise document.error(f"{min(unknown)} is no item of GB/T 22239-2019", ("items", number, "same_as"))
        if item.decides == "telemetry" and not (item.checks or item.same_as):
            raise document.error("telemetry cannot decide an item for which no check speaks", ("items", number, "decides"))
        seen.add(item.id)


def unknown_checks(framework: Framework, checks: Mapping[str, object]) -> list[str]:
    """Checks that a framework names and nobody has: not an error of the file, a check of the site may be missing for a while."""
    theirs = {item.id for item in load_framework().items}
    return sorted(name for name in framework.speaks if name not in theirs and name not in checks)


def _item(one: SiteItem, layer: str) -> Item:
    levels = [str(level) for level in one.levels]
    return Item(
        id=one.id,
        scope="general",
        layer=layer,
        control_point=one.point.zh,
        control_point_en=one.point.en,
        attribute="G",
        levels=one.levels,
        clauses=dict.fromkeys(levels, one.clause or one.id),
        units=dict.fromkeys(levels, one.id),
        zh=one.zh,
        en=one.en,
        auto="auto" if one.decides == "telemetry" else "partial" if one.checks or one.same_as else "manual",
        test_methods=one.methods,
    )


def _speaks(items: tuple[SiteItem, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for item in items:
        for name in (*item.checks, *item.same_as):
            found.setdefault(name, []).append(item.id)
    return {name: tuple(ids) for name, ids in found.items()}
