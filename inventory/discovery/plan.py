"""What a site searches and what it does with what is found: ``discovery.yaml`` in the site folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.clock import seconds
from core.errors import ConfigError
from core.files import build, read_yaml
from inventory.asset import Asset
from inventory.discovery.candidate import Candidate
from inventory.discovery.ranges import Range, is_allowed, parse_range

FILE: Final = "discovery.yaml"
PORTS: Final = (22, 23, 80, 443, 8080, 8443)
LEAST_PAUSE_S: Final = 300.0


class Search(BaseModel):
    """One search: address ranges, or seeds (addresses or asset ids) from which neighbours and address tables lead on for ``hops``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=80)
    ranges: tuple[str, ...] = Field(default=(), max_length=200)
    seeds: tuple[str, ...] = Field(default=(), max_length=200)
    hops: int = Field(default=2, ge=0, le=10)
    credentials: tuple[str, ...] = Field(default=(), max_length=20)
    snmp_ports: tuple[int, ...] = Field(default=(161,), max_length=8)
    ports: tuple[int, ...] = Field(default=PORTS, max_length=64)
    every: str = ""

    @field_validator("snmp_ports", "ports")
    @classmethod
    def _is_port(cls, ports: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= port <= 65535 for port in ports):
            raise ValueError("a port is a number from 1 to 65535")
        return tuple(dict.fromkeys(ports))

    @field_validator("ranges")
    @classmethod
    def _is_range(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                parse_range(text)
            except ConfigError as err:
                raise ValueError(err.message) from None
        return texts

    @field_validator("every")
    @classmethod
    def _is_pause(cls, text: str) -> str:
        if text and seconds(text) < LEAST_PAUSE_S:
            raise ValueError("at least five minutes lie between two searches; write for instance 24h")
        return text

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Search:
        if not self.ranges and not self.seeds:
            raise ValueError("a search needs ranges or seeds")
        return self

    @property
    def every_s(self) -> float:
        """Seconds between two searches, 0 when it is only done by hand."""
        return seconds(self.every) if self.every else 0.0


class When(BaseModel):
    """What a candidate must be for a rule: every given part must hold; text parts are compared without case, lists mean any of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: tuple[str, ...] = ()
    vendor: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    answers: Literal["", "snmp", "ssh", "http"] = ""
    confidence: float = Field(default=0.0, ge=0, le=1)

    @field_validator("kind", "vendor", "model", "name", "ranges", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("ranges")
    @classmethod
    def _is_range(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return Search._is_range(texts)  # noqa: SLF001 - the same question of the same file


class Rule(BaseModel):
    """What is done with new candidates by itself: taken in with these values, or set aside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    when: When
    take_in: Mapping[str, Any] | None = None
    ignore: bool = False

    @model_validator(mode="after")
    def _does_one_thing(self) -> Rule:
        if self.ignore == (self.take_in is not None):
            raise ValueError("a rule either takes in (take_in: {...}) or sets aside (ignore: true)")
        if unknown := set(self.take_in or ()) - SETTABLE:
            raise ValueError(f"take_in cannot set {min(unknown)!r}; it may set {', '.join(sorted(SETTABLE))}")
        return self


SETTABLE: Final = frozenset({"kind", "site", "room", "owner", "business", "importance", "level", "tags", "reached_by", "interval"})


class Plan(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    searches: tuple[Search, ...] = ()
    rules: tuple[Rule, ...] = ()


def read_plan(folder: Path) -> Plan:
    """The site's plan, an empty one without the file; raises ConfigError with file, line and key."""
    path = folder / FILE
    if not path.exists():
        return Plan()
    document = read_yaml(path)
    if document.data is None:
        return Plan()
    plan = build(document, Plan)
    for part, entries in (("searches", plan.searches), ("rules", plan.rules)):
        _refuse_twins(document, part, [entry.name for entry in entries])
    for number, search in enumerate(plan.searches):
        if not search.name:
            raise document.error("a search of the site folder needs a name", ("searches", number))
    for number, rule in enumerate(plan.rules):
        try:
            Asset.model_validate({"id": "x", **(rule.take_in or {})})
        except ValueError:
            raise document.error("these values make no valid asset", ("rules", number, "take_in")) from None
    return plan


def _refuse_twins(document: Any, part: str, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise document.error(f"the name {name!r} stands twice", (part, number))


def rule_for(candidate: Candidate, rules: Sequence[Rule]) -> Rule | None:
    """The first rule that holds for a candidate; none for one in conflict, which people have to look at."""
    if candidate.conflicts:
        return None
    return next((rule for rule in rules if holds(rule.when, candidate)), None)


def holds(when: When, candidate: Candidate) -> bool:
    """Whether a candidate is what a rule asks for."""
    who = candidate.guess
    if who.confidence < when.confidence:
        return False
    if any(wanted and not _among(getattr(who, field), wanted) for field, wanted in (("kind", when.kind), ("vendor", when.vendor))):
        return False
    if any(wanted and not _begins(getattr(who, field), wanted) for field, wanted in (("model", when.model), ("name", when.name))):
        return False
    spans: list[Range] = [parse_range(text) for text in when.ranges]
    if spans and not any(is_allowed(address, spans) for address in candidate.addresses):
        return False
    return not when.answers or any(way == "snmp" if when.answers == "snmp" else way.startswith(when.answers) for one in candidate.sightings for way in one.ways)


def _among(value: str, wanted: Sequence[str]) -> bool:
    return value.lower() in {one.lower() for one in wanted}


def _begins(value: str, wanted: Sequence[str]) -> bool:
    return value.lower().startswith(tuple(one.lower() for one in wanted))
