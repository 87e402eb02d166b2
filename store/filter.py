"""Filters over events and documents: small values whose ``to_dict`` is literally a subset of Query DSL.

The embedded store compiles the same objects to SQL, Elasticsearch gets them as they are. Field names are
flat ECS names ("source.ip"); "@timestamp", "event.id", "event.kind", "asset.id" and "message" name the parts
of an Event itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigError

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Term:
    """``field`` is exactly ``value``."""

    field: str
    value: Scalar

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"term": {self.field: self.value}}


@dataclass(frozen=True, slots=True)
class Terms:
    """``field`` is one of ``values``."""

    field: str
    values: tuple[Scalar, ...]

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"terms": {self.field: list(self.values)}}


@dataclass(frozen=True, slots=True)
class Range:
    """``field`` lies between the given limits; a limit that is None is open."""

    field: str
    gte: float | str | None = None
    gt: float | str | None = None
    lte: float | str | None = None
    lt: float | str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        limits = {"gte": self.gte, "gt": self.gt, "lte": self.lte, "lt": self.lt}
        return {"range": {self.field: {k: v for k, v in limits.items() if v is not None}}}


@dataclass(frozen=True, slots=True)
class Exists:
    """``field`` has a value."""

    field: str

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"exists": {"field": self.field}}


@dataclass(frozen=True, slots=True)
class Prefix:
    """``field`` begins with ``value``."""

    field: str
    value: str

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"prefix": {self.field: self.value}}


@dataclass(frozen=True, slots=True)
class Match:
    """The words of ``text`` stand in ``field`` (all of them); with ``phrase`` in this order, side by side.

    A run of Chinese characters is always matched as a phrase, one token a character.
    """

    field: str
    text: str
    phrase: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        if self.phrase:
            return {"match_phrase": {self.field: self.text}}
        return {"match": {self.field: {"query": self.text, "operator": "and"}}}


@dataclass(frozen=True, slots=True)
class And:
    """All of ``parts`` (none: everything)."""

    parts: tuple[Filter, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"bool": {"filter": [part.to_dict() for part in self.parts]}}


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of ``parts`` (none: nothing)."""

    parts: tuple[Filter, ...]

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"bool": {"should": [part.to_dict() for part in self.parts], "minimum_should_match": 1}}


@dataclass(frozen=True, slots=True)
class Not:
    """Not ``part``."""

    part: Filter

    def to_dict(self) -> dict[str, Any]:
        """Query DSL."""
        return {"bool": {"must_not": [self.part.to_dict()]}}


Filter = Term | Terms | Range | Exists | Prefix | Match | And | Or | Not
EVERYTHING = And()


def of_asset(asset: str) -> Filter:
    """Documents of an asset whose ids begin with it: a range of ids, which every store finds without looking at the others."""
    return And((Range("id", gte=f"{asset}/", lt=f"{asset}0"), Term("asset", asset)))  # "0" is the character after "/"


def from_dict(query: Mapping[str, Any]) -> Filter:
    """The filter that ``to_dict`` wrote; raises ConfigError on anything else."""
    if len(query) != 1:
        raise ConfigError("a filter is one mapping with one key")
    kind, body = next(iter(query.items()))
    try:
        return _READERS[kind](body)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        raise ConfigError(f"{kind!r} is not a filter that this store understands, or is written wrongly") from None


def _pair(body: Mapping[str, Any]) -> tuple[str, Any]:
    (pair,) = body.items()
    return pair


def _terms(body: Mapping[str, Any]) -> Filter:
    field, values = _pair(body)
    return Terms(field, tuple(values))


def _range(body: Mapping[str, Any]) -> Filter:
    field, limits = _pair(body)
    return Range(field, **limits)


def _match(body: Mapping[str, Any]) -> Filter:
    field, text = _pair(body)
    return Match(field, text["query"] if isinstance(text, Mapping) else text)


def _bool(body: Mapping[str, Any]) -> Filter:
    parts: list[Filter] = []
    for key in body:
        if key == "filter":
            parts += [from_dict(part) for part in body[key]]
        elif key == "must_not":
            parts += [Not(from_dict(part)) for part in body[key]]
        elif key == "should":
            parts.append(Or(tuple(from_dict(part) for part in body[key])))
        elif key != "minimum_should_match":
            raise KeyError(key)
    return parts[0] if len(parts) == 1 and "filter" not in body else And(tuple(parts))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Filter]] = {
    "term": lambda body: Term(*_pair(body)),
    "terms": _terms,
    "range": _range,
    "exists": lambda body: Exists(body["field"]),
    "prefix": lambda body: Prefix(*_pair(body)),
    "match": _match,
    "match_phrase": lambda body: Match(*_pair(body), phrase=True),
    "bool": _bool,
}
