"""What playbooks can do: one line here for each capability, imported when it is first used."""

from __future__ import annotations

from typing import Final, cast

from core.registry import resolve
from playbooks.capability import Capability

CAPABILITIES: Final[dict[str, str]] = {
    "blocklist.add": "playbooks.capabilities.blocklist:BlockListAdd",
}


def capability(name: str) -> Capability:
    """The capability called ``name``; raises ConfigError for an unknown one and for one whose package is not installed."""
    return cast("Capability", resolve(CAPABILITIES, name, "capability")())
