"""A reading as measures: metric names, values and labels, apart from the rates (they need the poll before)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from collectors.network.snmp.reading import Interface, Link, Pool, Reading, Sensor, Wireless

T = TypeVar("T")
Measure = tuple[str, float, Mapping[str, str]]

METRICS = {
    "temperature": "hw.temperature", "voltage": "hw.voltage", "current": "hw.current", "power": "hw.power", "power_consumed": "hw.energy",
    "power_factor": "hw.power_factor", "frequency": "hw.frequency", "fanspeed": "hw.fan_speed", "humidity": "hw.humidity", "load": "hw.load",
    "percent": "hw.percent", "charge": "hw.ups.charge", "runtime": "hw.ups.runtime", "dbm": "hw.optical_power", "signal": "hw.signal", "snr": "hw.snr",
    "pressure": "hw.pressure", "airflow": "hw.airflow", "waterflow": "hw.waterflow", "count": "hw.count", "bitrate": "hw.bitrate", "delay": "hw.delay",
}  # fmt: skip
MARGINS = {"temperature": "hw.temperature.margin", "dbm": "hw.optical_power.margin", "voltage": "hw.voltage.margin", "current": "hw.current.margin"}
DARK_DBM = -30.0  # no light at all: the other end is off or the port unused, which is no matter of the module
STATES = {"ok": 0.0, "warning": 1.0, "critical": 2.0, "unknown": 3.0}
NO_LABELS: Mapping[str, str] = {}
COUNTERS = ("associations.failed", "roams")
"""Figures of wireless that only ever grow: the collector makes rates of them."""
ON_BATTERY = "Time on battery"  # upsSecondsOnBattery (RFC 1628)


def named(items: Iterable[T], name: Callable[[T], str], place: Callable[[T], str]) -> Iterator[tuple[str, T]]:
    """Each item with a name that no other has: its own, with its place behind it where two share one."""
    kept = list(items)
    seen = Counter(map(name, kept))
    for item in kept:
        title = name(item)
        yield (title if seen[title] == 1 else f"{title} #{place(item)}"), item


def measures(reading: Reading) -> Iterator[Measure]:
    """Everything in a reading that is a value as it stands."""
    if reading.uptime_s is not None:
        yield "system.uptime", reading.uptime_s, NO_LABELS
    if reading.processors:
        yield "system.cpu.utilization", sum(processor.usage_pct for processor in reading.processors) / len(reading.processors), NO_LABELS
    if len(reading.processors) > 1:
        for title, processor in named(reading.processors, lambda one: one.descr, lambda one: (one.oid or "").rpartition(".")[2]):
            yield "hw.processor.utilization", processor.usage_pct, {"processor": title}
    yield from _memory(reading.memory)
    for title, pool in named(reading.storage, lambda one: one.descr, lambda one: str(one.total_bytes)):
        yield from _pool("system.filesystem", pool, {"mountpoint": title})
    yield from _ports(reading)
    yield from _sensors(reading.sensors)
    yield from _margins(reading.sensors)
    for role in reading.roles:
        yield "network.ha.role", float(role.value), {"group": role.group}
    yield from _wireless(reading.wireless)


def _wireless(figures: Sequence[Wireless]) -> Iterator[Measure]:
    for figure in figures:
        if figure.what not in COUNTERS:
            yield f"wireless.{figure.what}", figure.value, figure.labels
    ups = [figure.value for figure in figures if figure.what == "access_point.up"]
    if ups:
        yield "wireless.access_points", float(len(ups)), NO_LABELS
        yield "wireless.access_points.down", float(ups.count(0.0)), NO_LABELS
    clients = [figure for figure in figures if figure.what == "clients"]
    if clients and not any(not figure.labels for figure in clients):
        by = min(sorted(figure.labels) for figure in clients)  # one division of them: each client counts once in it
        yield "wireless.clients", sum(figure.value for figure in clients if sorted(figure.labels) == by), NO_LABELS


def _memory(pools: Iterable[Pool]) -> Iterator[Measure]:
    kept = list(pools)
    system = [pool for pool in kept if pool.kind == "system"]
    main = max(system, key=lambda pool: pool.total_bytes or 0, default=None)
    if main:
        yield from _pool("system.memory", main, NO_LABELS)
    for pool in [pool for pool in kept if pool.kind == "swap"][:1]:
        yield from _pool("system.swap", pool, NO_LABELS)
    for title, pool in named((pool for pool in system if pool is not main), lambda one: one.descr, lambda one: str(one.total_bytes)):
        yield from _pool("hw.memory", pool, {"memory": title})


def _pool(prefix: str, pool: Pool, labels: Mapping[str, str]) -> Iterator[Measure]:
    if pool.usage_pct is not None:
        yield f"{prefix}.utilization", pool.usage_pct, labels
    if pool.used_bytes is not None and prefix != "system.swap":
        yield f"{prefix}.usage", float(pool.used_bytes), labels


def port_titles(reading: Reading) -> Iterator[tuple[str, Interface]]:
    """Each port with the name that its series have."""
    return named(reading.interfaces, lambda port: port.name or str(port.index), lambda port: str(port.index))


def _ports(reading: Reading) -> Iterator[Measure]:
    more = {link.index: link for link in reading.links}
    beside = Counter(neighbour.local for neighbour in reading.neighbours)
    for title, port in port_titles(reading):
        if port.oper:
            yield "network.interface.oper", float(port.oper == "up"), {"interface": title}
        if port.admin:
            yield "network.interface.admin", float(port.admin == "up"), {"interface": title}
        if port.index in reading.members:
            yield "network.lag.members", float(reading.members[port.index]), {"interface": title}
        if (count := beside[port.name] + (beside[port.descr] if port.descr != port.name else 0)) > 0:
            yield "network.interface.neighbours", float(count), {"interface": title}
        if (link := more.get(port.index)) is not None:
            yield from _link(link, title)


def _link(link: Link, title: str) -> Iterator[Measure]:
    if link.unchanged_s is not None:
        yield "network.interface.unchanged", link.unchanged_s, {"interface": title}
    if link.half_duplex is not None:
        yield "network.interface.half_duplex", float(link.half_duplex), {"interface": title}


def limits(sensors: Iterable[Sensor]) -> Iterator[tuple[str, str, float | None, float | None]]:
    """(Metric, sensor, lowest, highest) of each sensor for which the device itself holds limits that can be."""
    for cls, metric in METRICS.items():
        for title, sensor in _titled(sensors, cls):
            if _holds_limits(sensor):
                yield metric, title, sensor.low, sensor.high


def _titled(sensors: Iterable[Sensor], cls: str) -> Iterator[tuple[str, Sensor]]:
    """Each sensor of a class with the name that its series have."""
    return named((one for one in sensors if one.cls == cls), lambda one: one.descr, lambda one: one.oid.rpartition(".")[2])


def _holds_limits(sensor: Sensor) -> bool:
    """Agents fill in zeros where they hold no limits."""
    held = [limit for limit in (sensor.low, sensor.high) if limit is not None]
    return any(held) and not (len(held) == 2 and held[0] >= held[1])


def _margins(sensors: Iterable[Sensor]) -> Iterator[Measure]:
    """How far a sensor is within the limits that the device itself holds, in the sensor's own unit; below 0 it is outside."""
    for cls, metric in MARGINS.items():
        for title, sensor in _titled(sensors, cls):
            if not _holds_limits(sensor):
                continue
            distances = [sensor.value - sensor.low] if sensor.low is not None else []
            distances += [sensor.high - sensor.value] if sensor.high is not None else []
            is_dark = cls == "dbm" and sensor.value <= DARK_DBM
            yield metric, 0.0 if is_dark else min(distances), {"sensor": title}


def _sensors(sensors: Iterable[Sensor]) -> Iterator[Measure]:
    kept = list(sensors)
    ups = any(sensor.cls == "charge" for sensor in kept)
    for cls in dict.fromkeys(sensor.cls for sensor in kept):
        for title, sensor in _titled(kept, cls):
            if cls == "state":
                yield "hw.state", STATES[sensor.status or "unknown"], {"sensor": title}
            elif cls == "runtime" and sensor.descr == ON_BATTERY:  # how long it has lasted, not how long it will
                yield "hw.ups.on_battery", float(sensor.value > 0), NO_LABELS
            elif metric := METRICS.get(cls):
                yield ("hw.ups.load" if ups and cls == "load" else metric), sensor.value, {"sensor": title}
