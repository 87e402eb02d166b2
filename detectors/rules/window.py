"""Sliding windows over events: so many, or so many different values, within a time. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field

LATE_S = 300.0
MOST_KEPT = 10_000


@dataclass(slots=True)
class Window:
    """Events not yet part of a fired alert: (time, value) in order of time."""

    events: list[tuple[float, str]] = field(default_factory=list)

    def add(self, at: float, value: str, *, within: float, at_least: int, distinct: bool, apart: float = 0.0) -> tuple[float, int] | None:
        """Take an event; (time of the first event, number of events) of a window that it completes, which empties this one.

        A window is complete when last minus first is at most ``within`` and it holds ``at_least`` events (or
        different values). An event with the same value less than ``apart`` from one that is held is the same once more.
        """
        if apart and self._is_held(at, value, apart):
            return None
        insort(self.events, (at, value))
        newest = self.events[-1][0]
        self.events = [event for event in self.events if event[0] >= newest - within - LATE_S][-MOST_KEPT:]
        found = self._complete(within, at_least, distinct)
        if found:
            self.events = []
        return found

    def _is_held(self, at: float, value: str, apart: float) -> bool:
        first = bisect_left(self.events, (at - apart, ""))
        last = bisect_left(self.events, (at + apart, ""))
        return any(seen == value and abs(at - when) < apart for when, seen in self.events[first:last])

    def _complete(self, within: float, at_least: int, distinct: bool) -> tuple[float, int] | None:
        start = 0
        values: Counter[str] = Counter()
        for end, (at, value) in enumerate(self.events):
            values[value] += 1
            while self.events[start][0] < at - within:
                values[self.events[start][1]] -= 1
                values += Counter()
                start += 1
            reached = len(values) if distinct else end - start + 1
            if reached >= at_least:
                return self.events[start][0], end - start + 1
        return None
