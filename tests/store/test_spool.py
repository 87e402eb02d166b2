"""The spool: order, cursor, bound, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.errors import StoreAway, StoreError
from core.records import Event, Sample
from store.embedded import DeadLetter, EmbeddedStore, open_embedded
from store.filter import EVERYTHING
from tests.store.conftest import NOW

SAMPLE = Sample(time=NOW, asset="磁盘", metric="m", value=0.1 + 0.2, labels={"a": "b"})
EVENT = Event(id="e", time=NOW, asset="a", kind="log", message="登录", fields={"source.ip": "10.0.0.1", "n": 5})


@pytest.fixture
def spooling(folder: Path, clock: ManualClock) -> Iterator[EmbeddedStore]:
    store = open_embedded(folder, spool=True, spool_limit_bytes=20_000, clock=clock)
    yield store
    store.close()


def noise(n: int) -> list[Event]:
    import random

    return [Event(id=f"{n}-{m}", time=NOW, asset="a", kind="log", message=random.Random(n * 100 + m).randbytes(50).hex(), fields={}) for m in range(20)]


def test_what_is_written_waits_in_order(spooling: EmbeddedStore) -> None:
    spooling.metrics.write([SAMPLE])
    spooling.events.write([EVENT])
    entry = spooling.audit.append(time=NOW, actor="li", action="x", object="y", body={"说明": 1})
    spooling.documents.put("asset", "a", {})
    waiting = spooling.spool_take(0, 100)
    assert [(part.stream, part.records) for part in waiting] == [("metrics", (SAMPLE,)), ("events", (EVENT,)), ("audit", (entry,))]
    assert waiting[0].id < waiting[1].id < waiting[2].id


def test_what_was_known_already_does_not_wait_again(spooling: EmbeddedStore) -> None:
    spooling.metrics.write([SAMPLE, SAMPLE])
    spooling.metrics.write([SAMPLE])
    assert [part.records for part in spooling.spool_take(0, 100)] == [(SAMPLE,)]


def test_a_part_is_about_as_big_as_asked_and_never_empty(spooling: EmbeddedStore) -> None:
    for n in range(3):
        spooling.events.write(noise(n))
    assert [len(part.records) for part in spooling.spool_take(0, 1)] == [20]
    assert [len(part.records) for part in spooling.spool_take(0, 45)] == [20, 20]
    last = spooling.spool_take(0, 45)[-1].id
    assert [part.records[0].id for part in spooling.spool_take(last, 1000) if isinstance(part.records[0], Event)] == ["2-0"]


def test_what_was_acknowledged_is_gone_and_the_cursor_never_comes_back(spooling: EmbeddedStore, folder: Path) -> None:
    spooling.events.write(noise(1))
    first = spooling.spool_take(0, 100)[-1].id
    spooling.spool_advance(first)
    assert spooling.spool_take(0, 100) == []
    assert spooling.spool_figures()["spool_records"] == spooling.spool_figures()["spool_bytes"] == 0
    spooling.close()
    again = open_embedded(folder, spool=True)
    again.events.write(noise(2))
    assert again.spool_take(first, 100)[0].id > first
    again.close()


def test_a_full_spool_drops_the_oldest_samples_and_counts_them(spooling: EmbeddedStore) -> None:
    import random

    for n in range(60):
        at = NOW + timedelta(minutes=n)
        spooling.metrics.write([Sample(time=at, asset=f"a{m}", metric="m", value=random.Random(n * 100 + m).random()) for m in range(50)])
    figures = spooling.spool_figures()
    assert figures["spool_bytes"] <= 20_000
    assert figures["spool_dropped"] + figures["spool_records"] == 60 * 50
    kept = [part.records[0].time for part in spooling.spool_take(0, 10_000) if isinstance(part.records[0], Sample)]
    assert kept[-1] == NOW + timedelta(minutes=59)
    assert kept[0] > NOW


def until_full(write: Callable[[int], object]) -> int:
    """Call ``write`` until the spool refuses; returns how often it did not."""
    for n in range(100):
        try:
            write(n)
        except StoreAway:
            return n
    raise AssertionError("the spool never filled up")


def test_events_and_audit_are_never_dropped_but_refused_when_the_spool_is_full(spooling: EmbeddedStore) -> None:
    written = 20 * until_full(lambda n: spooling.events.write(noise(n)))
    assert spooling.events.count(EVERYTHING, NOW, NOW + timedelta(days=1)) == written
    assert sum(len(part.records) for part in spooling.spool_take(0, 100_000)) == written
    with pytest.raises(StoreAway, match="queue to Elasticsearch is full"):
        spooling.events.write(noise(500))
    audit = {"actor": "li", "action": "x", "object": "y"}
    until_full(lambda n: spooling.audit.append(time=NOW, body={"much": noise(n)[0].message * 20}, **audit))
    assert spooling.audit.verify() is None
    spooling.spool_advance(spooling.spool_take(0, 100_000)[-1].id)
    spooling.events.write(noise(1000))
    assert spooling.audit.append(time=NOW, body={}, **audit).seq == len(spooling.audit.read())


def test_dead_letters_are_kept_with_their_reason(spooling: EmbeddedStore) -> None:
    spooling.spool_bury([DeadLetter("events", "e", "mapper_parsing_exception", "{}"), DeadLetter("metrics", "m", "too old", "[]")])
    assert [(time, letter.record, letter.reason) for time, letter in spooling.dead_letters()] == [
        (NOW, "m", "too old"),
        (NOW, "e", "mapper_parsing_exception"),
    ]
    assert spooling.spool_figures()["dead_letters"] == 2


def test_a_store_without_a_spool_says_so(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match="without a spool"):
        store.spool_take(0, 1)
