"""A whole store on Elasticsearch with the embedded store before it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final, Literal, TypeVar

import structlog

from core.clock import Clock, SystemClock
from core.errors import StoreAway, StoreError
from core.records import Event, Sample
from store.base import Agg, Bucket, Health, Page, Retention, Selector, Series, Store, Written
from store.elastic import events, schema, series
from store.elastic.audit import Chain, ElasticAudit, begin_chain, chain_of
from store.elastic.documents import LONG_AGO, ElasticDocuments
from store.elastic.lifecycle import Way, apply_retention, find_way
from store.elastic.link import LENIENT, Address, Link
from store.elastic.mirror import OURS
from store.elastic.names import Names
from store.elastic.queue import SpoolQueue
from store.elastic.rollup import Rollups
from store.elastic.ship import Shipper
from store.embedded import EmbeddedStore, open_embedded
from store.filter import EVERYTHING, Filter

Role = Literal["service", "console"]
T = TypeVar("T")
log = structlog.get_logger(__name__)

TOMBSTONES_KEPT: Final = timedelta(days=7)
LOCAL_KEPT: Final = timedelta(days=14)
HEAR_EVERY_S: Final = 5.0


class ElasticMetrics:
    """Implements store.base.Metrics: written locally, read from the servers, from the local copy while they are away."""

    def __init__(self, link: Link, names: Names, local: Store, rollups: Rollups, wake: Callable[[], None]) -> None:
        self._link, self._names, self._local, self._rollups, self._wake = link, names, local.metrics, rollups, wake

    def write(self, samples: Sequence[Sample]) -> Written:
        """Durable on this node at once, shipped soon."""
        written = self._local.write(samples)
        self._wake()
        return written

    def range(
        self, selector: Selector, since: datetime, until: datetime, step: timedelta | None = None, agg: Agg = "avg", by: Sequence[str] | None = None
    ) -> list[Series]:
        """Points in [since, until); days past the age of raw samples come from the hourly roll-ups."""
        try:
            return self._rollups.read(selector, since, until, step, agg, by)
        except StoreAway:
            return self._local.range(selector, since, until, step, agg, by)

    def latest(self, selector: Selector, max_age: timedelta, now: datetime) -> list[Sample]:
        """The newest sample of each series; this node's own ones without waiting for the servers."""
        return self._newest(self._local.latest(selector, max_age, now), selector, now - max_age)

    def series(self, selector: Selector) -> list[Sample]:
        """Every known series, as its newest known sample."""
        return self._newest(self._local.series(selector), selector, None)

    def _newest(self, local: list[Sample], selector: Selector, since: datetime | None) -> list[Sample]:
        try:
            remote = series.newest(self._link, self._names, selector, since)
        except StoreAway:
            return local
        found = {sample.series: sample for sample in remote}
        for sample in local:
            if sample.series not in found or sample.time >= found[sample.series].time:
                found[sample.series] = sample
        return sorted(found.values(), key=lambda sample: series.order_of(sample.metric, sample.asset, sample.labels))


class ElasticEvents:
    """Implements store.base.Events in the same way."""

    def __init__(self, link: Link, names: Names, local: Store, wake: Callable[[], None]) -> None:
        self._link, self._names, self._local, self._wake = link, names, local.events, wake

    def write(self, written: Sequence[Event]) -> Written:
        """Durable on this node at once, shipped soon."""
        result = self._local.write(written)
        self._wake()
        return result

    def search(self, where: Filter = EVERYTHING, *, since: datetime, until: datetime, limit: int = 100, cursor: str | None = None) -> Page[Event]:
        """Events in [since, until), newest first."""
        if cursor is None or not cursor.startswith("l"):
            try:
                return events.read_page(self._link, self._names, where, since, until, limit, cursor)
            except StoreAway:
                if cursor is not None:
                    raise
        page = self._local.search(where, since=since, until=until, limit=limit, cursor=cursor[1:] if cursor else None)
        return Page(page.items, f"l{page.cursor}" if page.cursor else None, page.total)

    def histogram(self, where: Filter, since: datetime, until: datetime, interval: timedelta, by: str | None = None, size: int = 20) -> list[Bucket]:
        """Counts per interval, empty ones included."""
        return self._either(
            lambda: events.histogram(self._link, self._names, where, since, until, interval, by, size),
            lambda: self._local.histogram(where, since, until, interval, by, size),
        )

    def top(self, where: Filter, since: datetime, until: datetime, field: str, size: int = 20) -> list[tuple[str, int]]:
        """The most frequent values of ``field``."""
        return self._either(
            lambda: events.top(self._link, self._names, where, since, until, field, size), lambda: self._local.top(where, since, until, field, size)
        )

    def count(self, where: Filter, since: datetime, until: datetime) -> int:
        """How many events."""
        return self._either(lambda: events.count(self._link, self._names, where, since, until), lambda: self._local.count(where, since, until))

    @staticmethod
    def _either(remote: Callable[[], T], local: Callable[[], T]) -> T:
        try:
            return remote()
        except StoreAway:
            return local()


class ElasticStore:
    """Implements store.base.Store."""

    def __init__(self, link: Link, names: Names, local: EmbeddedStore, folder: Path, clock: Clock) -> None:
        self._link, self._names, self._local = link, names, local
        self.documents = ElasticDocuments(link, names, local.documents, clock)
        chain = chain_of(local) or self._adopt()
        self._shipper = Shipper(SpoolQueue(local, names, chain.id), link, names, self._beside)
        self._heard_until, self._hear_at = LONG_AGO, float("-inf")
        self._way: Way | None = None
        self._rollups = Rollups(link, names, clock)
        self.metrics = ElasticMetrics(link, names, local, self._rollups, self._shipper.wake)
        self.events = ElasticEvents(link, names, local, self._shipper.wake)
        self.audit = ElasticAudit(link, names, local.audit, chain)
        self._lock = _claim(folder / "ship.lock")
        if self._lock is not None:
            self._shipper.start()

    def refresh(self) -> None:
        """Ship what waits, then make it visible; at once when the servers are away (reads are local then)."""
        if self._lock is not None:
            self._shipper.flush(60)
        try:
            for stream in self._names.streams:
                self._link.call("POST", f"/{stream}/_refresh", params=LENIENT)
        except StoreAway:
            return

    def maintain(self, retention: Retention, now: datetime) -> Mapping[str, int]:
        """Local copy, roll-ups, age of the streams, tombstones. What is not shipped yet is never removed."""
        kept = Retention(
            raw_metrics=min(retention.raw_metrics, LOCAL_KEPT), rollups=min(retention.rollups, LOCAL_KEPT), events=min(retention.events, LOCAL_KEPT)
        )
        done = dict(self._local.maintain(kept, now))
        try:
            done["rolled_up_hours"] = self._rollups.roll_up(now)
            self._way = self._way or find_way(self._link, self._names)
            done["indices_removed"] = apply_retention(self._link, self._names, self._way, retention, now)
            done["tombstones_removed"] = self.documents.purge(now - TOMBSTONES_KEPT)
        except StoreAway as err:
            log.warning("elasticsearch away, its upkeep waits", reason=str(err))
        return done

    def health(self) -> Health:
        """Says since when the servers are away, how much waits, how much was refused."""
        local = self._local.health()
        self._link.look()
        figures = {**local.figures, **self._shipper.figures, "documents_waiting": self._waiting()}
        away = self._link.away_since
        if away is not None:
            text = f"Elasticsearch has been away since {away:%Y-%m-%d %H:%M:%SZ} ({self._link.reason}); collecting goes on, what is read comes from this node"
        elif figures.get("dead_letters", 0):
            text = f"Elasticsearch answers; it refused {figures['dead_letters']:.0f} records, which are kept as dead letters with the reason"
        else:
            text = "Elasticsearch answers"
        ok = local.ok and away is None and not figures.get("dead_letters", 0)
        return Health(ok=ok, backend="elastic", message=text if local.ok else f"{text}; {local.message}", figures=figures)

    def _waiting(self) -> float:
        try:
            return self.documents.waiting
        except StoreError:
            return float("nan")

    def close(self) -> None:
        """Stop shipping (the rest goes at the next start) and release everything."""
        self._shipper.stop()
        self._local.close()
        self._link.close()
        if self._lock is not None:
            self._lock.close()

    def _adopt(self) -> Chain:
        """Bring along the documents of a folder that was used without Elasticsearch so far (accounts, assets ...), then begin its chain."""
        for kind in self._local.documents.kinds():
            cursor: str | None = None
            while not kind.startswith(OURS):
                page = self._local.documents.find(kind, cursor=cursor)
                for document in page.items:
                    self.documents.adopt(document)
                if (cursor := page.cursor) is None:
                    break
        return begin_chain(self._local)

    def _beside(self) -> None:
        self.documents.send_pending()
        if time.monotonic() - self._hear_at >= HEAR_EVERY_S:
            self._heard_until = self.documents.hear(self._heard_until - timedelta(minutes=1)) if self._heard_until > LONG_AGO else self.documents.hear(LONG_AGO)
            self._hear_at = time.monotonic()


def _claim(path: Path) -> IO[str] | None:
    """One process of a folder ships; None when another one does."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def open_elastic(
    url: str,
    folder: Path,
    role: Role = "service",
    *,
    username: str = "",
    password: str = "",
    api_key: str = "",
    ca_file: Path | None = None,
    namespace: str = "default",
    replicas: int = 1,
    clock: Clock | None = None,
) -> ElasticStore:
    """Open the store on the servers at ``url`` with its local part in ``folder``.

    Raises ConfigError for what can never work (other product or version, wrong password, untrusted certificate). Servers that are
    merely away do not keep the service from starting.
    """
    names, clock = Names(namespace), clock or SystemClock()
    address = Address(url=url, username=username, password=password, api_key=api_key, ca_file=ca_file)
    link = Link(address, clock, lambda ready: schema.apply(ready, names, replicas))
    try:
        link.prepare()
    except StoreAway as err:
        log.warning("elasticsearch away, collecting goes on", reason=str(err))
    return ElasticStore(link, names, open_embedded(folder, role, spool=True, clock=clock), folder, clock)
