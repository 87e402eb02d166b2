"""When the tail is moved into blocks, and whether the clock may be trusted with removing what is old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from core.errors import StoreError
from store.embedded.compaction import Compaction
from store.embedded.database import Damaged, Database
from store.embedded.state import get_number, set_number
from store.embedded.text import millis, time_of

log = structlog.get_logger(__name__)
_PER_SERIES: Final = 100
_FEWEST: Final = 20_000
_MOST: Final = 2_000_000
_OLDEST_S: Final = 7200.0
_LOOK_EVERY_S: Final = 60.0
JUMP: Final = timedelta(days=1)


class Upkeep:
    """A thread that compacts when the tail holds 100 samples per series (at least 20,000), two million, or is two hours old."""

    def __init__(self, compaction: Compaction, tail_samples: int, replace_damaged: Callable[[], None]) -> None:
        """``replace_damaged`` is called when the file turns out to be damaged."""
        self._compaction, self._replace_damaged = compaction, replace_damaged
        self._tail, self._series = tail_samples, 0
        self._since: float | None = time.monotonic() if tail_samples else None
        self._due, self._stop = threading.Event(), threading.Event()
        self._compacted = False
        self._thread = threading.Thread(target=self._run, name="compaction", daemon=True)
        self._busy = threading.Lock()

    @property
    def tail_samples(self) -> int:
        """About how many samples are in the tail."""
        return self._tail

    def start(self) -> None:
        """Begin to look after the tail."""
        self._thread.start()

    def stop(self) -> None:
        """End; a compaction that has begun is finished first."""
        self._stop.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def written(self, samples: int, series: int) -> None:
        """So many samples went into the tail."""
        self._tail, self._series = self._tail + samples, series
        if self._since is None:
            self._since = time.monotonic()
        if self._full():
            self._due.set()

    def compact(self) -> int:
        """Move the whole tail now; returns the number of samples."""
        with self._busy:
            self._since, self._compacted = None, True
            before = self._tail
            try:
                moved = self._compaction.run()
            except Damaged:
                self._replace_damaged()
                moved = self._compaction.run()
            self._tail = max(0, self._tail - before)
            return moved

    def compact_when_due(self) -> int:
        """The same, unless the tail is small and young; the first time always."""
        return self.compact() if self._due_now() or not self._compacted else 0

    def _due_now(self) -> bool:
        return self._full() or (self._since is not None and time.monotonic() - self._since > _OLDEST_S)

    def _full(self) -> bool:
        return self._tail >= min(max(_PER_SERIES * self._series, _FEWEST), _MOST)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._due.wait(_LOOK_EVERY_S)
            self._due.clear()
            if self._stop.is_set() or not self._due_now():
                continue
            try:
                self.compact()
            except StoreError as err:
                log.warning("the newest samples could not be compacted; they are kept as they are", reason=str(err))
                self._stop.wait(_LOOK_EVERY_S)


def may_remove(state: Database, now: datetime) -> bool:
    """Whether ``now`` may decide what is old: after a jump of the clock by more than a day only when it has gone on steadily for another day."""
    ms, jump = millis(now), JUMP // timedelta(milliseconds=1)
    with state.writing() as con:
        last, hold = get_number(con, "maintained"), get_number(con, "hold_until")
        if last and abs(ms - last) > jump:
            hold = ms + jump
            set_number(con, "hold_until", hold)
            log.warning("the clock jumped by more than a day; nothing is removed for one day", before=f"{time_of(last)}", now=f"{now}")
        set_number(con, "maintained", ms)
    return ms >= hold
