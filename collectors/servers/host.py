"""The machine that we run on (psutil): metrics, watched services, listening ports, and the facts as Snapshots.

Try it: ``python -m service collect host``, or in a site file ``collect: {host: {services: [nginx]}}``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final

import psutil
from pydantic import Field

from collectors.base import Options
from collectors.servers.certs import certificates
from collectors.servers.changes import Changes
from collectors.servers.clocks import clock_state
from collectors.servers.facts import FACTS, Readings
from collectors.servers.figures import Figures
from collectors.servers.machine import LocalMachine
from collectors.servers.services import Service, local_services
from collectors.servers.sockets import listening
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

DEFAULT_CERTIFICATES: Final = ("/etc/letsencrypt/live/*/cert.pem", "/etc/nginx/ssl/*.crt", "/etc/nginx/ssl/*.pem", "/etc/apache2/ssl/*.crt")


class HostOptions(Options):
    """What is watched on this machine."""

    services: tuple[str | Service, ...] = ()
    ports: tuple[int, ...] = ()
    mountpoints: tuple[str, ...] = ()
    certificates: tuple[str, ...] = DEFAULT_CERTIFICATES
    ntp: str = ""
    top: int = Field(default=5, ge=0, le=50)
    snapshots: bool = True
    root: str = "/"


class HostCollector:
    """This machine as an asset."""

    Options: ClassVar = HostOptions
    default_interval_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 55.0

    def __init__(self, options: HostOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options = options
        self._machine = LocalMachine(options.root)
        self._figures = Figures(options.mountpoints, options.top)
        self._readings = Readings(FACTS)
        self._changes = Changes()

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Metrics at each poll, settings when they changed."""
        at = time.monotonic()

        def sample(metric: str, value: float, **labels: str) -> Sample:
            return Sample(time=now, asset=asset.id, metric=metric, value=float(value), labels=labels)

        for metric, value, labels in self._figures.read(at):
            yield sample(metric, value, **labels)
        for state in local_services(self._machine, self._options.services):
            yield sample("system.service.up", state.up, service=state.name)
        ports = listening()
        yield from self._changes.ports(asset.id, now, at, ports, self._options.ports)
        for metric, value, labels in certificates(self._machine, self._options.certificates, ports, now):
            yield sample(metric, value, **labels)
        sessions = [(user.name, user.terminal or "", user.host or "", user.started) for user in psutil.users()]
        yield sample("system.users.count", len(sessions))
        yield from self._changes.users(asset.id, now, sessions)
        for metric, value in clock_state(self._machine, self._options.ntp):
            yield sample(metric, value)
        if self._options.snapshots:
            yield from self._changes.facts(asset.id, now, at, self._readings, self._machine)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._readings.anew()
        self._changes.anew()

    def close(self) -> None:
        """Nothing is held open."""
