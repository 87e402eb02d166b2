"""Reading events: pages, histograms, most frequent values, counts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from core.errors import ConfigError
from core.records import Event
from store.base import Bucket, Page
from store.elastic.encode import Json, event_of, millis, time_of
from store.elastic.link import LENIENT, Link
from store.elastic.names import Names
from store.elastic.query import event_query, field_name
from store.elastic.series import between, search
from store.filter import Filter

MOST = 10_000


def read_page(link: Link, names: Names, where: Filter, since: datetime, until: datetime, limit: int, cursor: str | None) -> Page[Event]:
    """One page, newest first (time, then id). An event that a resend doubled across a rollover shows once."""
    body: Json = {
        "size": min(limit, MOST - 1) + 1,
        "query": _filtered(where, since, until),
        "sort": [{"@timestamp": "desc"}, {"event.id": "desc"}],
        "track_total_hits": MOST,
    }
    if cursor:
        body["search_after"] = read_cursor(cursor)
    answer = search(link, names.events, body)["hits"]
    found = answer["hits"]
    kept = found[: body["size"] - 1]
    events = {hit["_source"]["event.id"]: event_of(hit["_source"]) for hit in kept}
    more = len(found) > len(kept)
    return Page(tuple(events.values()), write_cursor(kept[-1]["sort"]) if more else None, answer.get("total", {}).get("value"))


def write_cursor(place: list[Any]) -> str:
    """The opaque text of a place in a sorted listing."""
    return "e" + json.dumps(place, separators=(",", ":"))


def read_cursor(cursor: str) -> list[Any]:
    """The place; raises ConfigError for a cursor of another listing."""
    try:
        place = json.loads(cursor[1:]) if cursor.startswith("e") else None
    except ValueError:
        place = None
    if not isinstance(place, list):
        raise ConfigError("this page mark belongs to another listing, or Elasticsearch went away or came back meanwhile; start from the first page")
    return place


def _filtered(where: Filter, since: datetime, until: datetime) -> Json:
    return {"bool": {"filter": [between(since, until), event_query(where)]}}


def histogram(link: Link, names: Names, where: Filter, since: datetime, until: datetime, interval: timedelta, by: str | None, size: int) -> list[Bucket]:
    """Counts per interval, aligned to the epoch, empty ones included."""
    step = interval // timedelta(milliseconds=1)
    bars: Json = {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{step}ms", "min_doc_count": 1}}
    if by:
        values = [value for value, _ in top(link, names, where, since, until, by, size)]
        bars["aggs"] = {f"v{index}": {"filter": {"term": {field_name(by): value}}} for index, value in enumerate(values)}
    answer = search(link, names.events, {"size": 0, "track_total_hits": False, "query": _filtered(where, since, until), "aggs": {"bars": bars}})
    found = {bar["key"]: bar for bar in answer.get("aggregations", {}).get("bars", {"buckets": []})["buckets"]}
    first, end = millis(since) // step * step, millis(until)
    return [_bar(ms, found.get(ms), values if by else []) for ms in range(first, end, step)]


def _bar(ms: int, found: Json | None, values: list[str]) -> Bucket:
    if found is None:
        return Bucket(time_of(ms), 0)
    counts = {value: found[f"v{index}"]["doc_count"] for index, value in enumerate(values)}
    return Bucket(time_of(ms), found["doc_count"], {value: count for value, count in counts.items() if count})


def top(link: Link, names: Names, where: Filter, since: datetime, until: datetime, field: str, size: int) -> list[tuple[str, int]]:
    """The most frequent values, most frequent first, ties by value."""
    terms = {"field": field_name(field), "size": size, "shard_size": max(size * 4, 200), "order": [{"_count": "desc"}, {"_key": "asc"}]}
    answer = search(link, names.events, {"size": 0, "track_total_hits": False, "query": _filtered(where, since, until), "aggs": {"top": {"terms": terms}}})
    buckets = answer.get("aggregations", {}).get("top", {"buckets": []})["buckets"]
    return [(bucket["key"], bucket["doc_count"]) for bucket in buckets]


def count(link: Link, names: Names, where: Filter, since: datetime, until: datetime) -> int:
    """How many events."""
    answer = link.call("POST", f"/{names.events}/_count", {"query": _filtered(where, since, until)}, params=LENIENT)
    return int(answer["count"])
