"""Linux servers over SSH, without an agent: the same metrics and snapshots as ``host``, read from /proc and by a few commands."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final

from collectors.rates import Rates
from collectors.servers import proc
from collectors.servers.changes import Changes
from collectors.servers.clocks import chrony_offset
from collectors.servers.facts import FACTS, Readings
from collectors.servers.figures import NONE, Figure
from collectors.servers.remote import RemoteMachine
from collectors.servers.services import Service, remote_services
from collectors.servers.sockets import Listener
from collectors.servers.sshlink import Line, LinkOptions
from core.errors import BadReply
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

TABLES: Final = ("tcp", "tcp6", "udp", "udp6")
PATHS: Final = tuple(
    f"/proc/{name}" for name in ("stat", "loadavg", "uptime", "meminfo", "mounts", "net/dev", "diskstats", *(f"net/{table}" for table in TABLES))
)
SS: Final = ("ss", "-H", "-t", "-u", "-l", "-n", "-p")
PS: Final = ("ps", "-eo", "args=")
CHRONY: Final = ("chronyc", "-n", "tracking")
COMMANDS: Final = (("df", "-P", "-k"), ("df", "-P", "-i"), ("who",), SS, PS, CHRONY)


class SshOptions(LinkOptions):
    """How to reach the server and what is watched on it. ``sudo``: read as root by ``sudo -n sh``."""

    sudo: bool = False
    services: tuple[str | Service, ...] = ()
    ports: tuple[int, ...] = ()
    mountpoints: tuple[str, ...] = ()
    snapshots: bool = True


class SshCollector:
    """One Linux server."""

    Options: ClassVar = SshOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: SshOptions, secrets: Secrets) -> None:
        self._options, self._line = options, Line("ssh", options, secrets)
        self._machine = RemoteMachine(self._shell)
        self._rates, self._readings, self._changes = Rates(), Readings(FACTS), Changes()
        self.deadline_s = options.timeout_s * 5

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Metrics at each poll, settings when they changed; raises Unreachable, AuthRefused, HostKeyChanged or BadReply."""
        self._line.aim(asset)
        at = time.monotonic()
        self._machine.prepare(lambda: self._touch(at))

        def sample(metric: str, value: float, **labels: str) -> Sample:
            return Sample(time=now, asset=asset.id, metric=metric, value=value, labels=labels)

        stat = self._machine.read("/proc/stat")
        if stat is None:
            raise BadReply(asset.id, f"{asset.address} has no /proc/stat; the collector ssh reads Linux servers")
        for metric, value, labels in self._figures(stat, at):
            yield sample(metric, value, **labels)
        for state in remote_services(self._machine, self._options.services):
            yield sample("system.service.up", float(state.up), service=state.name)
        yield from self._changes.ports(asset.id, now, at, self._listeners(), self._options.ports)
        sessions = proc.sessions(self._machine.run("who") or "")
        yield sample("system.users.count", float(len(sessions)))
        yield from self._changes.users(asset.id, now, sessions)
        if self._options.snapshots:
            yield from self._changes.facts(asset.id, now, at, self._readings, self._machine)
        if (offset := self._offset()) is not None:
            yield sample("system.time.offset", offset)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._readings.anew()
        self._changes.anew()

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _touch(self, at: float) -> None:
        """Ask for everything that this poll reads."""
        for path in PATHS:
            self._machine.read(path)
        for command in COMMANDS:
            self._machine.run(*command)
        remote_services(self._machine, self._options.services)
        for fact in self._readings.due(at) if self._options.snapshots else ():
            fact.read(self._machine)

    def _shell(self, script: str) -> bytes:
        return self._line.run("sudo -n sh" if self._options.sudo else "sh", script, 3)

    def _figures(self, stat: str, at: float) -> Iterator[Figure]:
        read = self._machine.read
        if ticks := proc.processor(stat):
            for name, part in (("utilization", ticks.busy), ("iowait", ticks.iowait), ("steal", ticks.steal)):
                if (share := self._rates.share(f"cpu.{name}", part, ticks.total)) is not None:
                    yield f"system.cpu.{name}", share, NONE
        yield "system.cpu.count", float(proc.processors(stat)), NONE
        yield from proc.loads(read("/proc/loadavg") or "")
        if uptime := read("/proc/uptime"):
            yield "system.uptime", float(uptime.split()[0]), NONE
        yield from proc.memory(read("/proc/meminfo") or "")
        run = self._machine.run
        yield from proc.df(read("/proc/mounts") or "", run("df", "-P", "-k") or "", run("df", "-P", "-i") or "", self._options.mountpoints)
        yield from self._counters(at)
        if processes := run(*PS):
            yield "system.processes.count", float(len(processes.splitlines())), NONE

    def _counters(self, at: float) -> Iterator[Figure]:
        for interface, counters in proc.interfaces(self._machine.read("/proc/net/dev") or ""):
            for (metric, direction), value in counters.items():
                if (rate := self._rates.per_second((metric, interface, direction), value, at)) is not None:
                    yield f"system.network.{metric}", rate, {"interface": interface, "direction": direction}
        for device, got, put, busy in proc.disks(self._machine.read("/proc/diskstats") or ""):
            for direction, value in (("read", got), ("write", put)):
                if (rate := self._rates.per_second(("disk", device, direction), value, at)) is not None:
                    yield "system.disk.io", rate, {"device": device, "direction": direction}
            if (share := self._rates.per_second(("busy", device), busy, at)) is not None:
                yield "system.disk.utilization", min(100.0, share / 10), {"device": device}

    def _listeners(self) -> list[Listener]:
        if text := self._machine.run(*SS):
            return proc.ss(text)
        return proc.listeners({name: self._machine.read(f"/proc/net/{name}") or "" for name in TABLES})

    def _offset(self) -> float | None:
        """From chrony, else the server's clock against ours, asked last and alone so that the round trip is short."""
        if (offset := chrony_offset(self._machine.run(*CHRONY))) is not None:
            return offset
        sent = time.time()
        printed = self._shell("date +%s.%N\n").decode("ascii", "replace").strip()
        middle = (sent + time.time()) / 2
        return float(printed) - middle if re.fullmatch(r"\d+\.\d+", printed) else None
