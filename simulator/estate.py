"""The declared estate: what stands where, how it hangs together, and what can go wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.files import Document, Where, build, read_yaml

SHIPPED = Path(__file__).parent / "estate"
Importance = Literal["critical", "high", "normal", "low"]
FaultKind = Literal[
    "link_cut", "power_off", "disk_filling", "cpu_high", "memory_leak", "service_stop", "page_broken", "page_slow",
    "certificate", "temperature", "leak", "door", "on_battery", "brute_force", "port_errors",
    "stranger", "address_clash", "config_change",
]  # fmt: skip


class Model(BaseModel):
    """Frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Site(Model):
    """A site; ``octet`` is the third one of its addresses."""

    id: str
    name: str
    octet: int = Field(ge=0, le=255)


class Room(Model):
    """A server room and its racks."""

    id: str
    name: str
    site: str
    racks: tuple[str, ...]


class DeviceModel(Model):
    """What network devices of one model say of themselves."""

    vendor: str
    family: Literal["huawei", "h3c"]
    object_id: str
    model: str
    version: str
    descr: str


class Standing(Model):
    """Anything that has an address."""

    id: str
    name: str
    number: int = Field(ge=1, le=254)
    rack: str = ""
    unit: str = ""
    importance: Importance = "normal"


class Device(Standing):
    """A network device; one that is not ``declared`` is left out of the site's assets, for discovery to find; one that ``filters`` parts networks.

    ``accounts`` are those that it has beside the ones of the people who run the network.
    """

    declared: bool = True
    kind: Literal["switch", "router", "firewall"]
    model: str
    room: str
    ports: int = Field(ge=1, le=64)
    speed_mbps: int = 1000
    gateway: bool = False
    filters: bool = False
    accounts: tuple[str, ...] = ()


class Attached(Standing):
    """Something on a port of a switch."""

    switch: str
    port: int


class Server(Attached):
    """A server; it is read as an exporter's page or over SNMP."""

    how: Literal["exporter", "snmp"]


class BackupJob(Model):
    """A job that leaves files on ``keeper``: whose data, hours between two, from which hour of the night, and the other place when they lie there."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    keeper: str
    of: tuple[str, ...] = Field(min_length=1)
    every_h: int = Field(default=24, ge=1, le=168)
    at: int = Field(default=2, ge=0, le=23)
    elsewhere: str = ""


class Supply(Attached):
    """A UPS."""

    room: str
    model: str
    kva: int


class Sensors(Attached):
    """A post with room sensors."""

    room: str
    temperature: float
    humidity: float


class Desks(Model):
    """Office machines on neighbouring ports of an access switch; nobody declared them. ``net`` are the first three numbers of their addresses."""

    switch: str
    first: int = Field(ge=1)
    last: int = Field(le=64)
    net: str = Field(pattern=r"^\d{1,3}\.\d{1,3}\.\d{1,3}$")


class System(Model):
    """A business system with a web page on its server; below level 3 it is a protection object when it is ``filed``."""

    id: str
    name: str
    server: str
    also: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    level: int
    extensions: tuple[str, ...] = ()
    filed: bool = False
    secure: bool = False
    word: str


End = tuple[str, int]


class Link(Model):
    """A cable between two ports."""

    a: End
    b: End

    @property
    def text(self) -> str:
        """As it is written in the files."""
        return f"{self.a[0]}:{self.a[1]} {self.b[0]}:{self.b[1]}"


def link_of(text: str) -> Link:
    """``"hq-core1:1 hq-core2:1"`` as a link; raises ValueError."""
    ends = [end.rpartition(":") for end in text.split()]
    if len(ends) != 2 or not all(device and port.isdigit() for device, _, port in ends):
        raise ValueError("a link is written device:port device:port")
    (a, _, port_a), (b, _, port_b) = ends
    return Link(a=(a, int(port_a)), b=(b, int(port_b)))


class Fault(Model):
    """Something that can go wrong; ``value`` means what ``kind`` makes of it."""

    id: str
    kind: FaultKind
    target: str
    name: str
    en: str
    over_s: float = Field(default=0, ge=0)
    value: float = 0


class Act(Model):
    """One line of the scripted day."""

    at: str = Field(pattern=r"^(?:[01]\d|2[0-3]):[0-5]\d$")
    fault: str
    minutes: float = Field(gt=0)

    @property
    def minute(self) -> int:
        """Minute of the day."""
        return int(self.at[:2]) * 60 + int(self.at[3:])


class Estate(Model):
    """Everything."""

    sites: tuple[Site, ...]
    rooms: tuple[Room, ...]
    models: Mapping[str, DeviceModel]
    devices: tuple[Device, ...]
    roots: tuple[str, ...] = Field(min_length=1)
    links: tuple[Link, ...]
    servers: tuple[Server, ...]
    systems: tuple[System, ...]
    backups: tuple[BackupJob, ...] = ()
    supplies: tuple[Supply, ...] = ()
    sensors: tuple[Sensors, ...] = ()
    desks: tuple[Desks, ...] = ()
    faults: tuple[Fault, ...] = ()
    day: tuple[Act, ...] = ()

    @field_validator("links", mode="before")
    @classmethod
    def _links(cls, given: Any) -> Any:
        return [link_of(text) if isinstance(text, str) else text for text in given]

    @model_validator(mode="after")
    def _hangs_together(self) -> Estate:
        known = set(self.by_id)
        for link in self.cables:
            if wrong := {link.a[0], link.b[0]} - known:
                raise ValueError(f"the link {link.text} names {min(wrong)}, which does not exist")
        if lost := known - set(self.depth):
            raise ValueError(f"{min(lost)} hangs on nothing that leads to {', '.join(self.roots)}")
        standing = (*self.devices, *self.servers, *self.supplies, *self.sensors)
        names = [*(one.id for one in standing), *(system.id for system in self.systems)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} stands twice")
        switches = {device.id for device in self.devices if device.kind == "switch"}
        if wrong := {desks.switch for desks in self.desks} - switches:
            raise ValueError(f"desks hang on {min(wrong)}, which is no switch")
        servers = {server.id for server in self.servers}
        if wrong := {one for job in self.backups for one in (job.keeper, *job.of)} - servers:
            raise ValueError(f"a backup job names {min(wrong)}, which is no server")
        targets = known | {system.id for system in self.systems} | {link.text for link in self.links}
        for fault in self.faults:
            if fault.target not in targets:
                raise ValueError(f"the fault {fault.id} is about {fault.target}, which does not exist")
        if wrong := {act.fault for act in self.day} - {fault.id for fault in self.faults}:
            raise ValueError(f"the day names the fault {min(wrong)}, which does not exist")
        return self

    @cached_property
    def by_id(self) -> Mapping[str, Standing]:
        """Everything that has an address."""
        return {one.id: one for one in (*self.devices, *self.servers, *self.supplies, *self.sensors)}

    @cached_property
    def cables(self) -> tuple[Link, ...]:
        """The declared links and one for everything that is attached to a switch."""
        attached: Iterable[Attached] = (*self.servers, *self.supplies, *self.sensors)
        return (*self.links, *(Link(a=(one.switch, one.port), b=(one.id, 1)) for one in attached))

    @cached_property
    def depth(self) -> Mapping[str, int]:
        """Hops from the roots, where the collector stands."""
        return hops(self.roots, ((link.a[0], link.b[0]) for link in self.cables))

    def room_of(self, one: Standing) -> Room:
        """The room in which it stands."""
        where = one.room if isinstance(one, Device | Supply | Sensors) else None
        return next(room for room in self.rooms if room.id == where or (where is None and one.rack in room.racks))

    def upstream(self, id: str) -> list[str]:
        """The neighbours that are one hop nearer to a root."""
        pairs = ((link.a[0], link.b[0]) for link in self.cables)
        near = [other for a, b in pairs for mine, other in ((a, b), (b, a)) if mine == id]
        return sorted({other for other in near if self.depth[other] == self.depth[id] - 1})


def hops(roots: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many cables from the nearest root to whatever can be reached."""
    neighbours: dict[str, set[str]] = {}
    for a, b in pairs:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    found = dict.fromkeys(roots, 0)
    waiting = deque(found)
    while waiting:
        here = waiting.popleft()
        for there in sorted(neighbours.get(here, ())):
            if there not in found:
                found[there] = found[here] + 1
                waiting.append(there)
    return found


def load_estate(folder: Path = SHIPPED) -> Estate:
    """All files of the folder as one estate; raises ConfigError with line and key for what is wrong."""
    merged: dict[str, Any] = {}
    lines: dict[Where, int] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        if not isinstance(document.data, dict):
            raise document.error("is no part of an estate")
        if twice := set(merged) & set(document.data):
            raise document.error("stands in another file already", (min(twice),))
        merged |= document.data
        lines |= document.lines
    return build(Document(merged, folder, lines), Estate)
