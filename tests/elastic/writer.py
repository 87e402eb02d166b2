"""Run as a program: writes to a store until it is killed, and says after each write that it was acknowledged."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from core.errors import Conflict
from core.records import Event, Sample
from store.base import ABSENT, Store
from store.elastic import open_elastic
from tests.elastic.times import T0

EVENTS_A_BATCH = 20
ASSETS = ("a", "b", "c")


def events(batch: int) -> list[Event]:
    """The events of batch number ``batch``."""
    first = batch * EVENTS_A_BATCH
    return [
        Event(id=f"e{n}", time=T0 + timedelta(milliseconds=n), asset=ASSETS[n % 3], kind="syslog", message=f"line {n}", fields={"log.offset": n})
        for n in range(first, first + EVENTS_A_BATCH)
    ]


def samples(batch: int) -> list[Sample]:
    """The samples of batch number ``batch``: two metrics of every asset at one second."""
    time = T0 + timedelta(seconds=batch)
    return [Sample(time=time, asset=asset, metric=metric, value=float(batch)) for asset in ASSETS for metric in ("system.cpu.utilization", "system.uptime")]


def write(store: Store, batch: int) -> Iterator[str]:
    """Do the writes of one batch; yields the name of each one as soon as it was acknowledged."""
    store.events.write(events(batch))
    yield f"events {batch}"
    store.metrics.write(samples(batch))
    yield f"samples {batch}"
    store.documents.put("incident", f"i{batch}", {"batch": batch}, ABSENT)
    yield f"document {batch}"
    add_one(store)
    yield f"counter {batch}"
    store.audit.append(time=T0, actor="writer", action="write", object=f"batch {batch}", body={"batch": batch})
    yield f"audit {batch}"


def add_one(store: Store) -> None:
    """Count up in one document, as everybody who changes a document does."""
    while True:
        found = store.documents.find("counter").items
        try:
            if found:
                store.documents.put("counter", "c", {"value": found[0].body["value"] + 1}, found[0].version)
            else:
                store.documents.put("counter", "c", {"value": 1}, ABSENT)
            return
        except Conflict:
            continue


def main() -> None:
    """Write batches from ``--first`` on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--first", required=True, type=int)
    asked = parser.parse_args()
    store = open_elastic(asked.url, asked.folder, "service", namespace=asked.namespace, replicas=0)
    for batch in itertools.count(asked.first):
        sys.stdout.write(f"begin {batch}\n")
        for done in write(store, batch):
            sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
