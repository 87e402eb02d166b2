"""How much one source may send: a bucket of tokens each, so that a device that runs wild takes nothing from the others.

Pure; times are monotonic seconds. What is held back is counted by source; a storm begins with the first message held back and ends
when the source has been within its rate for long enough to fill its bucket again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MAX_SOURCES: Final = 4096
SHOWN_SOURCES: Final = 20


@dataclass(slots=True)
class _Source:
    tokens: float
    at: float
    held: int = 0
    storm_held: int = 0
    storm_since: float | None = None


@dataclass(frozen=True, slots=True)
class Storm:
    """A source that sends too much: since when, and how much was held back in this storm."""

    source: str
    since: float
    held: int


class SourceLimits:
    """``rate`` messages a second and ``burst`` at once for each source; a rate of 0 holds nothing back."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._storms: set[str] = set()
        self.held = 0

    def allow(self, source: str, now: float) -> bool:
        """Whether one more message of ``source`` is taken."""
        if self._rate <= 0:
            return True
        one = self._sources.get(source)
        if one is None:
            one = self._sources[source] = _Source(self._burst, now)
            self._forget()
        self._sources.move_to_end(source)
        one.tokens, one.at = min(self._burst, one.tokens + (now - one.at) * self._rate), now
        if one.tokens >= 1:
            one.tokens -= 1
            return True
        self._hold(source, one, now)
        return False

    def _hold(self, source: str, one: _Source, now: float) -> None:
        one.held += 1
        one.storm_held += 1
        self.held += 1
        if one.storm_since is None:
            one.storm_since = now
            self._storms.add(source)

    def _forget(self) -> None:
        if len(self._sources) > MAX_SOURCES:
            gone, _ = self._sources.popitem(last=False)
            self._storms.discard(gone)

    def storm(self, source: str) -> Storm | None:
        """The storm that ``source`` is in."""
        one = self._sources.get(source)
        return None if one is None or one.storm_since is None else Storm(source, one.storm_since, one.storm_held)

    def ended(self, now: float) -> list[Storm]:
        """Storms that are over since the last call."""
        over = [name for name in self._storms if self._sources[name].tokens + (now - self._sources[name].at) * self._rate >= self._burst]
        found = [storm for name in over if (storm := self.storm(name)) is not None]
        for name in over:
            self._sources[name].storm_since, self._sources[name].storm_held = None, 0
            self._storms.discard(name)
        return found

    def worst(self, limit: int) -> list[tuple[str, int]]:
        """The sources with most held back since the start, and how much."""
        held = [(name, one.held) for name, one in list(self._sources.items()) if one.held]
        return sorted(held, key=lambda pair: (-pair[1], pair[0]))[:limit]
