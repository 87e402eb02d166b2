"""Missing heartbeats: what was heard once must be heard again within a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Heard:
    """Who was heard last when; ``place`` is what is needed to raise the alert (asset and labels)."""

    last: dict[str, float] = field(default_factory=dict)
    place: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def hear(self, key: str, at: float, asset: str, labels: dict[str, str]) -> None:
        """A heartbeat."""
        self.last[key] = max(at, self.last.get(key, at))
        self.place[key] = (asset, labels)

    def due(self, key: str, within: float) -> float:
        """When the next heartbeat is overdue."""
        return self.last[key] + within
