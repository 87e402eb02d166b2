"""Device knowledge as data: what a profile file may say, read and checked.

A file of ``profiles/`` holds one or more YAML documents, each a profile. An OID that begins with a dot is relative to
the ``base`` of its profile. See ``docs/snmp.md`` for how to write one.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from collectors.network.snmp.oid import arcs, clean, inside
from collectors.network.snmp.reading import UNITS, Kind, Status
from core.errors import ConfigError
from core.files import Document, build, parse_yaml, read_text

FOLDER = Path(__file__).parent / "profiles"
ALIASES = ("entity", "interface", "index")
OWN = "@"
"""An OID that begins so is relative to the sysObjectID of the device: some vendors give each model the same tree in another place."""


def _absolute(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("an OID is a text such as 1.3.6.1.2.1.1.5.0, in quotes when it has one dot only")
    base = _BASE.get()
    if value.startswith(OWN):
        return OWN + "." + clean(value[1:])
    return clean(base + value if value.startswith(".") else value)


_BASE: ContextVar[str] = ContextVar("base", default="")
"""The base of the profile that is being validated; pydantic offers validators no other way to see it from a nested model."""

Oid = Annotated[str, BeforeValidator(_absolute)]


def _regex(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a regular expression is a text")
    try:
        return re.compile(value, re.IGNORECASE | re.DOTALL)
    except re.error as err:
        raise ValueError(f"is no regular expression: {err}") from err


Regex = Annotated[re.Pattern[str], BeforeValidator(_regex)]


def _many(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _words(value: Any) -> Any:
    return [str(item) for item in _many(value)]


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Oids = Annotated[tuple[Oid, ...], BeforeValidator(_many)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Name(_Model):
    """Where a word of a text comes from: a column (or ``entity``, ``interface``), looked up by the row's index or a part of it."""

    oid: str
    part: str = ""
    via: Oid | None = None
    map: Mapping[str, str] = {}

    @field_validator("oid", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        return value if value in ALIASES else _absolute(value)

    @field_validator("part", mode="before")
    @classmethod
    def _slice(cls, value: Any) -> Any:
        if not re.fullmatch(r"-?\d+|-?\d*:-?\d*|", str(value)):
            raise ValueError("a part is an index or a slice such as 0, -1, 1: or 0:2")
        return str(value)

    @field_validator("map", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {str(key): str(word) for key, word in value.items()} if isinstance(value, dict) else value


def _name(value: Any) -> Any:
    return {"oid": value} if isinstance(value, str) else value


Names = Mapping[str, Annotated[Name, BeforeValidator(_name)]]

Transform = Literal[
    "", "signed16", "signed32", "dbm_of_mw", "dbm_of_uw", "dbm_of_tenth_uw", "fahrenheit", "fahrenheit_tenths", "kelvin_tenths", "clock", "hex", "float32",
    "inverse", "first_number", "last_number",
]  # fmt: skip


class Row(_Model):
    """What every kind of row says: where the value stands, what it is called, which rows count."""

    value: Oid
    descr: str = ""
    names: Names = {}
    only: Mapping[str, Words] = {}
    unless: Mapping[str, Words] = {}
    like: Mapping[str, Regex] = {}
    skip: tuple[float, ...] = ()
    rows: Regex | None = None
    absent: Oid | None = None

    @field_validator("skip", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return _many(value)

    @model_validator(mode="after")
    def _names_known(self) -> Row:
        for name in (*self.only, *self.unless, *self.like):
            if name not in self.names:
                raise ValueError(f"{name!r} stands in no names")
        for name in re.findall(r"\{(\w+)", self.descr):
            if name not in self.names and name not in ("index", "entity", "interface", "value"):
                raise ValueError(f"{{{name}}} stands in no names")
        return self


class Measured(Row):
    """A number: scaled, kept when it lies between ``least`` and ``most``."""

    scale: float = 1.0
    offset: float = 0.0
    transform: Transform = ""
    least: float | None = None
    most: float | None = None
    decimals: str = ""
    exponent: str = ""
    factor: str = ""


class SensorRow(Measured):
    """A sensor of one class, or of the class that the column ``by`` says."""

    cls: str = Field(default="", alias="class")
    by: str = ""
    classes: Mapping[str, Any] = {}
    low: Oid | None = None
    high: Oid | None = None

    @field_validator("cls")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and value not in UNITS:
            raise ValueError(f"no class of sensor is called {value!r}; there are: {', '.join(UNITS)}")
        return value

    @field_validator("classes", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """``{raw: class}`` or ``{raw: [class, scale]}``."""
        result: dict[str, tuple[str, float]] = {}
        for raw, what in dict(value).items():
            name, scale = (what[0], float(what[1])) if isinstance(what, list | tuple) else (what, 1.0)
            if name not in UNITS:
                raise ValueError(f"no class of sensor is called {name!r}")
            result[str(raw)] = (name, scale)
        return result

    @model_validator(mode="after")
    def _one_class(self) -> SensorRow:
        if bool(self.cls) == bool(self.by):
            raise ValueError("give either class, or by and classes")
        for name in filter(None, (self.by, self.decimals, self.exponent, self.factor)):
            if name not in self.names:
                raise ValueError(f"{name!r} stands in no names")
        return self


def _meanings(value: Any) -> Any:
    """``{ok: [1, 2], critical: 3}`` as raw value to status."""
    if not isinstance(value, dict):
        raise ValueError("give the raw values of each status, for instance {ok: [1, 2], critical: 3}")
    result: dict[int, str] = {}
    for status, raws in value.items():
        for raw in _many(raws):
            if raw in result:
                raise ValueError(f"the raw value {raw} stands twice")
            result[raw] = status
    return result


class StateRow(Row):
    """A state: what each raw value means; ``texts`` gives a number to states that the device says in words."""

    map: Annotated[Mapping[int, Status], BeforeValidator(_meanings)]
    texts: Mapping[str, int] = {}


class ProcessorRow(Measured):
    """The use of a processor in percent (``transform: inverse`` when the device counts idling)."""


class PoolRow(_Model):
    """A memory or a file system, of two of total, used and free, or of usage alone."""

    kind: Kind = "system"
    descr: str = "Memory"
    names: Names = {}
    total: Oid | None = None
    used: Oid | None = None
    free: Oid | None = None
    usage: Oid | None = None
    scale: float = 1.0
    unit: Oid | None = None
    inverse: bool = False
    usage_scale: float = 1.0
    total_scale: float | None = None
    only: Mapping[str, Words] = {}
    unless: Mapping[str, Words] = {}

    @model_validator(mode="after")
    def _enough(self) -> PoolRow:
        if not self.usage and sum(bool(oid) for oid in (self.total, self.used, self.free)) < 2:
            raise ValueError("give usage, or two of total, used and free")
        return self


class PartRow(_Model):
    """Parts that stand in a vendor's own table."""

    cls: str = Field(alias="class")
    value: Oid
    descr: str = ""
    names: Names = {}
    model: Oid | None = None
    serial: Oid | None = None


Radio = Literal[
    "clients", "access_point.up", "channel", "channel.utilization", "interference", "noise", "rogues", "associations.failed", "roams",
]  # fmt: skip
"""What a wireless controller or access point tells; see ``core/metrics/wireless.yaml``."""


class WirelessRow(Measured):
    """A figure of wireless: rows with the same labels are added up. ``up`` are the raw values that mean so, ``count`` counts rows."""

    what: Radio
    labels: Mapping[Literal["access_point", "radio", "ssid"], str] = {}
    up: tuple[int, ...] = ()
    count: bool = False

    @model_validator(mode="after")
    def _labels_known(self) -> WirelessRow:
        for name in re.findall(r"\{(\w+)", " ".join(self.labels.values())):
            if name not in self.names and name not in ("index", "interface"):
                raise ValueError(f"{{{name}}} stands in no names")
        if bool(self.up) != (self.what == "access_point.up"):
            raise ValueError("up belongs to access_point.up, and is needed there")
        return self


class Source(_Model):
    """One place where a fact of the identity may stand; the first place that gives something wins."""

    get: Oid | None = None
    first: Oid | None = None
    sysdescr: Regex | None = None
    objectid: Mapping[str, str] = {}
    entity: Literal["", "model", "serial", "name", "descr", "software", "firmware"] = ""
    text: str = ""
    format: str = ""
    names: Names = {}
    regex: Regex | None = None
    values: Mapping[str, str] = {}


def _source(value: Any) -> Any:
    if isinstance(value, str):
        return {"get" if value.endswith(".0") else "first": value} if re.fullmatch(r"[.@]?\.?\d+(\.\d+)+", value) else {"text": value}
    return value


def _sources(value: Any) -> Any:
    return [_source(item) for item in _many(value)]


Sources = Annotated[tuple[Source, ...], BeforeValidator(_sources)]


class Match(_Model):
    """When a profile holds: every condition given must be true."""

    oid: Oids = ()
    sysdescr: Regex | None = None
    not_sysdescr: Regex | None = None
    answers: Oid | None = None
    tree: Oids = ()


class Profile(_Model):
    """What is known of one kind of device."""

    name: str
    match: Annotated[tuple[Match, ...], BeforeValidator(_many)] = ()
    inherit: Words = ()
    base: str = ""
    vendor: Sources = ()
    os: Sources = ()
    model: Sources = ()
    version: Sources = ()
    serial: Sources = ()
    reads: Annotated[tuple[Regex, ...], BeforeValidator(_many)] = ()
    processors: tuple[ProcessorRow, ...] = ()
    memory: tuple[PoolRow, ...] = ()
    storage: tuple[PoolRow, ...] = ()
    sensors: tuple[SensorRow, ...] = ()
    states: tuple[StateRow, ...] = ()
    inventory: tuple[PartRow, ...] = ()
    wireless: tuple[WirelessRow, ...] = ()
    without: tuple[Literal["processors", "memory", "storage", "sensors", "inventory"], ...] = ()
    rank: int = 0


def _build(document: Document) -> Profile:
    base = document.data.get("base", "") if isinstance(document.data, dict) else ""
    token = _BASE.set(base if isinstance(base, str) else "")
    try:
        return build(document, Profile)
    finally:
        _BASE.reset(token)


def read_profiles(paths: Iterable[Path]) -> tuple[Profile, ...]:
    """The profiles of some files with what they inherit; raises ConfigError with file, line and key."""
    found: dict[str, tuple[Profile, Document]] = {}
    for path in paths:
        for document in parse_yaml(read_text(path), path):
            profile = _build(document)
            if profile.name in found:
                raise document.error(f"a profile {profile.name!r} is in {found[profile.name][1].path} already", ("name",))
            found[profile.name] = profile, document
    return tuple(_merged(name, found, ()) for name in found)


_LISTS = ("model", "version", "serial", "vendor", "os", "reads", "processors", "memory", "storage", "sensors", "states", "inventory", "wireless", "without")


def _merged(name: str, found: Mapping[str, tuple[Profile, Document]], chain: tuple[str, ...]) -> Profile:
    profile, document = found[name]
    for number, parent in enumerate(profile.inherit):
        if parent in (*chain, name):
            raise document.error(f"inherits from itself: {' -> '.join((*chain, name, parent))}", ("inherit", number))
        if parent not in found:
            raise document.error(f"no profile is called {parent!r}", ("inherit", number))
        other = _merged(parent, found, (*chain, name))
        profile = profile.model_copy(update={part: (*getattr(profile, part), *getattr(other, part)) for part in _LISTS})
    return profile


_ONE_READS = threading.Lock()


def standard_profiles() -> tuple[Profile, ...]:
    """The profiles that come with the product; read once, however many threads ask at the start."""
    with _ONE_READS:
        return _standard()


@functools.cache
def _standard() -> tuple[Profile, ...]:
    return read_profiles(sorted(FOLDER.glob("*.yaml")))


def read_folder(folder: Path) -> tuple[tuple[Profile, ...], tuple[ConfigError, ...]]:
    """The profiles of a site, file by file, and what is wrong with those that cannot be used."""
    profiles: list[Profile] = []
    errors: list[ConfigError] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            profiles.extend(read_profiles([path]))
        except ConfigError as err:
            errors.append(err)
    return tuple(profiles), tuple(errors)


_SITE: list[tuple[Profile, ...]] = [()]


def use_site_profiles(folder: Path) -> tuple[ConfigError, ...]:
    """Poll with the profiles of ``folder`` before the product's from now on; returns what is wrong with single files."""
    profiles, errors = read_folder(folder)
    _SITE[0] = profiles
    return errors


def profiles_in_force() -> tuple[Profile, ...]:
    """The site's profiles, then those of the product."""
    return (*_SITE[0], *standard_profiles())


def specificity(match: Match, objectid: str) -> int:
    """How narrow a match is: the length of the OID that fits, and more for words of sysDescr or a tree of the maker's own."""
    lengths = [len(arcs(oid)) for oid in match.oid if inside(objectid, oid)]
    return max(lengths, default=0) + (20 if match.sysdescr else 0) + (1 if match.answers else 0) + (40 if match.tree else 0)
