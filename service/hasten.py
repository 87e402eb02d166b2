"""What a device says of itself hastens the poll that sees it: a trap or a log line makes that device due at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from core.records import Event

GAP_S: Final = 5.0  # between two hastened polls of one asset; what comes meanwhile is seen by the second
KINDS: Final = frozenset(
    {f"{thing}_{turn}" for thing in ("link", "line_protocol", "bgp", "ospf", "bfd") for turn in ("up", "down")}
    | {f"{thing}_{turn}" for thing in ("power_supply", "fan", "hardware", "optics") for turn in ("failed", "recovered")}
    | {
        "temperature_high",
        "temperature_normal",
        "restarted",
        "isis_changed",
        "ospf_changed",
        "ha_role_changed",
        "hardware_changed",
        "member_lost",
        "member_joined",
    }
    | {"ups_on_battery", "ups_on_mains", "ups_battery_low", "ups_overload", "optics_high", "optics_low"}
)


class Hasten:
    """``take`` is called by listeners, ``tick`` about once a second; ``poll`` lets an asset be due."""

    def __init__(self, poll: Callable[[str], object], monotonic: Callable[[], float]) -> None:
        self._poll, self._monotonic = poll, monotonic
        self._wanted: set[str] = set()
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, events: Iterable[Event]) -> None:
        """Remember the assets that ``events`` speak of."""
        wanted = {event.asset for event in events if event.kind in KINDS}
        if wanted:
            with self._lock:
                self._wanted |= wanted

    def tick(self) -> None:
        """Let the remembered be due, none of them more often than every five seconds."""
        now = self._monotonic()
        with self._lock:
            self._last = {asset: at for asset, at in self._last.items() if now - at < GAP_S}
            due = self._wanted - self._last.keys()
            self._wanted -= due
            self._last |= dict.fromkeys(due, now)
        for asset in sorted(due):
            self._poll(asset)
