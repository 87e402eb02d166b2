"""Reading samples: raw points, buckets by step, the newest of each series."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from core.records import Labels, Sample
from store.base import Agg, Selector, Series
from store.elastic.encode import Json, labels_of
from store.elastic.link import LENIENT, Link, NotReady
from store.elastic.names import Names
from store.elastic.query import selector_query
from store.embedded.text import millis, time_of

PAGE = 5000
_METRICS_AT_ONCE = 20
_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
Key = tuple[str, str, str]
Order = tuple[str, str, tuple[tuple[str, str], ...]]
Parts = Literal["stats", "last", "both"]
SERIES_SOURCES: list[Json] = [{"asset": {"terms": {"field": "asset.id"}}}, {"labels": {"terms": {"field": "labels_key"}}}]
NEWEST: Json = {"top_hits": {"size": 1, "sort": [{"@timestamp": "desc"}], "_source": ["metrics", "@timestamp"]}}


def order_of(metric: str, asset: str, labels: Labels) -> Order:
    """The order of series in every answer."""
    return metric, asset, tuple(sorted(labels.items()))


def _in_order(key: Key) -> Order:
    return order_of(key[0], key[1], labels_of(key[2]))


@dataclass(slots=True)
class Sums:
    """What one bucket of one series or group needs for every aggregation."""

    n: float = 0
    sum: float = 0.0
    min: float = float("inf")
    max: float = float("-inf")
    last: float = 0.0
    last_at: float = float("-inf")

    def add(self, n: float, total: float, low: float, high: float) -> None:
        """Merge another part of the same bucket."""
        self.n += n
        self.sum += total
        self.min, self.max = min(self.min, low), max(self.max, high)

    def end(self, last: float, last_at: float) -> None:
        """Take a last value, when it is newer."""
        if last_at > self.last_at:
            self.last, self.last_at = last, last_at

    def value(self, agg: Agg) -> float:
        """The number that ``agg`` asks for."""
        if agg == "avg":
            return self.sum / self.n
        return float({"min": self.min, "max": self.max, "sum": self.sum, "count": self.n, "last": self.last}[agg])


@dataclass(slots=True)
class Buckets:
    """Sums by series (metric, asset, labels key) and bucket start in milliseconds."""

    found: dict[Key, dict[int, Sums]] = field(default_factory=dict)

    def at(self, key: Key, ms: int) -> Sums:
        """The sums of one bucket, made on first use."""
        return self.found.setdefault(key, {}).setdefault(ms, Sums())

    def series(self, agg: Agg, by: Sequence[str] | None) -> list[Series]:
        """One series per series, or per group of ``by``."""
        groups: dict[Key, dict[int, Sums]] = {}
        for key, buckets in self.found.items():
            into = groups.setdefault(_group(key, by), {})
            for ms, sums in buckets.items():
                merged = into.setdefault(ms, Sums())
                merged.add(sums.n, sums.sum, sums.min, sums.max)
                merged.end(sums.last, sums.last_at)
        return [
            Series(metric=metric, asset=asset, labels=labels_of(labels), points=tuple((time_of(ms), sums.value(agg)) for ms, sums in sorted(buckets.items())))
            for (metric, asset, labels), buckets in sorted(groups.items(), key=lambda item: _in_order(item[0]))
        ]


def _group(key: Key, by: Sequence[str] | None) -> Key:
    if by is None:
        return key
    metric, asset, labels = key
    kept = sorted((name, value) for name, value in labels_of(labels).items() if name in by)
    return metric, asset if "asset" in by else "", json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def between(since: datetime | None, until: datetime | None) -> Json:
    """The clause for [since, until); None is open."""
    limits = {name: millis(time_) for name, time_ in (("gte", since), ("lt", until)) if time_ is not None}
    return {"range": {"@timestamp": {**limits, "format": "epoch_millis"}}}


def search(link: Link, target: str, body: Json) -> Json:
    """One search, whole or StoreAway: never a part of the shards. A stream that does not exist yet has nothing."""
    params = {**LENIENT, "allow_partial_search_results": "false"}
    for pause_s in _PAUSES_S:
        try:
            return _search(link, target, body, params)
        except NotReady:
            time.sleep(pause_s)
    return _search(link, target, body, params)


def _search(link: Link, target: str, body: Json, params: Mapping[str, str]) -> Json:
    answer: Json = link.call("POST", f"/{target}/_search", body, params=params)
    return answer


def hits(link: Link, target: str, body: Json, page: int = PAGE) -> Iterator[Json]:
    """Every hit of a sorted search, page after page."""
    body = {**body, "size": page, "track_total_hits": False}
    while True:
        found = search(link, target, body)["hits"]["hits"]
        yield from found
        if len(found) < page:
            return
        body["search_after"] = found[-1]["sort"]


def composite(link: Link, target: str, query: Json, sources: list[Json], aggs: Json, page: int = 1000) -> Iterator[Json]:
    """Every bucket of a composite aggregation, page after page."""
    groups: Json = {"size": page, "sources": sources}
    while True:
        body = {"size": 0, "track_total_hits": False, "query": query, "aggs": {"groups": {"composite": groups, "aggs": aggs}}}
        answer = search(link, target, body).get("aggregations", {}).get("groups", {"buckets": []})
        yield from answer["buckets"]
        if len(answer["buckets"]) < page or "after_key" not in answer:
            return
        groups["after"] = answer["after_key"]


def raw_points(link: Link, names: Names, selector: Selector, since: datetime, until: datetime) -> list[Series]:
    """Points as they were measured."""
    points: dict[Key, dict[int, float]] = {}
    body = {"query": filtered(selector, since, until), "sort": [{"@timestamp": "asc"}, {"asset.id": "asc"}, {"labels_key": "asc"}, {"names_key": "asc"}]}
    for hit in hits(link, names.metrics, body):
        source = hit["_source"]
        for metric, value in _wanted(selector, source["metrics"]):
            points.setdefault((metric, source["asset.id"], source["labels_key"]), {}).setdefault(source["@timestamp"], float(value))
    return [
        Series(metric=metric, asset=asset, labels=labels_of(labels), points=tuple((time_of(ms), value) for ms, value in sorted(found.items())))
        for (metric, asset, labels), found in sorted(points.items(), key=lambda item: _in_order(item[0]))
    ]


def _wanted(selector: Selector, values: Json) -> Iterator[tuple[str, Any]]:
    wanted = (selector.metric,) if isinstance(selector.metric, str) and selector.metric else selector.metric
    return ((metric, value) for metric, value in values.items() if not wanted or metric in wanted)


def filtered(selector: Selector, since: datetime | None, until: datetime | None) -> Json:
    """The query for the series of ``selector`` in [since, until); None is open."""
    clauses = selector_query(selector)
    clauses.append(between(since, until))
    return {"bool": {"filter": clauses}}


def into_buckets(link: Link, names: Names, selector: Selector, since: datetime, until: datetime, step: timedelta, parts: Parts, buckets: Buckets) -> None:
    """Add the raw samples of [since, until) to ``buckets``, aligned to the epoch by ``step``."""
    metrics = metric_names(link, names, selector, since, until) if since < until else []
    for first in range(0, len(metrics), _METRICS_AT_ONCE):
        some = metrics[first : first + _METRICS_AT_ONCE]
        query = filtered(Selector(metric=tuple(some), asset=selector.asset, labels=selector.labels), since, until)
        aggs: Json = {}
        for index, metric in enumerate(some):
            field = f"metrics.{metric}"
            if parts != "last":
                aggs[f"s{index}"] = {"stats": {"field": field}}
            if parts != "stats":
                aggs[f"l{index}"] = {"filter": {"exists": {"field": field}}, "aggs": {"newest": NEWEST}}
        for bucket in composite(link, names.metrics, query, [*SERIES_SOURCES, bucket_source(step)], aggs):
            for index, metric in enumerate(some):
                key = (metric, bucket["key"]["asset"], bucket["key"]["labels"])
                _take(buckets, key, bucket["key"]["at"], bucket.get(f"s{index}"), bucket.get(f"l{index}"))


def bucket_source(step: timedelta) -> Json:
    """The composite source that cuts time into buckets of ``step``."""
    return {"at": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{step // timedelta(milliseconds=1)}ms"}}}


def _take(buckets: Buckets, key: Key, ms: int, stats: Json | None, last: Json | None) -> None:
    if stats and stats["count"]:
        buckets.at(key, ms).add(stats["count"], stats["sum"], stats["min"], stats["max"])
    for hit in last["newest"]["hits"]["hits"] if last else ():
        buckets.at(key, ms).end(float(hit["_source"]["metrics"][key[0]]), hit["_source"]["@timestamp"])


def metric_names(link: Link, names: Names, selector: Selector, since: datetime, until: datetime) -> list[str]:
    """The metrics that the selector means; asked from the servers when it names none."""
    if selector.metric:
        return [selector.metric] if isinstance(selector.metric, str) else list(selector.metric)
    body = {"size": 0, "query": filtered(selector, since, until), "aggs": {"names": {"terms": {"field": "names", "size": 10000}}}}
    found = search(link, names.metrics, body).get("aggregations", {}).get("names", {"buckets": []})
    return [bucket["key"] for bucket in found["buckets"]]


def newest(link: Link, names: Names, selector: Selector, since: datetime | None) -> list[Sample]:
    """The newest sample of every series, of ``since`` or later when given; in no order."""
    sources = [*SERIES_SOURCES, {"names": {"terms": {"field": "names_key"}}}]
    found: dict[Key, tuple[int, float]] = {}
    for bucket in composite(link, names.metrics, filtered(selector, since, None), sources, {"newest": NEWEST}):
        source = bucket["newest"]["hits"]["hits"][0]["_source"]
        for metric, value in _wanted(selector, source["metrics"]):
            key = (metric, bucket["key"]["asset"], bucket["key"]["labels"])
            found[key] = max(found.get(key, (source["@timestamp"], float(value))), (source["@timestamp"], float(value)))
    return [
        Sample(time=time_of(ms), asset=asset, metric=metric, value=value, labels=labels_of(labels)) for (metric, asset, labels), (ms, value) in found.items()
    ]
