"""Limits with hysteresis. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Active above (or below) a limit; active until the clearing limit is passed. All limits are strict."""

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None

    def active(self, value: float, before: bool) -> bool:
        """Whether the condition holds at ``value`` when it held ``before`` or not. NaN changes nothing."""
        if value != value:  # noqa: PLR0124 - NaN is the one value that is not itself
            return before
        if self.above is not None:
            return value > self.above or (before and value >= (self.above if self.clear_below is None else self.clear_below))
        if self.below is not None:
            return value < self.below or (before and value <= (self.below if self.clear_above is None else self.clear_above))
        return False
