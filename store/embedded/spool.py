"""The spool: what a shipper has still to take elsewhere, in the order in which it was written.

A row holds one batch whole and needs no other file to be read. Samples and events enter the spool before their own file, so that
a record which counts as a repeat after a crash has been spooled for certain; whoever receives a batch twice must know it by its ids.
An audit entry enters in the same transaction as the chain. Documents are not spooled: a conditional write is decided
in one place, and sending it later would decide it twice.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final, Literal

import structlog

from core.clock import Clock
from core.errors import StoreAway
from core.records import Event, Sample
from store.base import AuditEntry
from store.embedded.database import Database
from store.embedded.state import add_number, get_number
from store.embedded.text import dumps, millis, time_of

log = structlog.get_logger(__name__)
LIMIT_BYTES: Final = 2 << 30
Stream = Literal["metrics", "events", "audit"]
Records = tuple[Sample, ...] | tuple[Event, ...] | tuple[AuditEntry, ...]


@dataclass(frozen=True, slots=True)
class Spooled:
    """One batch that waits; ``id`` grows, and acknowledging it acknowledges everything before it.

    ``rows`` is the batch as it was kept. Samples: one row [milliseconds, asset, labels, {metric: value}] for each moment of a label set.
    """

    id: int
    stream: Stream
    rows: list[list[Any]]

    @property
    def records(self) -> Records:
        """The batch as records; samples come grouped by moment and label set."""
        return tuple(chain.from_iterable(_RECORDS[self.stream](row) for row in self.rows))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that the receiver will never take: which stream, which id there, why, and the record as JSON text."""

    stream: str
    record: str
    reason: str
    body: str


class Spool:
    """Bounded by ``limit_bytes``: the oldest samples go first and are counted; events and audit entries then make their source wait."""

    def __init__(self, state: Database, clock: Clock, limit_bytes: int = LIMIT_BYTES) -> None:
        self._state, self._clock, self._limit = state, clock, limit_bytes

    def append(self, stream: Stream, records: Sequence[Sample] | Sequence[Event]) -> None:
        """Make a batch durable; raises StoreAway when the spool is full of what may not be dropped."""
        data = encode(stream, records)
        with self._state.writing() as con:
            self.append_within(con, stream, len(records), data)

    def append_within(self, con: sqlite3.Connection, stream: Stream, n: int, data: bytes) -> None:
        """The same inside a transaction of state.db."""
        con.execute("INSERT INTO spool(stream, n, bytes, data) VALUES(?, ?, ?, ?)", (stream, n, len(data), data))
        add_number(con, "spool_records", n)
        if add_number(con, "spool_bytes", len(data)) > self._limit and self._drop_oldest(con) > self._limit and stream != "metrics":
            raise StoreAway(
                "the queue to Elasticsearch is full; bring Elasticsearch back, or give the queue's disk and limit more room. New events wait at their source"
            )

    def take(self, after: int, limit: int) -> list[Spooled]:
        """Batches after the cursor ``after`` in order: as many as hold about ``limit`` records, at least one when there is any."""
        found: list[Spooled] = []
        with self._state.reading() as con:
            for id_, stream, n, data in con.execute("SELECT id, stream, n, data FROM spool WHERE id > ? ORDER BY id", (after,)):
                if found and limit < n:
                    break
                found.append(Spooled(id_, stream, _rows(id_, data)))
                limit -= n
        return found

    def advance(self, to: int) -> None:
        """Everything up to the batch ``to`` has arrived."""
        with self._state.writing() as con:
            self._forget(con, "id <= ?", to)

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        """Keep what the receiver refused for good."""
        now = millis(self._clock.now())
        with self._state.writing() as con:
            con.executemany(
                "INSERT INTO dead_letter(time, stream, record, reason, body) VALUES(?, ?, ?, ?, ?)",
                [(now, letter.stream, letter.record, letter.reason, letter.body) for letter in letters],
            )

    def dead_letters(self, limit: int = 100) -> list[tuple[datetime, DeadLetter]]:
        """The newest refused records, newest first, with the time of the refusal."""
        with self._state.reading() as con:
            rows = con.execute("SELECT time, stream, record, reason, body FROM dead_letter ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [(time_of(row[0]), DeadLetter(*row[1:])) for row in rows]

    def figures(self) -> dict[str, float]:
        """Numbers for Health."""
        with self._state.reading() as con:
            numbers = {name: float(get_number(con, name)) for name in ("spool_records", "spool_bytes", "spool_dropped")}
            return {**numbers, "dead_letters": float(con.execute("SELECT count(*) FROM dead_letter").fetchone()[0])}

    def _drop_oldest(self, con: sqlite3.Connection) -> int:
        """Drop the oldest samples down to nine tenths of the limit; returns the bytes left."""
        left = get_number(con, "spool_bytes")
        over, last = left - self._limit * 9 // 10, 0
        for id_, size in con.execute("SELECT id, bytes FROM spool WHERE stream='metrics' ORDER BY id"):
            if over <= 0:
                break
            over, last = over - size, id_
        if last:
            add_number(con, "spool_dropped", self._forget(con, "stream='metrics' AND id <= ?", last))
        return get_number(con, "spool_bytes")

    @staticmethod
    def _forget(con: sqlite3.Connection, which: str, to: int) -> int:
        records, size = con.execute(f"SELECT coalesce(sum(n), 0), coalesce(sum(bytes), 0) FROM spool WHERE {which}", (to,)).fetchone()  # noqa: S608 - our own text
        con.execute(f"DELETE FROM spool WHERE {which}", (to,))  # noqa: S608
        add_number(con, "spool_records", -records)
        add_number(con, "spool_bytes", -size)
        return int(records)


def encode(stream: Stream, records: Sequence[Sample] | Sequence[Event] | Sequence[AuditEntry]) -> bytes:
    """A batch as compressed JSON that stands for itself."""
    return zlib.compress(dumps(_ROWS[stream](records)).encode(), 1)


def _rows(id: int, data: bytes) -> list[list[Any]]:
    """The rows of a batch; one that was damaged on the disk is told and empty, so that those after it still go."""
    try:
        rows: list[list[Any]] = json.loads(zlib.decompress(data))
    except (zlib.error, ValueError) as err:
        log.warning("a batch in the spool is damaged and left out", batch=id, reason=str(err))
        return []
    return rows


def _sample_rows(samples: Sequence[Sample]) -> list[list[Any]]:
    """Samples of one asset, label set and moment share a row: a tenth of the work for whoever reads the spool."""
    rows: dict[tuple[int, str, tuple[tuple[str, str], ...]], list[Any]] = {}
    time, ms = None, 0
    for sample in samples:
        if sample.time is not time:
            time, ms = sample.time, millis(sample.time)
        key = (ms, sample.asset, tuple(sample.labels.items()))
        row = rows.get(key)
        if row is None:
            row = rows[key] = [ms, sample.asset, dict(sample.labels), {}]
        row[3].setdefault(sample.metric, float(sample.value))
    return list(rows.values())


def _samples(row: list[Any]) -> list[Sample]:
    time, asset, labels, values = row
    at = time_of(time)
    return [Sample(time=at, asset=asset, metric=metric, value=value, labels=labels) for metric, value in values.items()]


def _event_row(event: Event) -> list[Any]:
    return [event.id, millis(event.time), event.asset, event.kind, event.message, dict(event.fields)]


def _event(row: list[Any]) -> list[Event]:
    return [Event(id=row[0], time=time_of(row[1]), asset=row[2], kind=row[3], message=row[4], fields=row[5])]


def _entry_row(entry: AuditEntry) -> list[Any]:
    return [entry.seq, entry.time.isoformat(), entry.actor, entry.action, entry.object, entry.body, entry.previous, entry.hash]


def _entry(row: list[Any]) -> list[AuditEntry]:
    seq, time, actor, action, object_, body, previous, digest = row
    return [AuditEntry(seq=seq, time=datetime.fromisoformat(time), actor=actor, action=action, object=object_, body=body, previous=previous, hash=digest)]


_ROWS: Final[dict[str, Any]] = {
    "metrics": _sample_rows,
    "events": lambda events: [_event_row(event) for event in events],
    "audit": lambda entries: [_entry_row(entry) for entry in entries],
}
_RECORDS: Final[dict[str, Any]] = {"metrics": _samples, "events": _event, "audit": _entry}
