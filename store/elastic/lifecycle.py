"""How old data leaves: the servers' own data stream lifecycle where they offer it, index lifecycle policies next, else rollover and delete by us.

Found out by asking: a server without a feature answers 400 or 405. The portable way ran on real servers; the bodies of the other two
follow Elastic's documentation of 8.14 and 8.19.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from store.base import Retention
from store.elastic.encode import Json
from store.elastic.link import LENIENT, Link, Rejected
from store.elastic.names import Names
from store.elastic.series import search
from store.embedded.text import millis

ROLLOVER: Json = {"max_age": "1d", "max_primary_shard_size": "30gb"}


class Way(StrEnum):
    """Who removes old data."""

    STREAM = "data stream lifecycle"
    POLICY = "index lifecycle policy"
    PORTABLE = "rollover and delete by Wanglou"


def find_way(link: Link, names: Names) -> Way:
    """What these servers offer."""
    for path, way in ((f"/_data_stream/{names.events}/_lifecycle", Way.STREAM), ("/_ilm/policy", Way.POLICY)):
        try:
            link.call("GET", path)
        except Rejected as err:
            if err.status != 404 or err.kind != "index_not_found_exception":
                continue
        return way
    return Way.PORTABLE


def ages(names: Names, retention: Retention) -> Mapping[str, timedelta]:
    """Stream to age. Audit has none: it is kept for ever, nothing here deletes it."""
    return {names.metrics: retention.raw_metrics, names.rollups: retention.rollups, names.events: retention.events}


def apply_retention(link: Link, names: Names, way: Way, retention: Retention, now: datetime) -> int:
    """Bring the servers to ``retention``; returns how many backing indices were removed by us."""
    removed = 0
    for stream, age in ages(names, retention).items():
        backing = backing_indices(link, stream)
        if not backing:
            continue
        if way is Way.STREAM:
            link.call("PUT", f"/_data_stream/{stream}/_lifecycle", {"data_retention": _days(age)})
        elif way is Way.POLICY:
            _policy(link, stream, age)
        else:
            removed += _portable(link, stream, backing, now - age)
    return removed


def backing_indices(link: Link, stream: str) -> list[str]:
    """The indices of a stream, oldest first; the last one takes the writes."""
    found = link.call("GET", f"/_resolve/index/{stream}", params=LENIENT).get("data_streams", [])
    return list(found[0]["backing_indices"]) if found else []


def _days(age: timedelta) -> str:
    return f"{-(-age // timedelta(days=1))}d"


def _policy(link: Link, stream: str, age: timedelta) -> None:
    name = f"wanglou-{stream.partition('.')[2]}"
    phases = {"hot": {"actions": {"rollover": ROLLOVER}}, "delete": {"min_age": _days(age), "actions": {"delete": {}}}}
    link.call("PUT", f"/_ilm/policy/{name}", {"policy": {"phases": phases}})
    link.call("PUT", f"/{stream}/_settings", {"index.lifecycle.name": name})


def _portable(link: Link, stream: str, backing: list[str], before: datetime) -> int:
    link.call("POST", f"/{stream}/_rollover", {"conditions": ROLLOVER})
    old = [index for index in backing[:-1] if _newest(link, index) < millis(before)]
    for index in old:
        link.call("DELETE", f"/{index}")
    return len(old)


def _newest(link: Link, index: str) -> float:
    """Milliseconds of the newest document, also of those that no search sees yet; an empty index is as old as can be."""
    link.call("POST", f"/{index}/_refresh")
    answer = search(link, index, {"size": 0, "track_total_hits": False, "aggs": {"newest": {"max": {"field": "@timestamp"}}}})
    value = answer["aggregations"]["newest"]["value"]
    return float("-inf") if value is None else float(value)
