"""Counters into rates per second; a counter that went backwards was reset and gives nothing once."""

from __future__ import annotations

from collections.abc import Hashable


class Rates:
    """Remembers the last reading of each counter. ``at`` is in seconds of a clock that does not jump."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[float, float]] = {}

    def per_second(self, counter: Hashable, value: float, at: float, wraps_at: float | None = None) -> float | None:
        """Growth per second since the last reading; None at the first one, after a reset, and within the same instant.

        ``wraps_at`` is where a counter of limited width starts again from 0; a fall is then taken as a wrap when
        that gives the smaller step than half the width.
        """
        before = self._last.get(counter)
        self._last[counter] = (value, at)
        if before is None or at <= before[1]:
            return None
        step = value - before[0]
        if step < 0 and wraps_at is not None and step + wraps_at < wraps_at / 2:
            step += wraps_at
        return step / (at - before[1]) if step >= 0 else None

    def share(self, counter: Hashable, part: float, whole: float) -> float | None:
        """Growth of ``part`` per growth of ``whole``, in percent within 0..100; None without growth of ``whole``."""
        before = self._last.get(counter)
        self._last[counter] = (part, whole)
        if before is None or whole <= before[1] or part < before[0]:
            return None
        return min(100.0, 100.0 * (part - before[0]) / (whole - before[1]))

    def forget(self, prefix: tuple[Hashable, ...], at: float) -> None:
        """Drop the counters whose name begins with ``prefix`` and that were not read at ``at``: what they counted is gone."""
        size = len(prefix)
        self._last = {name: last for name, last in self._last.items() if not (isinstance(name, tuple) and name[:size] == prefix and last[1] != at)}
