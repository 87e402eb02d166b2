"""What a store can do, in four small protocols that mean the same on every back end.

``metrics`` holds samples, ``events`` what happened, ``documents`` things that change (assets, incidents,
rules, intents ...), ``audit`` the hash-chained record of who did what. The contract suite
``tests/conformance/test_store.py`` says the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from core.records import Event, Labels, Sample
from store.filter import EVERYTHING, Filter

Agg = Literal["avg", "min", "max", "sum", "count", "last"]
Body = dict[str, Any]
T = TypeVar("T")


class Expect(StrEnum):
    """What a conditional write expects besides a concrete version."""

    ANY = "any"
    ABSENT = "absent"


ANY: Final = Expect.ANY
ABSENT: Final = Expect.ABSENT


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: new ones, repeats (a no-op) and the refused ones with their reason."""

    accepted: int
    duplicates: int = 0
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which series: by metric and optionally asset(s) and labels. Empty parts select everything.

    ``labels`` values: "x" equal, "!x" not equal, "x*" prefix; a tuple means any of.
    """

    metric: str | tuple[str, ...] = ()
    asset: str | tuple[str, ...] = ()
    labels: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points of one series (or of one group of series), oldest first; an empty bucket is absent."""

    metric: str
    asset: str
    labels: Labels
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; ``cursor`` asks for the next one, None means this was the last."""

    items: tuple[T, ...]
    cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar of a histogram: its start, the number of events, and the numbers by value of ``by``."""

    start: datetime
    count: int
    by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A stored document; ``version`` is opaque and changes at each write."""

    kind: str
    id: str
    version: str
    updated: datetime
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One link of the audit chain. ``hash`` covers everything else, ``previous`` is the hash before."""

    seq: int
    time: datetime
    actor: str
    action: str
    object: str
    body: Body
    previous: str
    hash: str


class Metrics(Protocol):
    """Samples, append-only; the first value of a series at one millisecond wins."""

    def write(self, samples: Sequence[Sample]) -> Written:
        """Make the batch durable; NaN and infinities are rejected one by one, the others are kept."""
        ...

    def range(
        self,
        selector: Selector,
        since: datetime,
        until: datetime,
        step: timedelta | None = None,
        agg: Agg = "avg",
        by: Sequence[str] | None = None,
    ) -> list[Series]:
        """Points in [since, until). With ``step``: buckets aligned to the epoch, aggregated by ``agg``.

        ``by`` groups series by "asset" or label names (needs ``step``); None keeps every series apart.
        """
        ...

    def latest(self, selector: Selector, max_age: timedelta, now: datetime) -> list[Sample]:
        """The newest sample of each series that is not older than ``max_age``."""
        ...

    def series(self, selector: Selector) -> list[Sample]:
        """Every known series, as its newest known sample."""
        ...


class Events(Protocol):
    """Events, append-only; the first event of an id wins."""

    def write(self, events: Sequence[Event]) -> Written:
        """Make the batch durable."""
        ...

    def search(self, where: Filter = EVERYTHING, *, since: datetime, until: datetime, limit: int = 100, cursor: str | None = None) -> Page[Event]:
        """Events in [since, until), newest first (time, then id, both descending)."""
        ...

    def histogram(self, where: Filter, since: datetime, until: datetime, interval: timedelta, by: str | None = None, size: int = 20) -> list[Bucket]:
        """Counts per interval, aligned to the epoch, empty buckets included; ``by`` splits by the top values of a field."""
        ...

    def top(self, where: Filter, since: datetime, until: datetime, field: str, size: int = 20) -> list[tuple[str, int]]:
        """The most frequent values of ``field`` with their counts, most frequent first."""
        ...

    def count(self, where: Filter, since: datetime, until: datetime) -> int:
        """How many events."""
        ...


class Documents(Protocol):
    """Things that change; every write is conditional when the caller says what it expects."""

    def get(self, kind: str, id: str) -> Document:
        """The document; raises NotFound."""
        ...

    def put(self, kind: str, id: str, body: Body, expect: str | Expect = ANY) -> Document:
        """Write; raises Conflict when the stored version is not ``expect``. Visible to ``find`` at once."""
        ...

    def find(self, kind: str, where: Filter = EVERYTHING, *, sort: str = "", limit: int = 1000, cursor: str | None = None) -> Page[Document]:
        """Documents of a kind, sorted by a body field ("-field" descending, ties by id), else by id."""
        ...

    def delete(self, kind: str, id: str, expect: str | Expect = ANY) -> None:
        """Remove; raises NotFound or Conflict."""
        ...


class Audit(Protocol):
    """The hash chain of who did what. Nothing here can be changed or removed."""

    def append(self, *, time: datetime, actor: str, action: str, object: str, body: Body) -> AuditEntry:
        """Add one entry; when this fails the action must not happen."""
        ...

    def read(
        self, *, after: int = 0, limit: int = 1000, actor: str | None = None, action: str | None = None, object: str | None = None, newest: bool = False
    ) -> list[AuditEntry]:
        """Entries with ``seq`` above ``after`` in order (``newest``: the last ones, newest first)."""
        ...

    def verify(self) -> int | None:
        """None when the chain is whole, else the ``seq`` of the first broken entry."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is kept; log and audit ages under 190 days are refused when settings are read."""

    raw_metrics: timedelta = timedelta(days=60)
    rollups: timedelta = timedelta(days=400)
    events: timedelta = timedelta(days=190)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the store is: ``ok``, one sentence, and numbers (bytes, queue length, dead letters ...)."""

    ok: bool
    backend: str
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)


class Store(Protocol):
    """A whole store."""

    @property
    def metrics(self) -> Metrics:
        """Samples."""
        ...

    @property
    def events(self) -> Events:
        """Events."""
        ...

    @property
    def documents(self) -> Documents:
        """Things that change."""
        ...

    @property
    def audit(self) -> Audit:
        """Who did what."""
        ...

    def refresh(self) -> None:
        """Make everything written so far visible to searches."""
        ...

    def maintain(self, retention: Retention, now: datetime) -> Mapping[str, int]:
        """Compact, roll up, delete what is past its age; returns counts by kind of work."""
        ...

    def health(self) -> Health:
        """Never raises."""
        ...

    def close(self) -> None:
        """Release files, locks and connections."""
        ...
