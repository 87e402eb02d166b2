"""The clock of the service: the ``schedule`` library on one thread, used as a clock and for nothing else.

``schedule`` counts the next run from the end of the one before, lets a job's exception through and runs on the caller's thread.
So a job here only hands work on and returns at once, and every exception ends in the log. It reads the wall clock: when that
jumps, the jobs are set anew, else they would stand still until the old time comes again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import schedule
import structlog

from core.clock import Clock

log: Final = structlog.get_logger()
PASS_S: Final = 0.1
JUMP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Regular:
    """One entry: ``action`` every ``interval_s``; it must return within milliseconds."""

    name: str
    interval_s: float
    action: Callable[[], None]


class Clockwork:
    """Calls short actions at intervals, on one thread of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Regular] = []
        self._scheduler = schedule.Scheduler()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._offset = self._wall_offset()

    def every(self, interval_s: float, name: str, action: Callable[[], None]) -> None:
        """Add an action; it first runs one interval from now."""
        entry = Regular(name, interval_s, action)
        self._entries.append(entry)
        self._set(entry)

    def start(self) -> None:
        """Begin on a thread of its own."""
        self._thread = threading.Thread(target=self._serve, name="clockwork", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def turn(self) -> None:
        """One pass: run what is due, after looking whether the wall clock jumped."""
        offset = self._wall_offset()
        if abs(offset - self._offset) > JUMP_S:
            log.warning("the system time jumped", seconds=round(offset - self._offset, 1))
            self._scheduler.clear()
            for entry in self._entries:
                self._set(entry)
        self._offset = offset
        self._scheduler.run_pending()

    def _wall_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _set(self, entry: Regular) -> None:
        def run() -> None:
            try:
                entry.action()
            except Exception:
                log.exception("a regular action failed", action=entry.name)

        self._scheduler.every(entry.interval_s).seconds.do(run)  # type: ignore[arg-type]  # parts of a second work

    def _serve(self) -> None:
        while not self._end.wait(PASS_S):
            self.turn()
