"""One thing after another: an alert fired, then an event within a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Sequence:
    """When ``first`` fired last, by the values that both sides share."""

    fired: dict[str, float] = field(default_factory=dict)

    def first(self, key: str, at: float) -> None:
        """The first part happened."""
        self.fired[key] = at

    def then(self, key: str, at: float, within: float) -> bool:
        """Whether an event of the second part completes the sequence."""
        start = self.fired.get(key)
        return start is not None and 0 <= at - start <= within
