"""Windows servers over SSH, without an agent: the metrics of ``ssh`` under the same names, and the texts that Windows is judged by."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pydantic import Field

from collectors.rates import Rates
from collectors.servers.changes import Changes
from collectors.servers.facts import HOUR_S, OFTEN, TEN_MINUTES_S, Fact, Readings
from collectors.servers.figures import NONE, Figure, filesystem
from collectors.servers.powershell import COMMAND, Answer, answer, script, table
from collectors.servers.sockets import Listener
from collectors.servers.sshlink import Line, LinkOptions
from core.errors import BadReply
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

KIB: Final = 1024.0
EPHEMERAL: Final = 49152  # Windows gives clients UDP ports from here: they are no services
QUIET: Final = re.compile(r"(?i)isatap|teredo|6to4|loopback|kernel debug")
EACH_POLL: Final = ("figures", "services", "ports", "time", "clock")
Texts = Mapping[str, str]

# name, pause between two readings, whether a change is one of settings
TEXTS: Final = (
    ("windows.system", OFTEN, True),
    ("windows.policy", TEN_MINUTES_S, True),
    ("windows.audit", TEN_MINUTES_S, True),
    ("windows.accounts", TEN_MINUTES_S, False),
    ("windows.groups", TEN_MINUTES_S, True),
    ("windows.logs", TEN_MINUTES_S, False),
    ("windows.security", OFTEN, True),
    ("windows.winrm", TEN_MINUTES_S, True),
    ("windows.smb", TEN_MINUTES_S, True),
    ("windows.shares", TEN_MINUTES_S, True),
    ("windows.firewall", TEN_MINUTES_S, True),
    ("windows.firewall.rules", HOUR_S, True),
    ("windows.features", HOUR_S, True),
    ("windows.software", HOUR_S, False),
    ("windows.updates", HOUR_S, False),
    ("windows.defender", TEN_MINUTES_S, False),
    ("windows.encryption", HOUR_S, True),
    ("services", TEN_MINUTES_S, False),
    ("windows.time", OFTEN, False),
)
MADE_HERE: Final = {"services", "windows.time"}  # from what each poll reads


class WindowsOptions(LinkOptions):
    """How to reach the server and what is watched on it."""

    services: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    mountpoints: tuple[str, ...] = ()
    snapshots: bool = True
    timeout_s: float = Field(default=20, gt=0, le=60)


class WindowsCollector:
    """One Windows server."""

    Options: ClassVar = WindowsOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: WindowsOptions, secrets: Secrets) -> None:
        self._options, self._line = options, Line("windows", options, secrets)
        self._rates, self._changes = Rates(), Changes()
        self._readings = Readings(Fact(kind, _reader(kind), every_s, is_setting) for kind, every_s, is_setting in TEXTS)
        self.deadline_s = options.timeout_s * 12

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Metrics at each poll, settings when they changed; raises Unreachable, AuthRefused, HostKeyChanged or BadReply."""
        self._line.aim(asset)
        at, sent = time.monotonic(), time.time()
        polled = self._ask(EACH_POLL, 3)
        received = time.time()
        if "figures" not in polled.texts:
            raise BadReply(asset.id, f"{asset.address}: {_reason(polled)}")

        def sample(metric: str, value: float, **labels: str) -> Sample:
            return Sample(time=now, asset=asset.id, metric=metric, value=value, labels=labels)

        for metric, value, labels in self._figures(table(polled.texts["figures"]), at):
            yield sample(metric, value, **labels)
        for service, is_up in self._services(polled.texts.get("services")):
            yield sample("system.service.up", is_up, service=service)
        if "ports" in polled.texts:
            yield from self._changes.ports(asset.id, now, at, listeners(polled.texts["ports"]), self._options.ports)
        clock = told(polled.texts.get("time", ""))
        if (offset := off(clock, polled.texts.get("clock", ""), sent, received)) is not None:
            yield sample("system.time.offset", offset)
        if self._options.snapshots:
            texts = {**self._ask(self._due(at), 8).texts, "windows.time": clock.text}
            if "services" in polled.texts:
                texts["services"] = polled.texts["services"]
            yield from self._changes.facts(asset.id, now, at, self._readings, texts)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._readings.anew()
        self._changes.anew()

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _due(self, at: float) -> list[str]:
        return [fact.kind for fact in self._readings.due(at) if fact.kind not in MADE_HERE]

    def _ask(self, parts: Iterable[str], times: int) -> Answer:
        return answer(self._line.run(COMMAND, script(parts), times))

    def _figures(self, rows: list[list[str]], at: float) -> Iterator[Figure]:
        for what, *cells in rows:
            with suppress(ValueError):  # a row that is cut or empty says nothing; the others stand
                yield from self._figure(what, cells, at)

    def _figure(self, what: str, cells: list[str], at: float) -> Iterator[Figure]:
        if what in _SINGLE:
            yield _SINGLE[what], float(cells[0]), NONE
        elif what == "processor":
            idle, stamp = map(float, cells)
            if (share := self._rates.share("cpu", stamp - idle, stamp)) is not None:
                yield "system.cpu.utilization", share, NONE
        elif what == "memory":
            total, free = (float(cell) * KIB for cell in cells)
            yield "system.memory.utilization", 100.0 * (total - free) / total, NONE
            yield "system.memory.usage", total - free, NONE
            yield "system.memory.limit", total, NONE
        elif what == "pagefile":
            size, used = map(float, cells)
            if size:
                yield "system.swap.utilization", 100.0 * used / size, NONE
        elif what == "volume":
            yield from self._volume(*cells)
        elif what == "disk":
            yield from self._disk(cells, at)
        elif what == "interface" and not QUIET.search(cells[0]):
            yield from self._interface(cells, at)

    def _volume(self, name: str, device: str, capacity: str, free: str) -> Iterator[Figure]:
        wanted = {point.rstrip("\\").lower() for point in self._options.mountpoints}
        is_named = not name.startswith("\\\\?\\")  # one without a letter or a folder is the system's own
        if is_named and (not wanted or name.rstrip("\\").lower() in wanted):
            yield from filesystem(device, name, float(capacity), float(free), float(free))

    def _disk(self, cells: list[str], at: float) -> Iterator[Figure]:
        device, got, put, idle, stamp = cells[0], *map(float, cells[1:])
        for direction, value in (("read", got), ("write", put)):
            if (rate := self._rates.per_second(("disk", device, direction), value, at)) is not None:
                yield "system.disk.io", rate, {"device": device, "direction": direction}
        if (share := self._rates.share(("busy", device), stamp - idle, stamp)) is not None:
            yield "system.disk.utilization", share, {"device": device}

    def _interface(self, cells: list[str], at: float) -> Iterator[Figure]:
        interface, counters = cells[0], map(float, cells[1:])
        for (metric, direction), value in zip(_COUNTERS, counters, strict=True):
            if (rate := self._rates.per_second((metric, interface, direction), value, at)) is not None:
                yield f"system.network.{metric}", rate, {"interface": interface, "direction": direction}

    def _services(self, text: str | None) -> Iterator[tuple[str, float]]:
        if text is not None:
            running = {cells[0].lower() for cells in table(text) if cells[-1] == "running"}
            for name in self._options.services:
                yield name, float(name.lower() in running)


_SINGLE: Final = {"uptime": "system.uptime", "processes": "system.processes.count", "processors": "system.cpu.count"}
_COUNTERS: Final = (("io", "receive"), ("io", "transmit"), ("errors", "receive"), ("errors", "transmit"))


def _reader(kind: str) -> Callable[[Texts], str | None]:
    return lambda texts: texts.get(kind)


def _reason(polled: Answer) -> str:
    """Why there are no figures."""
    if "figures" in polled.failures:
        return f"the figures cannot be read: {polled.failures['figures'][:200]}"
    return "PowerShell did not answer as it should; the collector windows reads Windows servers with Windows PowerShell 4 or later"


def listeners(text: str) -> list[Listener]:
    """Listening TCP sockets and UDP sockets of services, sorted; each once."""
    rows = [cells for cells in table(text) if len(cells) == 4 and cells[2].isdecimal()]
    found = {Listener(protocol, address.partition("%")[0], int(port), process) for protocol, address, port, process in rows}
    return sorted(item for item in found if item.protocol == "tcp" or item.port < EPHEMERAL)


@dataclass(frozen=True, slots=True)
class Clock:
    """What w32tm says: the text of the kind ``windows.time``, and the correction that the clock still has before it, in seconds."""

    text: str = ""
    phase: float | None = None


def told(text: str) -> Clock:
    """Numbers alone are read, by their place: the words are in the language of the system.

    Line 1 is the leap indicator (3: not synchronised, RFC 5905); root delay, root dispersion and phase offset are the first three in seconds.
    """
    if not text:
        return Clock()
    pairs = [line.partition("=")[::2] for line in text.splitlines()]
    own = {key: value for key, value in pairs if key in ("type", "servers", "running", "status")}
    lines = [value for key, value in pairs if key == "line" and value.strip()]
    leap = re.search(r"[:：]\s*(\d)\s*[(（]", lines[0]) if lines and own.get("status") == "0" else None
    seconds = [float(found[1]) for line in lines if leap and (found := re.search(r"[:：]\s*([+-]?\d+\.\d+)s\s*$", line))]
    synchronised = "unknown" if leap is None else "no" if leap[1] == "3" else "yes"
    body = "".join(f"{key}={own.get(key, '')}\n" for key in ("type", "servers", "running")) + f"synchronised={synchronised}\n# end\n"
    return Clock(body, seconds[2] if synchronised == "yes" and len(seconds) > 2 else None)


def off(clock: Clock, text: str, sent: float, received: float) -> float | None:
    """Seconds that the server's clock is ahead: by how much it misses the time in which it was asked, else what w32tm says; None when nothing tells."""
    found = re.match(r"now=(\S+)", text)
    with suppress(ValueError):
        now = datetime.fromisoformat(found[1] if found else "").timestamp()
        if now < sent:
            return now - sent
        if now > received:
            return now - received
    return clock.phase
