"""How fast the shipper fills Elasticsearch, beside a bare bulk loop with the same documents in the same run.

Both use one real server (started here, or ``WANGLOU_TEST_ELASTIC_URL``) on this machine. The bare loop has its documents in memory and
does nothing but ``client.bulk``; the shipper reads the spool of an embedded store, makes the documents and advances the spool. Opening the
store (templates, about half a second at each start of a process) is outside both times.
"""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from core.records import Event, Sample
from store.base import Store
from store.elastic import open_elastic, schema
from store.elastic.encode import Action, event_action, sample_actions
from store.elastic.link import Address, Link
from store.elastic.names import Names
from store.embedded import open_embedded
from tests.peers import elasticsearch as peer

ROUNDS, EVENTS, METRIC_DOCUMENTS, VALUES, BATCH = 3, 40_000, 40_000, 10, 2500
START = datetime(2026, 11, 20, tzinfo=UTC)
METRICS = [f"system.bench.value{n}" for n in range(VALUES)]


def events(round_: int) -> list[Event]:
    """Log lines of about 280 bytes."""
    return [
        Event(
            id=f"{round_}-{n}",
            time=START + timedelta(milliseconds=n),
            asset=f"server{n % 200}",
            kind="syslog",
            message=f"sshd[{n}]: Failed password for invalid user admin{n % 97} from 192.0.2.{n % 251} port {n % 60000} ssh2 登录失败",
            fields={"source.ip": f"192.0.2.{n % 251}", "source.port": n % 60000, "log.syslog.severity.code": n % 8, "process.name": "sshd"},
        )
        for n in range(EVENTS)
    ]


def samples(round_: int) -> Iterator[list[Sample]]:
    """Polls of 1,000 samples: ten values of a hundred interfaces."""
    for poll in range(METRIC_DOCUMENTS // 100):
        time_ = START + timedelta(hours=round_, seconds=poll)
        yield [
            Sample(time=time_, asset=f"switch{poll % 50}", metric=metric, value=float((poll * 31 + n) % 977), labels=labels)
            for n, labels in enumerate({"interface": f"GigabitEthernet0/0/{i}"} for i in range(100))
            for metric in METRICS
        ]


def bare(url: str, actions: list[Action]) -> float:
    """Seconds of a plain loop over ``client.bulk``."""
    client, start = Elasticsearch(url, request_timeout=60), time.perf_counter()
    for first in range(0, len(actions), BATCH):
        operations: list[dict[str, Any]] = []
        for action in actions[first : first + BATCH]:
            operations += [{"create": {"_index": action.target, "_id": action.id}}, action.source]
        if client.bulk(operations=operations)["errors"]:
            raise RuntimeError("the bare loop met errors")
    client.close()
    return time.perf_counter() - start


def shipped(url: str, namespace: str, write: Callable[[Store], None]) -> float:
    """Seconds from an open store (shipping begins as it opens) to an empty spool, for what ``write`` put into it."""
    with tempfile.TemporaryDirectory() as folder:
        local = open_embedded(Path(folder), "service", spool=True)
        write(local)
        local.close()
        store = open_elastic(url, Path(folder), "service", namespace=namespace, replicas=0)
        start = time.perf_counter()
        while store.health().figures["spool_records"]:
            time.sleep(0.02)
        taken = time.perf_counter() - start
        figures = store.health().figures
        store.close()
    if not figures["shipped"] or figures["dead"]:
        raise RuntimeError(f"the shipper did not ship everything: {figures}")
    return taken


def write_events(round_: int) -> Callable[[Store], None]:
    """Put the events into a store in batches of 1,000."""

    def write(store: Store) -> None:
        made = events(round_)
        for first in range(0, len(made), 1000):
            store.events.write(made[first : first + 1000])

    return write


def write_samples(round_: int) -> Callable[[Store], None]:
    """Put the samples into a store, poll by poll."""

    def write(store: Store) -> None:
        for poll in samples(round_):
            store.metrics.write(poll)

    return write


def measure(url: str) -> dict[str, Any]:
    """Rounds of bare, shipped, bare, shipped ... for both kinds of documents; the median counts."""
    names = Names(f"b{secrets.token_hex(4)}")
    link = Link(Address(url=url))
    schema.apply(link, names, replicas=0)
    bare(url, [event_action(names, event) for event in events(1000)])  # the first documents of a fresh server are slow for everybody
    result: dict[str, Any] = {}
    kinds: dict[str, tuple[int, Callable[[int], list[Action]], Callable[[int], Callable[[Store], None]]]] = {
        "events": (EVENTS, lambda n: [event_action(names, event) for event in events(n)], write_events),
        "metrics": (METRIC_DOCUMENTS, lambda n: [action for poll in samples(n) for action in sample_actions(names, poll)], write_samples),
    }
    for kind, (count, make, write) in kinds.items():
        bare_s, shipped_s = [], []
        for round_ in range(ROUNDS):
            bare_s.append(bare(url, make(2 * round_)))
            shipped_s.append(shipped(url, names.namespace, write(2 * round_ + 1)))
        rates = count / statistics.median(bare_s), count / statistics.median(shipped_s)
        result[kind] = {"documents": count, "bare_per_s": round(rates[0]), "shipped_per_s": round(rates[1]), "ratio": round(rates[1] / rates[0], 2)}
    result["ratio"] = min(result["events"]["ratio"], result["metrics"]["ratio"])
    result["bar"], result["held"] = 0.7, result["ratio"] >= 0.7
    link.close()
    return result


def run() -> dict[str, Any]:
    """The figures."""
    if url := os.environ.get("WANGLOU_TEST_ELASTIC_URL"):
        return measure(url)
    with peer.running(brisk=False) as server:
        return measure(server.url)
