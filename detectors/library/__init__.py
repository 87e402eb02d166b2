"""The default rules of a bureau: data, with their texts in two languages, overrides by asset group and their own test series.

A file of this folder has ``rules`` (the form of the product's configuration), ``texts`` (id -> zh, en, about), ``tests`` (id ->
trips, quiet) and ``overrides`` (rule, match, set). A rule of the site with the same id replaces the shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.errors import ConfigError
from core.files import Document, build, read_yaml

Rule = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Model):
    """What a rule means and what to do, in both languages."""

    zh: str
    en: str


class Text(_Model):
    """The title of a rule in both languages, and ``about``."""

    zh: str
    en: str
    about: About


class Case(_Model):
    """A test series: sample ``values`` every ``every``, check results ``states`` (O W C U), or ``events`` with silence after them."""

    values: tuple[float, ...] = ()
    every: str = "60s"
    states: str = ""
    events: tuple[Mapping[str, Any], ...] = ()
    silent_for: str = ""


class Cases(_Model):
    """One series that trips the rule and one that does not."""

    trips: Case
    quiet: Case


class Kinds(_Model):
    """Which kinds of assets."""

    kind: tuple[str, ...]


class Override(_Model):
    """``set`` replaces keys of the threshold rule ``rule`` for assets of the kinds in ``match``."""

    rule: str
    match: Kinds
    set: Mapping[str, Any]


class _File(_Model):
    rules: tuple[Mapping[str, Any], ...]
    texts: Mapping[str, Text]
    tests: Mapping[str, Cases]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True)
class Library:
    """Everything of the folder, put together."""

    rules: tuple[Rule, ...]
    texts: Mapping[str, Text]
    tests: Mapping[str, Cases]
    overrides: tuple[Override, ...]


def load_library(folder: Path) -> Library:
    """Every ``*.yaml`` of ``folder``; raises ConfigError with file, line and key for a bad one."""
    rules: dict[str, Rule] = {}
    texts: dict[str, Text] = {}
    tests: dict[str, Cases] = {}
    overrides: list[Override] = []
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        found = build(document, _File)
        for number, rule in enumerate(found.rules):
            _check(document, found, rule, ("rules", number), rules)
            rules[rule["id"]] = dict(rule)
        for number, override in enumerate(found.overrides):
            if rules.get(override.rule, {}).get("kind") != "threshold":
                raise document.error(f"there is no threshold rule {override.rule!r} above", ("overrides", number, "rule"))
        texts |= found.texts
        tests |= found.tests
        overrides += found.overrides
    if not rules:
        raise ConfigError("holds no rules", path=folder)
    return Library(tuple(rules.values()), texts, tests, tuple(overrides))


def _check(document: Document, found: _File, rule: Mapping[str, Any], where: tuple[str | int, ...], known: Mapping[str, Rule]) -> None:
    identity = rule.get("id")
    if not isinstance(identity, str):
        raise document.error("a rule needs an id", where)
    if identity in known:
        raise document.error(f"rule {identity!r} stands in the library already", where)
    for part in ("texts", "tests"):
        if identity not in getattr(found, part):
            raise document.error(f"rule {identity!r} has no entry under {part}", where)


_SHIPPED: list[Library] = []


def library() -> Library:
    """The shipped library, read once."""
    if not _SHIPPED:
        _SHIPPED.append(load_library(Path(str(files("detectors") / "library"))))
    return _SHIPPED[0]


def default_rules() -> list[Rule]:
    """The shipped rules as plain dicts in the form of the configuration file; the caller may change them."""
    return [dict(rule) for rule in library().rules]


def texts() -> Mapping[str, Text]:
    """Titles and explanations of the shipped rules by id."""
    return library().texts
