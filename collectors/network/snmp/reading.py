"""What one poll of one device found out: the neutral document that everything else is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "critical", "unknown"]
Kind = Literal["system", "swap", "other"]

UNITS = {
    "temperature": "C", "voltage": "V", "current": "A", "power": "W", "power_consumed": "kWh", "power_factor": "", "frequency": "Hz", "fanspeed": "rpm",
    "humidity": "%", "load": "%", "percent": "%", "charge": "%", "runtime": "min", "dbm": "dBm", "signal": "dBm", "snr": "dB", "pressure": "kPa",
    "airflow": "cfm", "waterflow": "l/m", "count": "", "bitrate": "bit/s", "delay": "s", "state": "", "quality_factor": "dB", "cooling": "W",
    "chromatic_dispersion": "ps/nm", "ber": "", "eer": "", "tv_signal": "dBmV", "loss": "%",
}  # fmt: skip
"""The unit of each class of sensor; a profile scales to it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the device is; None where it does not say."""

    vendor: str | None = None
    os: str | None = None
    model: str | None = None
    version: str | None = None
    serial: str | None = None
    sysname: str | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """One row of IF-MIB (RFC 2863); octet counters are the 64-bit ones where they move."""

    index: int
    name: str | None = None
    descr: str | None = None
    alias: str | None = None
    type: int | None = None
    speed_bps: int | None = None
    mtu: int | None = None
    mac: str | None = None
    admin: str | None = None
    oper: str | None = None
    in_octets: int | None = None
    out_octets: int | None = None
    in_errors: int | None = None
    out_errors: int | None = None
    in_discards: int | None = None
    out_discards: int | None = None
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Processor:
    """The use of one processor, 0 to 100."""

    descr: str
    usage_pct: float
    oid: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory or a file system; bytes where the device gives a size, else the percentage alone."""

    descr: str
    kind: Kind = "other"
    total_bytes: int | None = None
    used_bytes: int | None = None
    usage_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Sensor:
    """A measured value in the unit of its class, or a state: the raw number and what it means.

    ``low`` and ``high`` are the limits that the device itself holds for critical.
    """

    cls: str
    descr: str
    value: float
    oid: str
    status: Status | None = None
    low: float | None = None
    high: float | None = None

    @property
    def unit(self) -> str:
        """The unit of ``value``."""
        return UNITS.get(self.cls, "")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who is at the other end of a cable, by LLDP or CDP."""

    protocol: Literal["lldp", "cdp"]
    local: str | None = None
    remote_name: str | None = None
    remote_port: str | None = None
    remote_chassis: str | None = None
    remote_descr: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What is read seldom of a port that is up: seconds since it came up, half duplex."""

    index: int
    unchanged_s: float | None = None
    half_duplex: bool | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour of a routing protocol."""

    protocol: Literal["bgp", "ospf", "isis"]
    address: str
    up: bool


@dataclass(frozen=True, slots=True)
class Role:
    """The part that a device plays in a redundant pair or group, as a word and as the device's own number."""

    group: str
    word: str
    value: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the device: chassis, module, power supply, fan, disk."""

    index: str
    cls: str
    descr: str
    model: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Wireless:
    """A figure of wireless and what it is about: labels ``access_point``, ``radio``, ``ssid``, as far as they hold."""

    what: str
    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read in one poll; ``problems`` says what could not be read."""

    identity: Identity = Identity()
    uptime_s: float | None = None
    interfaces: tuple[Interface, ...] = ()
    processors: tuple[Processor, ...] = ()
    memory: tuple[Pool, ...] = ()
    storage: tuple[Pool, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    inventory: tuple[Part, ...] = ()
    wireless: tuple[Wireless, ...] = ()
    profiles: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)
    links: tuple[Link, ...] = ()
    members: Mapping[int, int] = field(default_factory=dict)
    peers: tuple[Peer, ...] = ()
    roles: tuple[Role, ...] = ()


def document(reading: Reading) -> dict[str, Any]:
    """The reading as plain JSON data in the form of the poll document."""
    return {
        "identity": asdict(reading.identity),
        "uptime_s": reading.uptime_s,
        "interfaces": [asdict(interface) for interface in reading.interfaces],
        "processors": [asdict(processor) for processor in reading.processors],
        "memory": [asdict(pool) for pool in reading.memory],
        "storage": [{key: value for key, value in asdict(pool).items() if key != "kind"} for pool in reading.storage],
        "sensors": [_sensor(sensor) for sensor in reading.sensors],
        "neighbours": [asdict(neighbour) for neighbour in reading.neighbours],
        "inventory": [_renamed(asdict(part)) for part in reading.inventory],
        "profiles": list(reading.profiles),
        "problems": list(reading.problems),
    }


def _sensor(sensor: Sensor) -> dict[str, Any]:
    return {**_renamed(asdict(sensor)), "unit": sensor.unit}


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    return {"class" if key == "cls" else key: value for key, value in row.items()}
