"""When which poll is due: a heap with fixed phases. Pure; times are monotonic seconds.

A poll is due at ``phase + n * interval``. The phase comes from a hash of the key, so that polls spread evenly, stay
where they are over restarts of the process, and a late poll does not move the ones after it.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

Key = tuple[str, str]  # asset, collector
NEAR = 0.25  # of an interval: a first poll this close before a regular one stands for it


def phase(key: Key, interval_s: float) -> float:
    """Where in the interval ``key`` has its place: 0 <= phase < interval."""
    digest = hashlib.blake2b("\x1f".join(key).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * interval_s


def following(key: Key, interval_s: float, now: float) -> float:
    """The first regular time of ``key`` after ``now``."""
    own = phase(key, interval_s)
    return own + (math.floor((now - own) / interval_s) + 1) * interval_s


@dataclass(frozen=True, slots=True)
class Due:
    """A poll whose time has come; ``missed`` regular times went by without one (the process slept or was overloaded)."""

    key: Key
    at: float
    missed: int = 0


class Agenda:
    """Every key with its interval and next time."""

    def __init__(self) -> None:
        self._intervals: dict[Key, float] = {}
        self._next: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []

    def __len__(self) -> int:
        return len(self._intervals)

    def put(self, key: Key, interval_s: float, now: float, first: float | None = None) -> None:
        """Add ``key`` or give it another interval; ``first`` asks for one poll before its regular times."""
        regular = following(key, interval_s, now)
        if first is not None and 0 <= regular - first < NEAR * interval_s:
            regular += interval_s
        self._intervals[key] = interval_s
        self._push(key, regular if first is None else min(first, regular))

    def remove(self, key: Key) -> None:
        """Forget ``key``; nothing happens when it is not there."""
        self._intervals.pop(key, None)
        self._next.pop(key, None)

    def now_due(self, keys: Iterable[Key], now: float) -> None:
        """Let these be due at once; their regular times stay."""
        for key in keys:
            if key in self._intervals:
                self._push(key, now)

    def take(self, now: float) -> list[Due]:
        """Everything due by ``now``, earliest first; each is put at its next regular time."""
        due: list[Due] = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._next.get(key) != at:
                continue  # an older entry of a key that was moved or removed
            interval_s = self._intervals[key]
            due.append(Due(key, at, max(0, int((now - at) / interval_s))))
            self._push(key, following(key, interval_s, now))
        return due

    def next_at(self) -> float | None:
        """When the next poll is due; None when there is nothing."""
        while self._heap and self._next.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _push(self, key: Key, at: float) -> None:
        self._next[key] = at
        heapq.heappush(self._heap, (at, key))
