"""What the streams, indices and ids are called. ``namespace`` parts several installations on one cluster."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one installation, after Elastic's scheme type-dataset-namespace."""

    namespace: str = "default"

    def __post_init__(self) -> None:
        plain = self.namespace.replace("_", "")
        if not (plain.isascii() and plain.isalnum() and plain == plain.lower() and len(self.namespace) <= 40):
            raise ConfigError("store.namespace: at most 40 small letters, digits and underscores, for instance default")

    @property
    def metrics(self) -> str:
        """Data stream of samples as they were measured."""
        return f"metrics-wanglou.sample-{self.namespace}"

    @property
    def rollups(self) -> str:
        """Data stream of hourly roll-ups."""
        return f"metrics-wanglou.rollup-{self.namespace}"

    @property
    def events(self) -> str:
        """Data stream of events."""
        return f"logs-wanglou.event-{self.namespace}"

    @property
    def audit(self) -> str:
        """Data stream of audit entries."""
        return f"logs-wanglou.audit-{self.namespace}"

    @property
    def streams(self) -> tuple[str, ...]:
        """All data streams."""
        return self.metrics, self.rollups, self.events, self.audit

    @property
    def documents(self) -> str:
        """Alias of the ordinary index that holds what changes."""
        return f"wanglou-document-{self.namespace}"

    @property
    def documents_index(self) -> str:
        """The index behind the alias; a new version of the mapping gets a new number."""
        return f"{self.documents}-v1"

    def component(self, part: str) -> str:
        """A component template."""
        return f"wanglou-{part}-{self.namespace}"


def digest(*parts: str) -> str:
    """A deterministic id: 128 bits in hex over the parts."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
