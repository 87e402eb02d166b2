"""Filters as Query DSL for the two ways of indexing: events (ECS fields as they are) and documents (encoded terms)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from store.base import Selector
from store.elastic.encode import term_of
from store.filter import And, Exists, Filter, Match, Not, Or, Prefix, Range, Scalar, Term, Terms
from store.tokenize import phrases

Json = dict[str, Any]
_DOCUMENT_FIELDS = {"id": "doc_id", "@timestamp": "changed"}
_HIGHEST = {"n": "n~", "s": "s\U0010ffff"}


def event_query(where: Filter) -> Json:
    """Query DSL over events."""
    return _walk(where, _event_leaf)


def document_query(where: Filter) -> Json:
    """Query DSL over documents of whatever body."""
    return _walk(where, _document_leaf)


def _walk(where: Filter, leaf: Callable[[Filter], Json]) -> Json:
    match where:
        case And(parts):
            return {"bool": {"filter": [_walk(part, leaf) for part in parts]}} if parts else {"match_all": {}}
        case Or(parts):
            return {"bool": {"should": [_walk(part, leaf) for part in parts], "minimum_should_match": 1}} if parts else {"match_none": {}}
        case Not(part):
            return {"bool": {"must_not": [_walk(part, leaf)]}}
        case _:
            return leaf(where)


def field_name(field: str) -> str:
    """The indexed field for exact values: ``message`` is text, its exact form stands beside it."""
    return "message.exact" if field == "message" else field


def _event_leaf(where: Filter) -> Json:
    match where:
        case Term(field, value):
            return _either([_event_value(field, value)])
        case Terms(field, values):
            return (
                {"terms": {field_name(field): list(values)}} if all(isinstance(v, str) for v in values) else _either([_event_value(field, v) for v in values])
            )
        case Prefix(field, value):
            return {"prefix": {field_name(field): value}}
        case Range(field):
            limits = where.to_dict()["range"][field]
            numbers = any(isinstance(value, int | float) for value in limits.values()) and field != "@timestamp"
            return {"range": {f"{field}.as_number" if numbers else field_name(field): limits}}
        case Match():
            return _event_match(where)
        case _:
            return where.to_dict()


def _event_value(field: str, value: Scalar) -> Json:
    """A number may have been sent as 5, 5.0 or "5"."""
    exact = {"term": {field_name(field): value}}
    if isinstance(value, bool | str):
        return exact
    return _either([exact, {"term": {f"{field}.as_number": value}}])


def _either(choices: list[Json]) -> Json:
    return choices[0] if len(choices) == 1 else {"bool": {"should": choices, "minimum_should_match": 1}}


def _event_match(where: Match) -> Json:
    """Words one by one, each run of Chinese characters as a phrase."""
    if where.phrase:
        return where.to_dict()
    parts: list[Json] = [{"match_phrase": {where.field: " ".join(words)}} for words in phrases(where.text)]
    return {"bool": {"filter": parts}} if parts else {"match_none": {}}


def _document_leaf(where: Filter) -> Json:
    match where:
        case Term(field, value):
            return {"term": {_place(field): _value(field, value)}}
        case Terms(field, values):
            return {"terms": {_place(field): [_value(field, value) for value in values]}}
        case Prefix(field, value):
            return {"prefix": {_place(field): value if field in _DOCUMENT_FIELDS else term_of(value)}}
        case Exists(field):
            return {"exists": {"field": _place(field)}}
        case Range():
            return _document_range(where)
        case _:
            return _document_match(where)


def _place(field: str) -> str:
    return _DOCUMENT_FIELDS.get(field) or f"terms.{field}"


def _value(field: str, value: Scalar) -> Any:
    return value if field in _DOCUMENT_FIELDS else term_of(value)


def _document_range(where: Range) -> Json:
    limits: Mapping[str, Any] = where.to_dict()["range"][where.field]
    if where.field in _DOCUMENT_FIELDS or not limits:
        return {"range": {_place(where.field): dict(limits)}} if limits else {"exists": {"field": _place(where.field)}}
    encoded = {name: term_of(value) for name, value in limits.items()}
    kind = next(iter(encoded.values()))[0]
    if not encoded.keys() & {"gte", "gt"}:
        encoded["gte"] = kind
    if not encoded.keys() & {"lte", "lt"}:
        encoded["lte"] = _HIGHEST[kind]
    return {"range": {_place(where.field): encoded}}


def _document_match(where: Filter) -> Json:
    assert isinstance(where, Match)  # noqa: S101 - the only kind left
    return {"term": {_place(where.field): term_of(where.text)}}


def selector_query(selector: Selector, metric_field: str = "names") -> list[Json]:
    """Filter clauses for the series that ``selector`` means."""
    clauses: list[Json] = []
    for field, wanted in ((metric_field, selector.metric), ("asset.id", selector.asset)):
        if wanted:
            clauses.append({"terms": {field: [wanted] if isinstance(wanted, str) else list(wanted)}})
    return clauses + [_label_query(f"labels.{name}", wanted) for name, wanted in selector.labels.items()]


def _label_query(field: str, wanted: str | tuple[str, ...]) -> Json:
    return _either([_label_choice(field, one) for one in ([wanted] if isinstance(wanted, str) else wanted)])


def _label_choice(field: str, wanted: str) -> Json:
    if wanted.startswith("!"):
        return {"bool": {"must_not": [_label_choice(field, wanted[1:])]}}
    if wanted.endswith("*"):
        return {"prefix": {field: wanted[:-1]}}
    if wanted == "":
        return {"bool": {"must_not": [{"exists": {"field": field}}]}}
    return {"term": {field: wanted}}
