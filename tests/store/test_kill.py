"""kill -9 at random moments: whatever was acknowledged is there once, no batch is there in part."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from core.records import Event, Sample
from store.base import AuditEntry, Selector
from store.embedded import EmbeddedStore, Spooled, open_embedded, verify
from store.filter import EVERYTHING
from tests.store.writer import EVENTS, SAMPLES, START, samples

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("WANGLOU_KILLS", "50" if os.environ.get("CI") == "true" else "8"))
REOPEN_S = 10.0
LONG = timedelta(days=9)
Shipped = dict[str, Counter[int]]


@pytest.mark.slow
@pytest.mark.timeout(60 + 8 * ROUNDS)
def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    chance, acknowledged, first, slowest = random.Random(seed), set[int](), 0, 0.0
    shipped: Shipped = {"metrics": Counter(), "events": Counter(), "audit": Counter()}
    for round_ in range(ROUNDS):
        told, ready_s = run_and_kill(tmp_path, first, chance.uniform(0.0, 0.6))
        acknowledged |= told
        slowest = max(slowest, ready_s)
        first = check(tmp_path, acknowledged, shipped, f"round {round_} of seed {seed}")
    assert slowest < REOPEN_S
    assert len(acknowledged) > ROUNDS, "too little was written to say anything"
    assert verify(tmp_path) == []
    sys.stdout.write(f"{ROUNDS} kills, {len(acknowledged)} batches acknowledged, slowest start {slowest:.2f} s\n")


def run_and_kill(folder: Path, first: int, after_s: float) -> tuple[set[int], float]:
    """Let the writer write for ``after_s``, kill it; returns the batches it acknowledged and how long it took to be ready."""
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.store.writer", str(folder), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        ready_s = time.monotonic() - started
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        return {int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")}, ready_s


def check(folder: Path, acknowledged: set[int], shipped: Shipped, where: str) -> int:
    """Compare with what must be there; returns the number of the next batch, beyond everything that was begun."""
    store = open_embedded(folder, spool=True)
    try:
        seen = [samples_there(store, where), events_there(store, where), documents_there(store), audit_there(store, where)]
        for stream in seen:
            assert acknowledged <= stream, where
        if acknowledged:
            assert store.documents.get("counter", "c").body["n"] >= max(acknowledged), where
        newest = max(set().union(*seen, ship(store, acknowledged, shipped, where)), default=-1)
        sent_again(store, seen[0], where)
        return newest + 1
    finally:
        store.close()


def samples_there(store: EmbeddedStore, where: str) -> set[int]:
    """The batches that are there, each of them whole."""
    seen: Counter[int] = Counter()
    for series in store.metrics.range(Selector(), START, START + LONG):
        for at, value in series.points:
            assert at == START + timedelta(seconds=value), where
            seen[int(value)] += 1
    assert set(seen.values()) <= {SAMPLES}, where
    counted = store.metrics.range(Selector(), START, START + LONG, LONG, "count", ())
    assert sum(point[1] for series in counted for point in series.points) == seen.total(), where
    return set(seen)


def events_there(store: EmbeddedStore, where: str) -> set[int]:
    ids: list[str] = []
    cursor = None
    while True:
        page = store.events.search(EVERYTHING, since=START, until=START + LONG, limit=10_000, cursor=cursor)
        ids += [event.id for event in page.items]
        if (cursor := page.cursor) is None:
            break
    batches = Counter(int(id_.split("-")[0]) for id_ in ids)
    assert len(set(ids)) == len(ids), where
    assert set(batches.values()) <= {EVENTS}, where
    return set(batches)


def documents_there(store: EmbeddedStore) -> set[int]:
    return {document.body["n"] for document in store.documents.find("batch", limit=10_000).items}


def audit_there(store: EmbeddedStore, where: str) -> set[int]:
    assert store.audit.verify() is None, where
    objects = [int(entry.object) for entry in store.audit.read(limit=1_000_000)]
    assert len(set(objects)) == len(objects), where
    return set(objects)


def ship(store: EmbeddedStore, acknowledged: set[int], shipped: Shipped, where: str) -> set[int]:
    """The spool brings every acknowledged batch of all three streams once; perhaps one that got no further than the spool, too."""
    after = 0
    while found := store.spool_take(after, 10_000):
        after = found[-1].id
        for part in found:
            shipped[part.stream][batch_of(part)] += 1
    store.spool_advance(after)
    assert all(shipped[stream][batch] == 1 for stream in shipped for batch in acknowledged), where
    return set().union(*shipped.values())


def batch_of(part: Spooled) -> int:
    match part.records[0]:
        case Sample(value=value):
            return int(value)
        case Event(id=name):
            return int(name.split("-")[0])
        case AuditEntry(object=name):
            return int(name)
    raise AssertionError(part)


def sent_again(store: EmbeddedStore, batches: set[int], where: str) -> None:
    """What a killed writer sends again counts as known."""
    if batches:
        again = store.metrics.write(samples(max(batches)))
        assert (again.accepted, again.duplicates) == (0, SAMPLES), where
