"""A batch is stored, judged and told; a store that refuses stops neither judging nor telling."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import StoreAway
from core.records import Event, Finding, Result, Sample, Severity, Snapshot, State
from service.pipeline import SOURCE, Pipeline
from store.base import Selector, Store
from store.open import open_store
from store.snapshots import latest_snapshot

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Alerting:
    def __init__(self) -> None:
        self.told: list[Sample | Event | Result | Finding] = []

    def observe(self, batch: Sequence[Sample | Event | Result | Finding]) -> None:
        self.told += batch


class HotDetector:
    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        return [Finding(time=s.time, source="hot", asset=s.asset, title="hot", severity=Severity.HIGH, firing=s.value > 50) for s in samples]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def sample(value: float) -> Sample:
    return Sample(time=NOW, asset="a", metric="t", value=value)


def test_a_batch_is_stored_judged_and_told(store: Store) -> None:
    alerting = Alerting()
    seen: list[Snapshot] = []
    read: list[Snapshot] = []
    pipeline = Pipeline(store=store, alerting=alerting, observers=[HotDetector()], clock=ManualClock(NOW), on_snapshot=seen.append, on_read=read.append)
    snapshot = Snapshot(time=NOW, asset="a", kind="sshd_config", body="permitrootlogin no")
    event = Event(id="1", time=NOW, asset="a", kind="log", message="hello")
    result = Result(time=NOW, asset="a", rule="reach", state=State.OK)
    pipeline.take("a", [sample(60), snapshot, event], [result])
    assert [type(told).__name__ for told in alerting.told] == ["Sample", "Event", "Result", "Finding"]
    assert store.metrics.series(Selector(metric="t"))[0].value == 60
    assert latest_snapshot(store, "a", "sshd_config") == snapshot
    assert seen == [snapshot]
    pipeline.take("a", [snapshot])
    assert seen == [snapshot]  # the same text again is no news
    assert read == [snapshot, snapshot]  # but it was read


class CountingReader:
    def __init__(self) -> None:
        self.read_at: list[tuple[int, datetime]] = []

    def read(self, events: Sequence[Event], now: datetime) -> list[Finding]:
        self.read_at.append((len(events), now))
        return [Finding(time=now, source="logs", asset=events[0].asset, title="t", severity=Severity.INFO, firing=True)]


def test_events_are_read_at_their_arrival_and_what_is_found_is_told(store: Store) -> None:
    alerting, reader = Alerting(), CountingReader()
    pipeline = Pipeline(store=store, alerting=alerting, observers=[], readers=[reader], clock=ManualClock(NOW))
    old = datetime(2020, 1, 1, tzinfo=UTC)
    pipeline.take("a", [Event(id=str(number), time=old, asset="a", kind="log", message="hello") for number in range(3)])
    pipeline.take("a", [sample(1)])
    assert reader.read_at == [(3, NOW)]
    assert [told.source for told in alerting.told if isinstance(told, Finding)] == ["logs"]


class Full:
    """A store whose disk is full."""

    def __init__(self, real: Store) -> None:
        self._real = real
        self.full = True

    @property
    def metrics(self) -> Any:
        if self.full:
            raise StoreAway("the disk is full")
        return self._real.metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_alerting_goes_on_while_the_store_refuses_and_it_is_said_once(store: Store) -> None:
    alerting, full = Alerting(), Full(store)
    pipeline = Pipeline(store=full, alerting=alerting, observers=[HotDetector()], clock=ManualClock(NOW))
    pipeline.take("a", [sample(60)])
    pipeline.take("a", [sample(61)])
    complaints = [told for told in alerting.told if isinstance(told, Finding) and told.source == SOURCE]
    assert [complaint.firing for complaint in complaints] == [True]
    assert sum(isinstance(told, Finding) and told.source == "hot" for told in alerting.told) == 2
    assert pipeline.counts.unstored == 2
    assert not pipeline.keep_and_tell("a", [sample(62)])
    full.full = False
    assert pipeline.keep_and_tell("a", [sample(40)])
    complaints = [told for told in alerting.told if isinstance(told, Finding) and told.source == SOURCE]
    assert [complaint.firing for complaint in complaints] == [True, False]
