"""What a wireless controller or access point told last, by access point and radio; what it told of strangers and refused clients. Pure but for the readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.records import Event, Sample
from store.base import Selector, Store
from store.filter import And, Term, Terms

FRESH: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
PREFIX: Final = "wireless."
FULL: Final = 80.0  # percent of a channel; the rule channel_full holds the same
KINDS: Final = ("rogue_found", "rogue_gone", "access_point_down", "access_point_up", "wireless_roam_failed", "wireless_join_failed", "wireless_login_failed")


@dataclass(slots=True)
class Radio:
    """One radio: number of its channel, shares of the channel in percent, noise in dBm."""

    name: str
    clients: float | None = None
    channel: float | None = None
    load: float | None = None
    interference: float | None = None
    noise: float | None = None


@dataclass(slots=True)
class AccessPoint:
    """One access point; ``is_up`` None: the controller does not say."""

    name: str
    is_up: bool | None = None
    clients: float | None = None
    failed: float | None = None
    radios: dict[str, Radio] = field(default_factory=dict)

    @property
    def load(self) -> float | None:
        """Of its fullest channel."""
        return max((radio.load for radio in self.radios.values() if radio.load is not None), default=None)

    @property
    def state(self) -> str:
        """One of critical (down), warning (a full channel), good, unknown."""
        if self.is_up is False:
            return "critical"
        if (self.load or 0.0) > FULL:
            return "warning"
        return "unknown" if self.is_up is None and self.clients is None and self.load is None else "good"


@dataclass(slots=True)
class Air:
    """All of it: ``clients`` and ``rogues`` of the whole, ``networks`` clients by SSID."""

    points: list[AccessPoint]
    clients: float | None = None
    rogues: float | None = None
    networks: dict[str, float] = field(default_factory=dict)

    @property
    def down(self) -> int:
        """How many access points are down."""
        return sum(point.is_up is False for point in self.points)


_RADIO: Final = {"clients": "clients", "channel": "channel", "channel.utilization": "load", "interference": "interference", "noise": "noise"}
_POINT: Final = {"clients": "clients", "associations.failed": "failed"}


def is_wireless(store: Store, asset: str) -> bool:
    """Whether the asset ever told anything of wireless."""
    return any(sample.metric.startswith(PREFIX) for sample in store.metrics.series(Selector(asset=asset)))


def read_air(store: Store, asset: str, now: datetime) -> Air:
    """What it told within the last quarter of an hour."""
    metrics = tuple(sorted({sample.metric for sample in store.metrics.series(Selector(asset=asset)) if sample.metric.startswith(PREFIX)}))
    return air_of(store.metrics.latest(Selector(metric=metrics, asset=asset), FRESH, now) if metrics else ())


def read_events(store: Store, asset: str, now: datetime) -> list[Event]:
    """What was told of strangers, access points and refused clients within a day, the newest first."""
    found = store.events.search(And((Term("asset.id", asset), Terms("event.kind", KINDS))), since=now - DAY, until=now + timedelta(minutes=5), limit=200)
    return list(found.items)


def air_of(samples: Iterable[Sample]) -> Air:
    """Samples put together; those that are down, then the fullest first."""
    points: dict[str, AccessPoint] = {}
    air = Air([])
    for sample in samples:
        what, labels = sample.metric.removeprefix(PREFIX), sample.labels
        if name := labels.get("access_point", ""):
            _tell(points.setdefault(name, AccessPoint(name)), what, labels.get("radio", ""), sample.value)
        elif what == "clients" and labels.get("ssid"):
            air.networks[labels["ssid"]] = sample.value
        elif what == "clients":
            air.clients = sample.value
        elif what == "rogues":
            air.rogues = sample.value
    for point in points.values():
        counts = [radio.clients for radio in point.radios.values() if radio.clients is not None]
        point.clients = sum(counts) if point.clients is None and counts else point.clients
    order = ("critical", "warning", "good", "unknown")
    air.points = sorted(points.values(), key=lambda point: (order.index(point.state), -(point.load or 0.0), -(point.clients or 0.0), point.name))
    return air


def _tell(point: AccessPoint, what: str, radio: str, value: float) -> None:
    if what == "access_point.up":
        point.is_up = value > 0
    elif radio and what in _RADIO:
        setattr(point.radios.setdefault(radio, Radio(radio)), _RADIO[what], value)
    elif what in _POINT:
        setattr(point, _POINT[what], value)
