"""Hourly roll-ups: n, sum, min, max and last of every series and hour, written a day after the day has ended.

Ids are deterministic, so a roll-up that was broken off is simply done again. A mark without a metric says up to when all is done; samples
that come in more than a day late are in the raw data alone.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.clock import Clock
from store.base import Agg, Selector, Series
from store.elastic.encode import Action, Json, labels_of
from store.elastic.lifecycle import backing_indices
from store.elastic.link import Link
from store.elastic.names import Names, digest
from store.elastic.query import selector_query
from store.elastic.series import SERIES_SOURCES, Buckets, Key, Order, Parts, Sums, between, bucket_source, composite, into_buckets, order_of, raw_points, search
from store.elastic.ship import Bulk
from store.embedded.text import millis, time_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_DAYS_AT_ONCE = 31
_LOOK_AGAIN_S = 300.0
_BATCH = 2500


class Rollups:
    """Makes the roll-ups and reads raw samples and roll-ups as one."""

    def __init__(self, link: Link, names: Names, clock: Clock) -> None:
        self._link, self._names, self._clock = link, names, clock
        self._bulk = Bulk(link, names, threading.Event().wait)
        self._looked = float("-inf")
        self._done_until: datetime | None = None
        self._raw_from = _EPOCH

    def read(self, selector: Selector, since: datetime, until: datetime, step: timedelta | None, agg: Agg, by: Sequence[str] | None) -> list[Series]:
        """Points in [since, until); hours come from the roll-ups where they serve as well or are all that is left."""
        first, end = self._rolled_part(since, until, step)
        if step is None and first == end:
            return raw_points(self._link, self._names, selector, since, until)
        buckets = Buckets()
        parts: Parts = "last" if agg == "last" else "stats"
        if first < end:
            self._from_rollups(selector, first, end, step or HOUR, parts, buckets)
        if step is not None:
            for start, stop in ((since, first), (end, until)):
                into_buckets(self._link, self._names, selector, start, stop, step, parts, buckets)
            return buckets.series(agg, by)
        return _joined(buckets.series(agg, None), raw_points(self._link, self._names, selector, end, until))

    def _rolled_part(self, since: datetime, until: datetime, step: timedelta | None) -> tuple[datetime, datetime]:
        """Which hours of [since, until) to take from roll-ups; empty as (since, since)."""
        self._look()
        limit = self._done_until
        if limit is None:
            return since, since
        if step is None or step % HOUR:
            limit = min(limit, self._raw_from)
        first, end = _ceil(since, HOUR), _floor(min(until, limit), HOUR)
        return (first, end) if first < end else (since, since)

    def _look(self) -> None:
        """Ask, every few minutes, how far the roll-ups reach and from when on all raw samples are there."""
        if self._clock.monotonic() - self._looked < _LOOK_AGAIN_S:
            return
        self._done_until = self._mark()
        if self._done_until is not None:
            self._raw_from = self._complete_from()
        self._looked = self._clock.monotonic()

    def _mark(self) -> datetime | None:
        body = {"size": 1, "query": {"term": {"metric": ""}}, "sort": [{"@timestamp": "desc"}]}
        found = search(self._link, self._names.rollups, body)["hits"]["hits"]
        return time_of(found[0]["_source"]["@timestamp"]) if found else None

    def _complete_from(self) -> datetime:
        """A sample is written after it was taken, so all those since the making of the oldest index that is left are there."""
        indices = backing_indices(self._link, self._names.metrics)
        if not indices or indices[0].endswith("-000001"):
            return _EPOCH
        found = self._link.call("GET", f"/{indices[0]}/_settings/index.creation_date")
        return _ceil(time_of(int(found[indices[0]]["settings"]["index"]["creation_date"])), HOUR)

    def _oldest(self) -> datetime | None:
        answer = search(self._link, self._names.metrics, {"size": 0, "aggs": {"oldest": {"min": {"field": "@timestamp"}}}})
        value = answer.get("aggregations", {}).get("oldest", {}).get("value")
        return None if value is None else time_of(value)

    def _from_rollups(self, selector: Selector, since: datetime, until: datetime, step: timedelta, parts: Parts, buckets: Buckets) -> None:
        clauses = [*selector_query(selector, "metric"), between(since, until), {"bool": {"must_not": [{"term": {"metric": ""}}]}}]
        sources = [*SERIES_SOURCES, {"metric": {"terms": {"field": "metric"}}}, bucket_source(step)]
        aggs: Json = {"newest": {"top_hits": {"size": 1, "sort": [{"@timestamp": "desc"}], "_source": ["last", "@timestamp"]}}}
        if parts == "stats":
            aggs = {"n": {"sum": {"field": "n"}}, "sum": {"sum": {"field": "sum"}}, "min": {"min": {"field": "min"}}, "max": {"max": {"field": "max"}}}
        for bucket in composite(self._link, self._names.rollups, {"bool": {"filter": clauses}}, sources, aggs):
            key = bucket["key"]
            sums = buckets.at((key["metric"], key["asset"], key["labels"]), key["at"])
            if parts == "stats":
                sums.add(bucket["n"]["value"], bucket["sum"]["value"], bucket["min"]["value"], bucket["max"]["value"])
            for hit in bucket["newest"]["hits"]["hits"] if "newest" in bucket else ():
                sums.end(hit["_source"]["last"], hit["_source"]["@timestamp"])

    def roll_up(self, now: datetime) -> int:
        """Make what is due; returns how many series and hours were written."""
        written, start = 0, self._mark() or self._oldest()
        if start is None:
            return 0
        day = _floor(start, DAY)
        for _ in range(_DAYS_AT_ONCE):
            if day + 2 * DAY > now:
                break
            written += self._roll_day(day)
            day += DAY
        self._looked = float("-inf")
        return written

    def _roll_day(self, day: datetime) -> int:
        buckets = Buckets()
        into_buckets(self._link, self._names, Selector(), day, day + DAY, HOUR, "both", buckets)
        actions = [self._action(key, ms, sums) for key, hours in buckets.found.items() for ms, sums in hours.items()]
        written = sum(self._bulk.send(actions[first : first + _BATCH], in_doubt=True).created for first in range(0, len(actions), _BATCH))
        self._bulk.send([self._end_mark(day + DAY)])
        self._link.call("POST", f"/{self._names.rollups}/_refresh")
        return written

    def _action(self, key: Key, ms: int, sums: Sums) -> Action:
        metric, asset, labels = key
        numbers = {name: getattr(sums, name) for name in ("n", "sum", "min", "max", "last")}
        source = {"@timestamp": ms, "asset.id": asset, "labels": labels_of(labels), "labels_key": labels, "metric": metric, **numbers}
        return Action(self._names.rollups, digest(metric, asset, labels, str(ms)), source)

    def _end_mark(self, until: datetime) -> Action:
        return Action(self._names.rollups, digest("", str(millis(until))), {"@timestamp": millis(until), "asset.id": "", "labels_key": "[]", "metric": ""})


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _floor(time: datetime, unit: timedelta) -> datetime:
    return time - (time - _EPOCH) % unit


def _ceil(time: datetime, unit: timedelta) -> datetime:
    return time + (_EPOCH - time) % unit


def _joined(older: list[Series], newer: list[Series]) -> list[Series]:
    """Series of both parts, points in order."""
    found: dict[Order, Series] = {}
    for one in (*older, *newer):
        key = order_of(one.metric, one.asset, one.labels)
        before = found[key].points if key in found else ()
        found[key] = replace(one, points=before + one.points)
    return [found[key] for key in sorted(found)]
