"""Filters compiled to SQL conditions. Values are always bound; field names become quoted literals.

A field that holds a list matches when one of its elements does, as in Elasticsearch. In events, where any device decides what
type a field has, numbers and their text are the same value; in documents types count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.errors import ConfigError
from core.records import utc
from store.embedded.text import clean, millis
from store.filter import And, Exists, Filter, Match, Not, Or, Prefix, Range, Scalar, Term, Terms
from store.tokenize import phrases, tokenize

Sql = tuple[str, list[Any]]
Predicate = Callable[[str], Sql]
_NOTHING: Final[Sql] = ("0", [])
_SIGNS: Final = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table holds its fields: some as columns, the rest in the JSON column ``body``."""

    columns: Mapping[str, str]
    time_column: str
    nested: bool
    loose: bool
    words: str = ""

    def paths(self, field: str) -> Iterator[str]:
        """JSON paths, as SQL literals, at which the value of ``field`` may stand."""
        yield _literal(field)
        if self.nested and "." in field:
            yield _literal(*field.split("."))

    def within_lists(self, field: str) -> Iterator[tuple[str, str]]:
        """(path of a list, path inside its elements) for "steps.state" in {"steps": [{"state": ...}]}."""
        parts = field.split(".") if self.nested else []
        for cut in range(1, len(parts)):
            yield _literal(*parts[:cut]), _literal(*parts[cut:])

    def sort_key(self, field: str) -> str:
        """The SQL expression to sort by."""
        if field in self.columns:
            return self.columns[field]
        found = [f"json_extract(body, {path})" for path in self.paths(field)]
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


EVENTS: Final = Shape(
    columns={"@timestamp": "ts", "event.id": "eid", "event.kind": "kind", "asset.id": "asset", "message": "message"},
    time_column="ts",
    nested=False,
    loose=True,
    words="message",
)
DOCUMENTS: Final = Shape(columns={"id": "id", "@timestamp": "updated"}, time_column="updated", nested=True, loose=False)


def register(con: sqlite3.Connection) -> None:
    """Make the functions that conditions use known to a connection."""
    con.create_function("to_number", 1, _number, deterministic=True)


def compiled(where: Filter, shape: Shape) -> Sql:  # noqa: PLR0911 - one line for each kind of filter
    """The condition and its values. Raises ConfigError for what no store of ours can search."""
    match where:
        case And(parts):
            return _joined([compiled(part, shape) for part in parts], " AND ", "1")
        case Or(parts):
            return _joined([compiled(part, shape) for part in parts], " OR ", "0")
        case Not(part):
            sql, values = compiled(part, shape)
            return f"(({sql}) IS NOT TRUE)", values
        case Match(field, text, phrase) if field == shape.words:
            return _words(text, phrase)
        case Match(field, text):
            return _anywhere(field, shape, _equal(text, shape))
        case Term(field, value):
            return _anywhere(field, shape, _equal(_instant(value) if shape.columns.get(field) == shape.time_column else value, shape))
        case Terms(field, values):
            return compiled(Or(tuple(Term(field, value) for value in values)), shape)
        case Range(field):
            return _anywhere(field, shape, _between(where, shape))
        case Exists(field):
            return _anywhere(field, shape, lambda place: (f"{place} IS NOT NULL", []))
        case Prefix(field, value):
            return _anywhere(field, shape, lambda place: (f"substr({place}, 1, ?) = ?", [len(value), clean(value)]))


def _anywhere(field: str, shape: Shape, predicate: Predicate) -> Sql:
    """``predicate`` holds for the value, or one of the values, of ``field``."""
    if field in shape.columns:
        return predicate(shape.columns[field])
    found: list[Sql] = []
    for path in shape.paths(field):
        scalar, values = predicate(f"json_extract(body, {path})")
        element, more = predicate("part.value")
        some = f"EXISTS(SELECT 1 FROM json_each(body, {path}) AS part WHERE {element})"  # noqa: S608 - literals are quoted, values bound
        found.append((f"CASE json_type(body, {path}) WHEN 'array' THEN {some} WHEN 'object' THEN 0 ELSE {scalar} END", [*more, *values]))
    for outer, inner in shape.within_lists(field):
        element, values = predicate(f"json_extract(part.value, {inner})")
        some = f"EXISTS(SELECT 1 FROM json_each(body, {outer}) AS part WHERE part.type = 'object' AND {element})"  # noqa: S608
        found.append((f"(json_type(body, {outer}) = 'array' AND {some})", values))
    return _joined(found, " OR ", "0")


def _equal(value: Scalar, shape: Shape) -> Predicate:
    if isinstance(value, str):
        text = clean(value)
        columns = frozenset(shape.columns.values())
        return lambda place: (f"CAST({place} AS TEXT) = ?" if shape.loose and place not in columns else f"{place} = ?", [text])
    bound = _bindable(value)
    if shape.loose and not isinstance(value, bool):
        return lambda place: (f"{place} IN (?, ?)", [bound, str(value)])
    return lambda place: (f"{place} = ?", [bound])


def _between(where: Range, shape: Shape) -> Predicate:
    limits: Mapping[str, float | str] = where.to_dict()["range"][where.field]

    def holds(place: str) -> Sql:
        tests, values = [f"{place} IS NOT NULL"], []
        for name, limit in limits.items():
            value = _bindable(_instant(limit)) if place == shape.time_column else _bindable(limit)
            tests.append(_compare(place, _SIGNS[name], value, shape))
            values.append(value)
        return "(" + " AND ".join(tests) + ")", values

    return holds


def _compare(place: str, sign: str, value: Any, shape: Shape) -> str:
    if place == shape.time_column:
        return f"{place} {sign} ?"
    if isinstance(value, str):
        return f"typeof({place}) = 'text' AND {place} {sign} ?"
    return f"to_number({place}) {sign} ?" if shape.loose else f"typeof({place}) <> 'text' AND {place} {sign} ?"


def _words(text: str, phrase: bool) -> Sql:
    groups = [tokenize(text)] if phrase else list(phrases(text))
    query = " AND ".join(f'"{" ".join(group)}"' for group in groups if group)
    return ("id IN (SELECT rowid FROM event_ft WHERE event_ft MATCH ?)", [query]) if query else _NOTHING


def _joined(parts: list[Sql], by: str, empty: str) -> Sql:
    if not parts:
        return empty, []
    if len(parts) == 1:
        return parts[0]
    return "(" + by.join(sql for sql, _ in parts) + ")", [value for _, values in parts for value in values]


def _literal(*keys: str) -> str:
    """A JSON path as an SQL literal."""
    if any('"' in key or "\0" in key for key in keys):
        raise ConfigError(f"no field is called {'.'.join(keys)!r}")
    path = clean("$" + "".join(f'."{key}"' for key in keys))
    return "'" + path.replace("'", "''") + "'"


def _instant(value: Scalar) -> float:
    """Milliseconds from a number or an ISO 8601 text."""
    if not isinstance(value, str):
        return value
    try:
        return millis(utc(datetime.fromisoformat(value)))
    except ValueError as err:
        raise ConfigError(f"{value!r} is no time; write for instance 2026-11-25T08:00:00+00:00") from err


def _bindable(value: Any) -> Any:
    """SQLite's integers end at 63 bits; texts hold no lone surrogates."""
    if isinstance(value, str):
        return clean(value)
    return float(value) if isinstance(value, int) and abs(value) >= 1 << 63 else value


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
