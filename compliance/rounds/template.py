"""Templates of inspection rounds, read from YAML: shipped ones and those of the site folder ``rounds/`` (one file, one template)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from compliance.check import Text
from core.errors import ConfigError
from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).with_name("templates")
MANY: Final = 200


class Every(StrEnum):
    """How often a round is walked."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


SPAN: Final = {
    Every.DAY: timedelta(days=1),
    Every.WEEK: timedelta(days=7),
    Every.MONTH: timedelta(days=31),
    Every.QUARTER: timedelta(days=92),
    Every.YEAR: timedelta(days=366),
}


class Model(BaseModel):
    """Frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(Model):
    """What a number may be; both ends belong to it."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is in order; NaN never is."""
        return not math.isnan(value) and (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Reading(Range):
    """What telemetry tells of an item: the newest values of ``metric``, or verdicts of ``checks``; ``kinds`` of assets narrow it (none: all)."""

    metric: str = ""
    checks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    age_minutes: float = Field(default=60, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> Reading:
        if bool(self.metric) == bool(self.checks):
            raise ValueError("a reading is of a metric or of checks, one of the two")
        if self.metric and self.least is None and self.most is None:
            raise ValueError("a metric needs least or most, or nothing could ever deviate")
        return self


class Item(Model):
    """One thing to look at. ``form`` is what a person fills in: a look (in order or not), a number within ``range``, or a text.

    ``photo``: what a person says of it needs one.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    form: Literal["look", "number", "text"] = "look"
    unit: str = ""
    range: Range = Range()
    read: Reading | None = None
    photo: bool = False
    severity: Literal["info", "warning", "high", "critical"] = "warning"

    @model_validator(mode="after")
    def _range_of_number(self) -> Item:
        if self.form != "number" and self.range != Range():
            raise ValueError("a range belongs to an item with form: number")
        return self


class Template(Model):
    """A round: who walks it how often, and its items in the order of the way."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    title: Text
    every: Every
    items: tuple[Item, ...] = Field(min_length=1, max_length=MANY)

    @model_validator(mode="after")
    def _ids_once(self) -> Template:
        ids = [item.id for item in self.items]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"the item {twice[0]!r} stands twice")
        return self


def load_templates(folders: Iterable[Path] = (SHIPPED,)) -> tuple[dict[str, Template], list[ConfigError]]:
    """Templates by id, and what is wrong; a later folder replaces a template of the same id, a broken file leaves the others."""
    found: dict[str, Template] = {}
    problems: list[ConfigError] = []
    for folder in folders:
        for path in _files(folder):
            try:
                one = build(read_yaml(path), Template)
            except ConfigError as err:
                problems.append(err)
                continue
            found[one.id] = one
    return dict(sorted(found.items(), key=lambda pair: (list(Every).index(pair[1].every), pair[0]))), problems


def _files(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.yaml")) if folder.is_dir() else ()
