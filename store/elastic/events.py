"""Reading events: pages, histograms, most frequent values, counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.errors import ConfigError
from core.records import Event
from store.base import Bucket, Page
from store.elastic.encode import Json, event_of
from store.elastic.link import LENIENT, Link
from store.elastic.names import Names
from store.elastic.query import event_query, field_name
from store.elastic.series import between, search
from store.embedded.text import millis, read_cursor, time_of, write_cursor
from store.filter import Filter

MOST = 10_000
MOST_BUCKETS = 100_000


def read_page(link: Link, names: Names, where: Filter, since: datetime, until: datetime, limit: int, cursor: str | None) -> Page[Event]:
    """One page, newest first (time, then id). An event that a resend doubled across a rollover shows once."""
    body: Json = {
        "size": min(limit, MOST - 1) + 1,
        "query": _filtered(where, since, until),
        "sort": [{"@timestamp": "desc"}, {"event.id": "desc"}],
        "track_total_hits": MOST,
    }
    if cursor:
        body["search_after"] = read_mark(cursor, 2)
    answer = search(link, names.events, body)["hits"]
    found = answer["hits"]
    kept = found[: body["size"] - 1]
    events = {hit["_source"]["event.id"]: event_of(hit["_source"]) for hit in kept}
    more = len(found) > len(kept)
    total = answer.get("total", {})
    return Page(tuple(events.values()), write_mark(kept[-1]) if more else None, total.get("value") if total.get("relation") == "eq" else None)


def write_mark(hit: Json) -> str:
    """The opaque text of a hit's place in a sorted listing."""
    return "e" + write_cursor(*hit["sort"])


def read_mark(mark: str, parts: int) -> list[Any]:
    """The place; raises ConfigError for one of another listing, also of one that was read from this node while Elasticsearch was away."""
    return read_cursor(mark[1:] if mark.startswith("e") else "", parts)


def _filtered(where: Filter, since: datetime, until: datetime) -> Json:
    return {"bool": {"filter": [between(since, until), event_query(where)]}}


def histogram(link: Link, names: Names, where: Filter, since: datetime, until: datetime, interval: timedelta, by: str | None, size: int) -> list[Bucket]:
    """Counts per interval, aligned to the epoch, empty ones included."""
    step = interval // timedelta(milliseconds=1)
    if step <= 0 or (until - since) / interval > MOST_BUCKETS:
        raise ConfigError(f"this histogram would have no or more than {MOST_BUCKETS} bars; choose another interval")
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
