"""A network device as its page shows it: ports with state, speed and load, sensors against limits, who is at the other ends. Pure but for the readers."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.words import PORTS, look
from core.names import CANDIDATE
from core.records import Sample, Snapshot
from inventory.topology.evidence import short_port
from inventory.topology.history import LINK, Known, known_of
from store.base import Selector, Store
from store.filter import Term
from store.snapshots import latest_snapshot

FRESH: Final = timedelta(minutes=15)
OLD: Final = timedelta(minutes=3)
MEMORY: Final = timedelta(days=7)
BUSY: Final = 80.0
ERRORS: Final = 0.1
BANK: Final = 24
"""Pairs of ports side by side in one bank of the panel."""
LOGICAL: Final = frozenset({1, 24, 53, 131, 135, 136, 150, 161, 166, 208, 209})
"""ifType (IANAifType-MIB) of what is no socket: other, loopback, virtual, tunnels, VLANs, aggregates, MPLS, bridges."""
PORT_METRICS: Final = tuple(f"network.interface.{what}" for what in ("io", "utilization", "errors", "discards", "oper", "admin"))
_NUMBER: Final = re.compile(r"(\d+)\D*$")
_BRACES: Final = str.maketrans("{}", "()")  # in a chart's texts they would stand for values
_SENSORS: Final = "hw."
_SEVERE: Final = ("down", "errors", "busy", "up", "free", "off", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One interface. ``state``: up, busy, errors, down (it was up within a week or something is at its other end), free, off or unknown."""

    name: str
    index: int
    state: str
    is_socket: bool
    speed_bps: int | None = None
    load_in: float | None = None
    load_out: float | None = None
    bytes_in: float | None = None
    bytes_out: float | None = None
    errors: float | None = None
    discards: float | None = None
    alias: str = ""
    mac: str = ""
    beside: str = ""

    @property
    def load(self) -> float | None:
        """Of the busier direction."""
        return max((value for value in (self.load_in, self.load_out) if value is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One sensor: its value, the limits that the device itself holds, and how far it is inside them (below 0: outside)."""

    name: str
    metric: str
    value: float
    margin: float | None
    time: datetime
    low: float | None = None
    high: float | None = None

    @property
    def state(self) -> str:
        """``critical`` outside its limits or by its own word, ``good`` inside, ``unknown`` without limits."""
        if self.metric == "hw.state":
            return {0.0: "good", 1.0: "warning", 2.0: "critical"}.get(self.value, "unknown")
        if self.margin is None and self.low is None and self.high is None:
            return "unknown"
        is_outside = (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)
        return "critical" if is_outside or (self.margin or 0.0) < 0 else "good"

    @property
    def near(self) -> float | None:
        """How near it is to its limit, 0 to 100; between two limits the middle is 0. None where it cannot be said."""
        if self.low is not None and self.high is not None:
            half = (self.high - self.low) / 2
            return min(100.0, abs(self.value - self.low - half) / half * 100)
        if self.high is not None and self.high > 0 <= self.value:
            return min(100.0, self.value / self.high * 100)
        return None


def is_device(store: Store, asset: str) -> bool:
    """Whether an SNMP agent was ever read whole."""
    return latest_snapshot(store, asset, "snmp.inventory") is not None


def ports(store: Store, asset: str, now: datetime) -> list[Port]:
    """Every interface of a device, in the device's own order."""
    snapshot = latest_snapshot(store, asset, "snmp.inventory")
    samples = store.metrics.latest(Selector(metric=PORT_METRICS, asset=asset), FRESH, now)
    since = store.metrics.range(Selector(metric="network.interface.oper", asset=asset), now - MEMORY, now, timedelta(days=1), "max")
    was_up = {series.labels.get("interface", "") for series in since if any(value > 0 for _, value in series.points)}
    return ports_of(_told(snapshot, "interfaces"), samples, was_up, beside(links_of(store, asset), asset))


def measured_at(store: Store, asset: str, now: datetime) -> datetime | None:
    """When the ports were measured last; None when not lately."""
    return max((sample.time for sample in store.metrics.latest(Selector(metric="network.interface.oper", asset=asset), FRESH, now)), default=None)


def _told(snapshot: Snapshot | None, what: str) -> list[dict[str, Any]]:
    """One of the lists that the device told of itself."""
    try:
        found = json.loads(snapshot.body)[what] if snapshot else []
    except (ValueError, KeyError, TypeError):
        return []
    return [one for one in found if isinstance(one, dict)]


def is_cut(store: Store, asset: str) -> bool:
    """Whether the device's routing table went on where reading it stopped."""
    snapshot = latest_snapshot(store, asset, "snmp.topology")
    try:
        return snapshot is not None and json.loads(snapshot.body).get("routes_cut") is True
    except (ValueError, AttributeError):
        return False


def ports_of(interfaces: Sequence[Mapping[str, Any]], samples: Iterable[Sample], was_up: Iterable[str], others: Mapping[str, str]) -> list[Port]:
    """What the device says of its interfaces, joined with what was measured; those of which nothing is measured are as the device said."""
    figures = _by_interface(samples)
    remembered = frozenset(was_up)
    names = [str(one.get("name") or one.get("index")) for one in interfaces]
    titles = [name if names.count(name) == 1 else f"{name} #{one.get('index')}" for name, one in zip(names, interfaces, strict=True)]
    known = [_port(title, one, figures.get(title, {}), remembered, others) for title, one in zip(titles, interfaces, strict=True)]
    rest = [_port(title, {}, figures[title], remembered, others) for title in sorted(figures.keys() - set(titles))]
    return [*known, *rest]


def _by_interface(samples: Iterable[Sample]) -> Mapping[str, Mapping[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for sample in samples:
        key = "-".join((sample.metric.rpartition(".")[2], *filter(None, (sample.labels.get("direction", ""),))))
        found[sample.labels.get("interface", "")][key] = sample.value
    return found


def _port(title: str, told: Mapping[str, Any], figures: Mapping[str, float], was_up: frozenset[str], others: Mapping[str, str]) -> Port:
    errors, discards = _sum(figures, "errors"), _sum(figures, "discards")
    beside = others.get(short_port(title), "")
    load_in, load_out = figures.get("utilization-receive"), figures.get("utilization-transmit")
    return Port(
        name=title,
        index=int(told.get("index") or 0),
        state=_state(told, figures, max(load_in or 0.0, load_out or 0.0), errors or 0.0, is_wanted=bool(beside) or title in was_up),
        is_socket=(told.get("type") not in LOGICAL) if told else False,
        speed_bps=told.get("speed_bps"),
        load_in=load_in,
        load_out=load_out,
        bytes_in=figures.get("io-receive"),
        bytes_out=figures.get("io-transmit"),
        errors=errors,
        discards=discards,
        alias=str(told.get("alias") or ""),
        mac=str(told.get("mac") or ""),
        beside=beside,
    )


def _sum(figures: Mapping[str, float], what: str) -> float | None:
    values = [value for key, value in figures.items() if key.startswith(f"{what}-")]
    return sum(values) if values else None


def _state(told: Mapping[str, Any], figures: Mapping[str, float], load: float, errors: float, *, is_wanted: bool) -> str:
    admin = figures.get("admin", {"up": 1.0, "down": 0.0}.get(str(told.get("admin"))))
    oper = figures.get("oper", {"up": 1.0, "down": 0.0, "lowerLayerDown": 0.0, "notPresent": 0.0}.get(str(told.get("oper"))))
    if admin == 0:
        return "off"
    if oper is None:
        return "unknown"
    if oper == 0:
        return "down" if is_wanted else "free"
    return "errors" if errors >= ERRORS else "busy" if load >= BUSY else "up"


def gravest_first(found: Iterable[Port]) -> list[Port]:
    """Ports in the order in which a person on duty looks at them."""
    return sorted(found, key=lambda port: (_SEVERE.index(port.state), -(port.load or 0.0), port.index))


def found_as(store: Store, name: str) -> str:
    """The id of the candidate in the discovery inbox that calls itself so; empty when there is none."""
    found = store.documents.find(CANDIDATE, Term("guess.name", name), limit=1).items if name else ()
    return found[0].id if found else ""


def links_of(store: Store, asset: str) -> list[Known]:
    """Every link of an asset that is on record."""
    found = []
    for document in store.documents.find(LINK, Term("assets", asset), limit=1000).items:
        try:
            found.append(known_of(document.id, document.body))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def beside(links: Iterable[Known], asset: str) -> dict[str, str]:
    """Comparable name of a port -> who is at its other end now."""
    found: dict[str, str] = {}
    for known in links:
        if known.gone is None and known.link.layer != 3:
            for mine, other in (known.link.ends, known.link.ends[::-1]):
                if mine.asset == asset and mine.port:
                    found.setdefault(short_port(mine.port), other.text)
    return found


def sensors(store: Store, asset: str, now: datetime) -> list[Reading]:
    """Every sensor with its limits, those outside them first."""
    names = tuple(sorted({one.metric for one in store.metrics.series(Selector(asset=asset)) if one.metric.startswith(_SENSORS)}))
    if not names:
        return []
    samples = store.metrics.latest(Selector(metric=names, asset=asset), FRESH, now)
    return sensors_of(samples, _told(latest_snapshot(store, asset, "snmp.inventory"), "limits"))


def sensors_of(samples: Iterable[Sample], limits: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """Samples of hardware as readings; margins and limits go to the sensor that they belong to."""
    kept = list(samples)
    margins = {(one.metric.removesuffix(".margin"), one.labels.get("sensor")): one.value for one in kept if one.metric.endswith(".margin")}
    held = {(one.get("metric"), one.get("sensor")): one for one in limits}
    found = []
    for one in kept:
        if not one.metric.endswith(".margin"):
            key = (one.metric, one.labels.get("sensor"))
            name = " ".join(str(value) for _, value in sorted(one.labels.items()))
            low, high = (held.get(key, {}).get(end) for end in ("low", "high"))
            found.append(Reading(name=name, metric=one.metric, value=one.value, margin=margins.get(key), time=one.time, low=low, high=high))
    order = {"critical": 0, "warning": 1, "good": 2, "unknown": 3}
    return sorted(found, key=lambda one: (order[one.state], -(one.near or 0.0), one.metric, one.name))


def speed(bps: int | None) -> str:
    """A port's speed as it is printed beside it."""
    if not bps:
        return ""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if bps >= size:
            return f"{bps / size:g}{unit}"
    return str(bps)


def panel(found: Sequence[Port], word: Mapping[str, str]) -> dict[str, Any]:
    """The sockets as they sit on the front: odd ones above, even ones below, in banks; ECharts options with fixed places."""
    sockets = [port for port in found if port.is_socket]
    data = [_socket(number, port, word) for number, port in enumerate(sockets)]
    banks = -(-len(sockets) // (2 * BANK)) or 1
    return {
        "animation": False,
        "tooltip": {"confine": True},
        "grid": {"left": 4, "right": 4, "top": 4, "bottom": 4},
        "xAxis": {"show": False, "min": -0.6, "max": BANK - 0.4},
        "yAxis": {"show": False, "min": -0.6, "max": banks * 2.4 - 0.8, "inverse": True},
        "series": [{"type": "scatter", "data": data, "symbol": "roundRect", "symbolSize": [40, 30]}],
    }


def _socket(number: int, port: Port, word: Mapping[str, str]) -> dict[str, Any]:
    seen = look(PORTS, port.state)
    bank, inside = divmod(number, 2 * BANK)
    hit = _NUMBER.search(port.name)
    load = f"\n{port.load:.0f}%" if port.load is not None and port.load >= 1 else ""
    facts = (
        port.name, seen.text, speed(port.speed_bps), port.alias, f"{word['beside']} {port.beside}" if port.beside else "",
        f"{word['load']} {port.load:.1f}%" if port.load is not None else "",
    )  # fmt: skip
    return {
        "name": " · ".join(fact for fact in facts if fact).translate(_BRACES),
        "value": [inside // 2, bank * 2.4 + inside % 2],
        "itemStyle": {"color": seen.colour, "opacity": 0.55 if port.state in ("free", "off", "unknown") else 1},
        "label": {
            "show": True,
            "formatter": f"{seen.shape}{hit[1] if hit else port.name[:4].translate(_BRACES)}{load}",
            "color": "#fff",
            "fontSize": 10,
            "lineHeight": 12,
        },
        "tooltip": {"formatter": "{b}"},
    }


def panel_height(found: Sequence[Port]) -> int:
    """Pixels for the panel."""
    sockets = sum(port.is_socket for port in found)
    return 20 + 92 * (-(-sockets // (2 * BANK)) or 1)


def link_rows(links: Iterable[Known], asset: str, now: datetime) -> list[tuple[str, str, str, Known]]:
    """(own port, state, the other end's text) of each link, those that are there first."""
    rows = []
    for known in links:
        mine, other = known.link.ends if known.link.a.asset == asset else known.link.ends[::-1]
        rows.append((mine.port, known.state(now), other.text, known))
    return sorted(rows, key=lambda row: (row[1] == "gone", row[0]))
