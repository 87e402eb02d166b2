"""A change of a configuration, put together: what differs, who did it and when, whether it was allowed then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.calendar import Calendar
from core.records import Event, Snapshot, fingerprint
from inventory.asset import Asset
from inventory.configuration.authors import Author, author
from inventory.configuration.difference import Difference, compare
from inventory.configuration.windows import Window, is_allowed

RUNNING: Final = "running-config"
STARTUP: Final = "startup-config"
TOLD: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``time`` is when the new version was seen first, ``before`` when the old one was seen last; ``allowed`` is None where no window is about the asset.

    ``run`` names the approved change request or the run of a playbook that it belongs to.
    """

    asset: str
    time: datetime
    before: datetime
    author: Author
    difference: Difference
    allowed: bool | None
    run: str = ""

    @property
    def made(self) -> datetime:
        """When it was made, as exactly as that is known."""
        return self.author.time or self.time

    @property
    def id(self) -> str:
        """The id of its document."""
        return f"{self.asset}/{self.time.isoformat()}"

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as the store keeps it."""
        return {
            "asset": self.asset,
            "time": self.time.isoformat(),
            "before": self.before.isoformat(),
            "made": self.made.isoformat(),
            "user": self.author.user,
            "how": self.author.how,
            "source": self.author.source,
            "event": self.author.event,
            "allowed": self.allowed,
            "run": self.run,
            "added": self.difference.added,
            "removed": self.difference.removed,
            "difference": self.difference.text(),
        }

    def events(self) -> list[Event]:
        """What is told of it: the change, and that it was made outside the windows when it was. Nothing when no line differs."""
        if not self.difference.changed:
            return []
        kinds = ["config_changed", *(["config_outside_window"] if self.allowed is False else [])]
        return [self._event(kind) for kind in kinds]

    def _event(self, kind: str) -> Event:
        who = f" by {self.author.user}" if self.author.user else ""
        where = " outside every change window" if kind == "config_outside_window" else ""
        count = f"+{self.difference.added} -{self.difference.removed} lines"
        fields: dict[str, Any] = {"event.category": "configuration", "event.type": "change", "snapshot.kind": RUNNING}
        fields |= {name: value for name, value in (("user.name", self.author.user), ("source.ip", self.author.source)) if value}
        return Event(
            id=fingerprint(kind, self.asset, {"kind": RUNNING, "time": self.time.isoformat()}),
            time=self.time,
            asset=self.asset,
            kind=kind,
            message=f"the running configuration changed{who}{where}: {count}\n{self.difference.text(TOLD)}",
            fields=fields,
        )


def change_of(
    asset: Asset, old: Snapshot, new: Snapshot, before: datetime, events: Iterable[Event], windows: Sequence[Window], calendar: Calendar, platform: str = ""
) -> Change:
    """The change from ``old`` to ``new``; ``before`` is when the old text was seen last, ``events`` are what the device said around then."""
    who = author(events, before, new.time)
    made = who.time or new.time
    return Change(
        asset=asset.id,
        time=new.time,
        before=before,
        author=who,
        difference=compare(old.body, new.body, platform),
        allowed=is_allowed(asset, made, windows, calendar),
    )


def platform_of(asset: Asset) -> str:
    """The platform as netmiko names it, empty when the asset is not read over a command line."""
    return str(asset.collect.get("cli", {}).get("platform", ""))
