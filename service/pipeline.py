"""The way of a record: stored durably, then judged, then told to the alerting.

One batch is what one poll (or one listener) brought of one asset. A store that fails never stops the judging: the batch is
counted as unstored, a finding about the product itself is raised, and detectors and alerting go on from memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.records import Event, Finding, Record, Result, Sample, Severity, Snapshot
from service.pulse import SELF
from store.base import Store
from store.snapshots import save_snapshot

log = structlog.get_logger("pipeline")
SOURCE: Final = "self.store"


class Observer(Protocol):
    """Whatever judges samples."""

    def observe(self, samples: Sequence[Sample]) -> Iterable[Finding]:
        """Findings that fire or clear because of ``samples``."""
        ...


class Reader(Protocol):
    """Whatever judges events."""

    def read(self, events: Sequence[Event], now: datetime) -> Iterable[Finding]:
        """Findings that fire or clear because of ``events`` that came ``now``."""
        ...


class Told(Protocol):
    """The alerting, as far as the pipeline knows it."""

    def observe(self, batch: Sequence[Sample | Event | Result | Finding]) -> None:
        """Take in what was seen; durable when it returns."""
        ...


@dataclass
class Counts:
    """What went through, since the start."""

    samples: int = 0
    events: int = 0
    snapshots: int = 0
    results: int = 0
    findings: int = 0
    rejected: int = 0
    unstored: int = 0
    seconds: float = 0.0


@dataclass
class Pipeline:
    """Thread-safe: many polls end at once, judging is one at a time.

    ``on_read`` is called with each snapshot that is kept, ``on_snapshot`` with those that say something new.
    """

    store: Store
    alerting: Told
    observers: Sequence[Observer]
    clock: Clock
    on_snapshot: Callable[[Snapshot], None] = lambda _snapshot: None
    on_read: Callable[[Snapshot], None] = lambda _snapshot: None
    readers: Sequence[Reader] = ()
    counts: Counts = field(default_factory=Counts)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _store_failed: bool = False

    def take(self, asset: str, records: Sequence[Record], results: Sequence[Result] = (), findings: Sequence[Finding] = ()) -> None:
        """One batch, all the way (the runner's sink); ``asset`` is for the log."""
        self.keep_and_tell(asset, records, results, findings)

    def keep_and_tell(self, asset: str, records: Sequence[Record], results: Sequence[Result] = (), findings: Sequence[Finding] = ()) -> bool:
        """As ``take``; says whether the records are durable, for senders that can offer them again."""
        started = time.perf_counter()
        samples = [record for record in records if isinstance(record, Sample)]
        events = [record for record in records if isinstance(record, Event)]
        snapshots = [record for record in records if isinstance(record, Snapshot)]
        complaint, changed = self._keep(samples, events, snapshots)
        with self._lock:
            judged = [*findings, *complaint, *self._judge(samples), *self._read(events)]
            self.alerting.observe([*samples, *events, *results, *judged])
            self._count((len(samples), len(events), len(snapshots), len(results), len(judged)), time.perf_counter() - started)
        log.debug("batch", asset=asset, records=len(records))
        for snapshot in changed:
            self.on_snapshot(snapshot)
        for snapshot in [] if self._store_failed else snapshots:
            self.on_read(snapshot)
        return not self._store_failed

    def pause(self) -> AbstractContextManager[object]:
        """Within it nothing is judged: for whoever reads or teaches the detectors."""
        return self._lock

    def tell(self, findings: Sequence[Finding]) -> None:
        """Findings that did not come out of a batch (compliance, own health)."""
        if not findings:
            return
        with self._lock:
            self.counts.findings += len(findings)
            self.alerting.observe(list(findings))

    def _keep(self, samples: Sequence[Sample], events: Sequence[Event], snapshots: Sequence[Snapshot]) -> tuple[list[Finding], list[Snapshot]]:
        """Store a batch; returns the finding to tell when the store began or ceased to fail, and the snapshots with news."""
        changed: list[Snapshot] = []
        try:
            if samples:
                self.counts.rejected += len(self.store.metrics.write(samples).rejected)
            if events:
                self.counts.rejected += len(self.store.events.write(events).rejected)
            changed += [snapshot for snapshot in snapshots if save_snapshot(self.store, snapshot)]
        except StoreError as err:
            return self._store_state(str(err), len(samples) + len(events) + len(snapshots)), changed
        return self._store_state("", 0), changed

    def _store_state(self, error: str, unstored: int) -> list[Finding]:
        self.counts.unstored += unstored
        if bool(error) == self._store_failed:
            return []
        self._store_failed = bool(error)
        if error:
            log.error("the store refuses records; alerting goes on from memory", error=error)
        else:
            log.info("the store takes records again", unstored=self.counts.unstored)
        return [store_finding(error, self.clock.now())]

    def _judge(self, samples: Sequence[Sample]) -> list[Finding]:
        return [finding for observer in self.observers for finding in observer.observe(samples)] if samples else []

    def _read(self, events: Sequence[Event]) -> list[Finding]:
        return [finding for reader in self.readers for finding in reader.read(events, self.clock.now())] if events else []

    def _count(self, numbers: tuple[int, int, int, int, int], seconds: float) -> None:
        counts = self.counts
        for name, number in zip(("samples", "events", "snapshots", "results", "findings"), numbers, strict=True):
            setattr(counts, name, getattr(counts, name) + number)
        counts.seconds += seconds


def store_finding(error: str, now: datetime) -> Finding:
    """The product's own finding that its store refuses records, or takes them again."""
    evidence = {
        "error": error,
        "zh": f"存储拒绝写入：{error}" if error else "存储恢复写入",
        "en": f"the store refuses records: {error}" if error else "the store takes records again",
    }
    return Finding(
        time=now, source=SOURCE, asset=SELF, title="存储拒绝写入 / The store refuses records", severity=Severity.CRITICAL, firing=bool(error), evidence=evidence
    )
