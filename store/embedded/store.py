"""The embedded store as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from core.clock import Clock, SystemClock
from core.errors import StoreError
from store.base import Health, Retention
from store.embedded.audit import EmbeddedAudit
from store.embedded.compaction import Compaction
from store.embedded.database import Damaged, Database
from store.embedded.documents import EmbeddedDocuments
from store.embedded.events import EmbeddedEvents
from store.embedded.metrics import EmbeddedMetrics
from store.embedded.place import ServiceLock, prepare_folder
from store.embedded.series_file import SeriesFile
from store.embedded.spool import LIMIT_BYTES, DeadLetter, Spool, Spooled
from store.embedded.state import open_state
from store.embedded.upkeep import Upkeep, may_remove

Role = Literal["service", "console"]
_LEAST_FREE: Final = 500 << 20


class EmbeddedStore:
    """Implements store.base.Store. The "service" writes everything; a "console" reads everything and writes documents and audit."""

    def __init__(self, folder: Path, role: Role, spool: Spool | None, state: Database, clock: Clock, lock: ServiceLock | None) -> None:
        self._folder, self._state, self._lock, self._spool = folder, state, lock, spool
        self._series = SeriesFile(folder)
        writer = role == "service"
        aside = self._series.create(may_set_aside=writer)
        compaction = Compaction(self._series)
        self._upkeep = Upkeep(compaction, self._tail_samples(), self._replace_damaged)
        self.metrics = EmbeddedMetrics(self._series, compaction, spool, writer, self._upkeep.written)
        self.events = EmbeddedEvents(folder, spool, writer)
        self.documents = EmbeddedDocuments(state, clock)
        self.audit = EmbeddedAudit(state, spool)
        if aside:
            self.metrics.set_aside.append(aside)
        if writer:
            self._upkeep.start()

    def refresh(self) -> None:
        """Nothing to do: what was written is visible at once."""

    def compact(self) -> int:
        """Move the newest samples into compressed blocks now; returns how many."""
        return self._upkeep.compact()

    def maintain(self, retention: Retention, now: datetime) -> Mapping[str, int]:
        """Compact when it is time, remove what is past its age unless the clock jumped, give space back. Cheap enough for every minute."""
        done = {"samples_compacted": self._upkeep.compact_when_due()}
        if may_remove(self._state, now):
            done |= self.metrics.expire(now - retention.raw_metrics, now - retention.rollups)
            done["event_files_removed"] = self.events.expire(now - retention.events)
        for file in (self._state, self._series.database):
            file.shrink()
            file.checkpoint()
        return done

    def health(self) -> Health:
        """Never raises."""
        try:
            figures, problems = self._figures(), self._problems()
        except (StoreError, OSError) as err:
            return Health(ok=False, backend="embedded", message=str(err))
        return Health(ok=not problems, backend="embedded", message="; ".join(problems) or "the embedded store works", figures=figures)

    def spool_take(self, after: int, limit: int) -> list[Spooled]:
        """Batches that wait, after the cursor ``after``, in order: at least one when there is any, about ``limit`` records in all."""
        return self._spooling().take(after, limit)

    def spool_advance(self, to: int) -> None:
        """Everything up to the batch ``to`` has arrived."""
        self._spooling().advance(to)

    def spool_bury(self, letters: Iterable[DeadLetter]) -> None:
        """Keep what the receiver refused for good."""
        self._spooling().bury(letters)

    def spool_figures(self) -> dict[str, float]:
        """spool_records, spool_bytes, spool_dropped (samples, ever), dead_letters."""
        return self._spooling().figures()

    def dead_letters(self, limit: int = 100) -> list[tuple[datetime, DeadLetter]]:
        """The newest refused records with the time of the refusal, newest first."""
        return self._spooling().dead_letters(limit)

    def close(self) -> None:
        """End the upkeep, move the write-ahead logs into the files, release everything."""
        self._upkeep.stop()
        self.events.close()
        self._series.database.close()
        self._state.close()
        if self._lock is not None:
            self._lock.release()

    def _replace_damaged(self) -> None:
        self.metrics.replace_damaged()

    def _spooling(self) -> Spool:
        if self._spool is None:
            raise StoreError("this store was opened without a spool")
        return self._spool

    def _tail_samples(self) -> int:
        with self._series.database.reading() as con:
            return int(con.execute("SELECT coalesce(sum(n), 0) FROM hot").fetchone()[0])

    def _figures(self) -> dict[str, float]:
        with self._series.sight() as sight:
            series = len(sight.catalogue)
        figures = {
            "metric_bytes": float(self._series.database.bytes),
            "state_bytes": float(self._state.bytes),
            "series": float(series),
            "tail_samples": float(self._tail_samples()),
            "free_bytes": float(shutil.disk_usage(self._folder).free),
            **self.events.figures(),
        }
        return figures | (self._spool.figures() if self._spool is not None else {})

    def _problems(self) -> list[str]:
        found = [f"damaged and set aside: {name}" for name in (*self.metrics.set_aside, *sorted(self.events.damaged))]
        found += [f"{what} ({times} times)" for what, times in self._series.complaints.items()]
        if shutil.disk_usage(self._folder).free < _LEAST_FREE:
            found.append(f"less than 500 MB are free on the disk of {self._folder}; make room before it is full")
        return found


def open_embedded(
    folder: Path, role: Role = "service", *, spool: bool = False, spool_limit_bytes: int = LIMIT_BYTES, clock: Clock | None = None
) -> EmbeddedStore:
    """Open or make the store in ``folder``. One service at a time; consoles beside it, or without it.

    Raises StoreLocked (another service, with its process id), ConfigError (network file system), StoreAway (read-only, full) and
    StoreError (state.db damaged: it holds accounts and the audit chain and is never replaced by an empty one).
    """
    place, clock = prepare_folder(folder), clock or SystemClock()
    lock = ServiceLock(place) if role == "service" else None
    state = open_state(place)
    try:
        try:
            state.create()
        except Damaged as err:
            raise StoreError(
                f"{err}. It holds accounts and the audit chain: restore it from a backup (wanglou restore), or mend a copy of it with sqlite3 .recover"
            ) from err
        return EmbeddedStore(place, role, Spool(state, clock, spool_limit_bytes) if spool else None, state, clock, lock)
    except BaseException:
        state.close()
        if lock is not None:
            lock.release()
        raise
