"""From a listener to the sink: a bounded queue, handed over in batches on a thread of its own, every loss counted.

What the sink refuses is kept and offered again. ``confirm`` of an entry is called once its event is durable, so that a sender
that waits for an answer is never told too early.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from core.records import Event

log: Final = structlog.get_logger()
Deliver = Callable[[Sequence[Event]], None]
Confirm = Callable[[], None]
BATCH: Final = 1000
FLUSH_S: Final = 0.1
PAUSE_AFTER_FAILURE_S: Final = 1.0
MAX_SOURCES: Final = 4096


@dataclass(slots=True)
class Tally:
    """Counts since the start; ``sources`` holds the received messages of the sources heard last."""

    received: int = 0
    delivered: int = 0
    dropped: int = 0
    kernel_dropped: int = 0
    sources: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def count(self, source: str) -> None:
        """One more message of ``source``."""
        self.received += 1
        self.sources[source] = self.sources.get(source, 0) + 1
        self.sources.move_to_end(source)
        if len(self.sources) > MAX_SOURCES:
            self.sources.popitem(last=False)


class Identities:
    """Ids of events by source, content and arrival; the same twice within one microsecond is told apart by a number."""

    def __init__(self) -> None:
        self._last: tuple[bytes, int] = (b"", 0)

    def of(self, data: bytes, source: str, now: datetime) -> str:
        """The id of what came from ``source`` at ``now``."""
        key = hashlib.blake2b(b"\x1f".join((source.encode(), now.isoformat().encode(), data)), digest_size=12).digest()
        number = self._last[1] + 1 if key == self._last[0] else 0
        self._last = (key, number)
        return key.hex() + (f"-{number}" if number else "")


class Delivery:
    """The queue and its thread. ``deliver`` returns when a batch is durable; ``on_room`` is called when the queue is half empty again."""

    def __init__(self, name: str, deliver: Deliver, limit: int, tally: Tally, on_room: Callable[[], None] = lambda: None) -> None:
        self._name, self._deliver, self._limit, self._tally, self._on_room = name, deliver, limit, tally, on_room
        self._queue: deque[tuple[Event, Confirm | None]] = deque()
        self._more = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether the bound is reached; ``put`` takes events all the same."""
        return len(self._queue) >= self._limit

    def put(self, event: Event, confirm: Confirm | None = None) -> None:
        """Queue an event."""
        self._queue.append((event, confirm))
        self._more.set()

    def start(self) -> None:
        """Begin to hand over."""
        self._thread = threading.Thread(target=self._drain, name=f"{self._name}-deliver", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Hand over what waits and end; what the sink refuses then is counted as dropped."""
        self._ending.set()
        self._more.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _drain(self) -> None:
        while True:
            self._more.wait(FLUSH_S if self._queue else None)
            self._more.clear()
            while self._queue:
                self._hand_over()
            if self._ending.is_set():
                return
            time.sleep(FLUSH_S)  # let a batch gather

    def _hand_over(self) -> None:
        batch = [self._queue[number] for number in range(min(BATCH, len(self._queue)))]
        try:
            self._deliver([event for event, _ in batch])
        except Exception:
            # kept and offered again: the sink says when it is durable
            log.exception("events of a listener could not be delivered", listener=self._name, waiting=len(self._queue))
            if self._ending.wait(PAUSE_AFTER_FAILURE_S):
                self._tally.dropped += len(self._queue)
                self._queue.clear()
            return
        for _, confirm in batch:
            self._queue.popleft()
            if confirm is not None:
                confirm()
        self._tally.delivered += len(batch)
        if len(self._queue) < self._limit // 2:
            self._on_room()
