"""Threads that do one thing again and again, beat when they did, and survive whatever it raises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("loops")


class Loop:
    """Calls ``work`` every ``interval_s`` (or at once when nudged) on a thread of its own until stopped."""

    def __init__(self, name: str, interval_s: float, work: Callable[[], object], beat: Callable[[str, float], None]) -> None:
        self.name, self._interval_s, self._work, self._beat = name, interval_s, work, beat
        self._nudge = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """Work now instead of at the end of the pause."""
        self._nudge.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End after the work under way."""
        self._end.set()
        self._nudge.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._work()
            except Exception:  # the loop of the service: whatever it was, the next round must come
                log.exception("a round failed; the next one comes", loop=self.name)
            else:
                self._beat(self.name, time.monotonic())
            self._nudge.wait(self._interval_s)
            self._nudge.clear()
