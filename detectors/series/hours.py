"""Hourly means of a series over four weeks: what forecasts and change points are made of. Small, and the same after a restart."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

KEPT: Final = 24 * 28


@dataclass(slots=True)
class Hours:
    """``points``: (hour since 1970, mean) of closed hours, oldest first."""

    points: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    hour: int = -1
    total: float = 0.0
    rows: int = 0

    def add(self, at: float, value: float) -> bool:
        """Take a value; True when an hour was closed by it. A value of an earlier hour is passed over."""
        hour = int(at // 3600)
        if hour < self.hour:
            return False
        is_closed = hour > self.hour and self.rows > 0
        if is_closed:
            self.points.append((self.hour, self.total / self.rows))
        if hour > self.hour:
            self.hour, self.total, self.rows = hour, 0.0, 0
        self.total += value
        self.rows += 1
        return is_closed

    def dump(self) -> list[float]:
        """As numbers."""
        return [self.hour, self.total, self.rows, *(number for point in self.points for number in point)]

    @classmethod
    def load(cls, numbers: list[float]) -> Hours:
        """From ``dump``; raises ValueError."""
        hour, total, rows, *rest = numbers
        points = ((int(at), float(value)) for at, value in zip(rest[::2], rest[1::2], strict=True))
        return cls(deque(points, maxlen=KEPT), int(hour), float(total), int(rows))
