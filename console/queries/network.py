"""The network at a glance: devices by kind and state, the busiest and the worst ports, links that are not well, what changed. Pure but for the readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.queries.assets import Line
from console.queries.netmap import GEAR, Cable
from console.queries.netmap import Line as MapLine
from core.records import Event, Sample
from inventory.book import Change
from store.base import Selector, Store
from store.filter import And, Terms

FRESH: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
TOP: Final = 8
STATES: Final = ("critical", "high", "warning", "unreachable", "muted", "good", "unknown")
NOT_WELL: Final = ("down", "half", "gone", "errors", "busy")
METRICS: Final = ("network.interface.utilization", "network.interface.errors", "network.interface.discards")
KINDS: Final = (
    "link_down", "link_up", "restarted", "config_changed", "device_found", "device_unknown", "device_changed", "device_gone", "device_back",
    "mac_new", "address_conflict",
    "rogue_found", "access_point_down", "pool_member_down", "ha_role_changed", "bgp_down", "ospf_down", "power_supply_failed", "fan_failed", "temperature_high",
)  # fmt: skip
FIELDS: Final = frozenset({"vendor", "model", "version", "serial", "address", "addresses", "kind", "connected_to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A port and what makes it stand out."""

    asset: str
    port: str
    value: float
    direction: str


def gear(lines: Iterable[Line]) -> list[Line]:
    """Network devices among the assets."""
    return [line for line in lines if line.asset.kind in GEAR]


def by_kind(lines: Iterable[Line]) -> dict[str, Counter[str]]:
    """Kind -> how many devices in each state, the largest kind first."""
    found: dict[str, Counter[str]] = {}
    for line in lines:
        found.setdefault(line.asset.kind, Counter())[line.state] += 1
    return dict(sorted(found.items(), key=lambda entry: -entry[1].total()))


def read_ports(store: Store, now: datetime) -> list[Sample]:
    """Load, errors and discards of every port, as measured last."""
    return store.metrics.latest(Selector(metric=METRICS), FRESH, now)


def top(samples: Iterable[Sample], metric: str, limit: int = TOP) -> list[Ranked]:
    """The ports with the highest value of a metric, each with its worse direction; zeros are no news."""
    worst: dict[tuple[str, str], Sample] = {}
    for sample in samples:
        key = (sample.asset, sample.labels.get("interface", ""))
        if sample.metric == metric and sample.value > 0 and (key not in worst or sample.value > worst[key].value):
            worst[key] = sample
    ranked = sorted(worst.items(), key=lambda entry: (-entry[1].value, entry[0]))[:limit]
    return [Ranked(asset=asset, port=port, value=sample.value, direction=sample.labels.get("direction", "")) for (asset, port), sample in ranked]


def not_well(lines: Iterable[MapLine]) -> list[tuple[str, Cable]]:
    """(State of the whole line, cable) for each cable that is not as it should be, the gravest first."""
    found = [(line.state, cable) for line in lines for cable in line.standing if cable.state in NOT_WELL]
    return sorted(found, key=lambda one: (NOT_WELL.index(one[1].state), one[1].known.link.key))


def happened(store: Store, now: datetime, devices: Sequence[str], limit: int = 20) -> list[Event]:
    """What the network told of itself in the last day."""
    where = And((Terms("event.kind", KINDS),))
    page = store.events.search(where, since=now - DAY, until=now, limit=limit)
    return [event for event in page.items if event.asset in set(devices) or event.kind.startswith(("device_", "mac_", "address_"))]


def changed(changes: Iterable[Change], devices: Mapping[str, object], now: datetime) -> list[Change]:
    """Changes of the last day to what a device is or where it hangs."""
    return [change for change in changes if change.asset in devices and now - change.time <= DAY and (change.what != "change" or FIELDS & set(change.after))]
