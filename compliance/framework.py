"""Framework: the requirement items of a standard as data, and which of them a grade asks for.

frameworks/mlps-2019.yaml holds GB/T 22239-2019 (levels 1-4, general and extensions) with the units of GB/T 28448-2019.
A grade SxAyGz takes the S items at level x, the A items at level y, the G items and every extension at level max(x, y)
(annex A of the standard).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import ConfigDict

from compliance.check import Model, Text
from compliance.variants import spread
from core.errors import ConfigError
from core.files import build, read_yaml

Method = Literal["auto", "partial", "manual"]
Weight = Literal["一般", "重要", "关键"]
SHIPPED = Path(__file__).parent / "frameworks" / "mlps-2019.yaml"
MLPS = "mlps"
TECHNICAL = ("安全物理环境", "安全通信网络", "安全区域边界", "安全计算环境", "安全管理中心")


class Speaking(Protocol):
    """What results need to know of a check: a ``Check`` of today, or what one said of itself on a past day."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def items(self) -> tuple[str, ...]:
        """The items of GB/T 22239 that it speaks for."""

    @property
    def decides(self) -> bool:
        """Whether a pass settles them without an officer."""

    @property
    def catalogue(self) -> tuple[str, ...]:
        """The drafted checks that it covers."""


class Layer(Model):
    """One of the ten layers, in the order of the standard."""

    code: str
    zh: str
    en: str


class Item(Model):
    """One requirement. ``auto`` says whether telemetry decides, only gives evidence, or cannot tell."""

    id: str
    scope: str
    layer: str
    control_point: str
    control_point_en: str
    attribute: Literal["S", "A", "G"]
    levels: tuple[int, ...]
    clauses: Mapping[str, str]
    units: Mapping[str, str]
    zh: str
    en: str
    auto: Method
    evidence_sources: tuple[str, ...] = ()
    test_objects: tuple[str, ...] = ()
    test_methods: tuple[str, ...] = ()
    test_steps: int | None = None
    checks: tuple[str, ...] = ()
    importance: Weight | None = None
    importance_hint: str | None = None
    basis: Mapping[str, str] = {}
    verified: bool = False
    variant_of: str | None = None
    optional: bool = False
    unit_inferred_levels: tuple[int, ...] = ()
    unit_verified: bool = True
    high_risk_2025: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_technical(self) -> bool:
        """Technical items and management items are scored apart."""
        return self.layer in TECHNICAL

    @property
    def question(self) -> Text:
        """What a person is asked where telemetry does not decide."""
        how = [_METHODS[name] for name in self.test_methods if name in _METHODS]
        zh = f"请核实并附证据：{self.zh}" + (f"（方法：{'、'.join(text.zh for text in how)}）" if how else "")
        return Text(zh=zh, en=f"Verify and attach evidence: {self.en}" + (f" (by {', '.join(text.en for text in how)})" if how else ""))


_METHODS: Mapping[str, Text] = {
    "examine": Text(zh="核查", en="examination"),
    "interview": Text(zh="访谈", en="interview"),
    "test": Text(zh="测试", en="test"),
}


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, for instance S3A3; ``extensions`` are of cloud, mobile, iot, ics."""

    s: int
    a: int
    extensions: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """The level of the whole object."""
        return max(self.s, self.a)

    def level_of(self, item: Item) -> int:
        """At which level the item is asked."""
        return self.level if item.scope != "general" or item.attribute == "G" else self.s if item.attribute == "S" else self.a


def grade_of(text: str | int) -> Grade:
    """S3A2, S3A2G3 or 3 as a grade; raises ConfigError."""
    if isinstance(text, int) or text.isdigit():
        level = int(text)
        found = re.fullmatch(r"S([1-4])A([1-4])", f"S{level}A{level}")
    else:
        found = re.fullmatch(r"S([1-4])A([1-4])(?:G[1-4])?", text.strip().upper())
    if not found:
        raise ConfigError(f"{text!r} is no grade; write for instance S3A3 or 3")
    return Grade(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Framework:
    """A standard: its layers in order, its items, and the drafted checks of the catalogue by id (platform).

    Versions of one standard share their ``family``; the one in force on the day of the report is used. ``speaks`` (of a site's framework
    alone) says which of its items a check, or an item of GB/T 22239, speaks for.
    """

    id: str
    name: Text
    standard: str
    layers: tuple[Layer, ...]
    items: tuple[Item, ...]
    drafts: Mapping[str, str]
    cases: tuple[Case, ...] = ()
    cases_from: date = date.min
    family: str = MLPS
    valid_from: date = date.min
    valid_to: date | None = None
    speaks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_mlps(self) -> bool:
        """Whether grades, cases and schemes of graded protection apply."""
        return self.family == MLPS

    def cases_at(self, day: date) -> tuple[Case, ...]:
        """The cases of the high-risk guide that was in force on a day."""
        return self.cases if day >= self.cases_from else ()

    def own(self, check: str, items: Iterable[str]) -> tuple[str, ...]:
        """The items of this framework that a check speaks for which names ``items`` of GB/T 22239."""
        if self.is_mlps:
            return spread(check, tuple(items))
        return tuple(dict.fromkeys(name for key in (check, *items) for name in self.speaks.get(key, ())))

    def applicable(self, grade: Grade) -> tuple[Item, ...]:
        """The items that the grade asks for, in the order of the standard."""
        scopes = {"general", *grade.extensions}
        return tuple(item for item in self.items if item.scope in scopes and grade.level_of(item) in item.levels)

    def unmet_drafts(self, item: Item, checks: Iterable[Speaking]) -> frozenset[str]:
        """Drafted checks of an item, those for other platforms aside, that no check covers yet; then a person has the last word."""
        covered = {draft for check in checks if item.id in self.own(check.id, check.items) for draft in check.catalogue}
        return frozenset(draft for draft in item.checks if self.drafts.get(draft) not in _OTHER_PLATFORMS and draft not in covered)


_DATABASES_AND_SERVERS = ("windows", "mysql", "postgresql", "redis", "nginx", "tomcat", "application")
_DEVICES = ("huawei_vrp", "h3c_comware", "cisco_ios", "network", "netmiko", "snmp", "cloud")
_OTHER_PLATFORMS = frozenset((*_DATABASES_AND_SERVERS, *_DEVICES))


class Case(Model):
    """One case of the high-risk guide of 2025: from which level, for whom, and whether measures may lower the risk."""

    no: int
    case: str
    title: str
    title_en: str
    from_level: int
    upward: bool
    applies_to: str
    mitigation: Literal["possible", "partial", "none"]
    items: tuple[str, ...]

    def asked_at(self, level: int) -> bool:
        """Whether the case speaks about objects of this level."""
        return level >= self.from_level if self.upward else level == self.from_level


class Meta(Model):
    """The head of a framework file; what else stands there is for readers."""

    model_config = ConfigDict(frozen=True, extra="allow")

    standard: str
    name: Text
    family: str
    valid_from: date
    valid_to: date | None = None
    high_risk_from: date


class _File(Model):
    meta: Meta
    sources: Mapping[str, Any] = {}
    counts: Mapping[str, Any] = {}
    scoring: Mapping[str, Any] = {}
    layers: tuple[Layer, ...]
    items: tuple[Item, ...]
    checks: tuple[Mapping[str, Any], ...] = ()
    high_risk_2025: tuple[Case, ...] = ()
    legacy_2008: Any = None


@lru_cache(maxsize=4)
def load_framework(path: Path = SHIPPED) -> Framework:
    """A framework file; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    found = build(_texts_as_keys(document), _File)
    ids = [item.id for item in found.items]
    if len(set(ids)) != len(ids):
        twice = next(name for number, name in enumerate(ids) if name in ids[:number])
        raise document.error(f"the item {twice} stands twice", ("items",))
    known = {layer.zh for layer in found.layers}
    for number, item in enumerate(found.items):
        if item.layer not in known:
            raise document.error(f"{item.layer} is no layer of this framework", ("items", number, "layer"))
    drafts = {str(check["id"]): str(check.get("platform", "")) for check in found.checks}
    head = found.meta
    return Framework(
        id=path.stem,
        name=head.name,
        standard=head.standard,
        layers=found.layers,
        items=found.items,
        drafts=drafts,
        cases=found.high_risk_2025,
        cases_from=head.high_risk_from,
        family=head.family,
        valid_from=head.valid_from,
        valid_to=head.valid_to,
    )


def _texts_as_keys(document: Any) -> Any:
    """Levels are numbers in the file; mappings from level to clause get text keys so that they are JSON."""
    if not isinstance(document.data, dict) or not isinstance(document.data.get("items"), list):
        raise document.error("is no framework; it has meta, layers and items")
    for item in document.data["items"]:
        for name in ("clauses", "units", "basis"):
            if isinstance(item, dict) and isinstance(item.get(name), dict):
                item[name] = {str(level): str(text) for level, text in item[name].items()}
    return document
