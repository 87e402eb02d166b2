"""Time, passed in and never read inside a pure function; and the way people write durations."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for distances."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed point, not moved by changes of the wall clock."""
        return time.monotonic()


class ManualClock:
    """A clock for tests and scenarios that moves only when told."""

    def __init__(self, start: datetime, monotonic: float = 0.0) -> None:
        self._now, self._monotonic = start, monotonic

    def now(self) -> datetime:
        """The wall time last set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as an administrator or NTP would."""
        self._now += timedelta(seconds=seconds)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"^(?:\d+(?:\.\d+)?[smhd])+$")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def seconds(text: str | float) -> float:
    """``90``, ``"90"``, ``"90s"``, ``"15m"``, ``"1h30m"``, ``"3d"`` in seconds; raises ValueError."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError("a duration is a number of seconds or a text such as 90s, 15m, 2h, 3d, 1h30m")
    if isinstance(text, int | float):
        return float(text)
    plain = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return float(plain)
    if not _DURATION.fullmatch(plain):
        raise ValueError(f"{text!r} is no duration; write for instance 90s, 15m, 2h, 3d or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
