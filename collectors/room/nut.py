"""Uninterruptible power supplies behind a NUT server (Network UPS Tools; variables as its developer guide names them)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar, Final

import aionut
from pydantic import Field

from collectors.base import Options, credential
from collectors.loop import wait
from core.errors import AuthRefused, BadReply, DeviceError, Unreachable
from core.records import Event, Record, Sample, Snapshot, fingerprint
from core.secrets import Secrets
from inventory.asset import Asset

# variable -> metric and factor into its unit
METRICS: Final[Mapping[str, tuple[str, float]]] = {
    "battery.charge": ("hw.ups.charge", 1.0),
    "battery.runtime": ("hw.ups.runtime", 1 / 60),
    "ups.load": ("hw.ups.load", 1.0),
    "ups.temperature": ("hw.temperature", 1.0),
    "battery.temperature": ("hw.temperature", 1.0),
    "ambient.temperature": ("hw.temperature", 1.0),
    "ambient.humidity": ("hw.humidity", 1.0),
    "input.voltage": ("hw.voltage", 1.0),
    "output.voltage": ("hw.voltage", 1.0),
    "battery.voltage": ("hw.voltage", 1.0),
    "input.frequency": ("hw.frequency", 1.0),
    "output.current": ("hw.current", 1.0),
    "ups.realpower": ("hw.power", 1.0),
}
SENSOR: Final = frozenset(("hw.temperature", "hw.humidity", "hw.voltage", "hw.frequency", "hw.current", "hw.power"))
INPUT_PHASE: Final = re.compile(r"(input|output)\.L([123])(?:-N)?\.(voltage|current)$")
KEPT: Final = ("device.", "ups.mfr", "ups.model", "ups.serial", "ups.firmware", "battery.type", "battery.date", "battery.mfr.date")


class NutOptions(Options):
    """The server, and which of its supplies (all when none is named)."""

    host: str = ""
    port: int = Field(default=3493, ge=1, le=65535)
    ups: tuple[str, ...] = ()
    credential: str = ""
    timeout_s: float = Field(default=5, gt=0, le=60)


class _Client(aionut.AIONUTClient):
    def disconnect(self) -> None:
        """The library leaves a connection open whose login got no answer."""
        if self._writer is not None:
            self._writer.close()
        super().disconnect()


class NutCollector:
    """The supplies of one NUT server."""

    Options: ClassVar = NutOptions
    default_interval_s: ClassVar[float] = 30.0

    def __init__(self, options: NutOptions, secrets: Secrets) -> None:
        self._options, self._secrets = options, secrets
        self._states: dict[str, frozenset[str]] = {}
        self.deadline_s = options.timeout_s * 3 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Charge, runtime, load, battery operation and sensors; an event at each change of state."""
        host = self._options.host or asset.address
        try:
            supplies = wait(self._ask(asset, host), self._options.timeout_s * 3)
        except (aionut.NUTError, OSError) as err:
            raise _translated(asset.id, f"{host}:{self._options.port}", err) from err
        for name, variables in supplies.items():
            yield from _samples(asset.id, name, variables, now)
            yield from self._events(asset.id, name, variables, now)
            facts = "".join(f"{key}={value}\n" for key, value in sorted(variables.items()) if key.startswith(KEPT))
            if facts:
                yield Snapshot(time=now, asset=asset.id, kind=f"ups.{name}", body=facts)

    def close(self) -> None:
        """Nothing is held open."""

    async def _ask(self, asset: Asset, host: str) -> dict[str, dict[str, str]]:
        secret = credential(asset, "nut", self._options.credential, self._secrets)
        client = _Client(host, self._options.port, secret.username or None, secret.password or None, timeout=self._options.timeout_s, persistent=True)
        try:
            names = self._options.ups or tuple(await client.list_ups())
            return {name: dict(await client.list_vars(name)) for name in names}
        finally:
            client.shutdown()

    def _events(self, asset: str, name: str, variables: Mapping[str, str], now: datetime) -> Iterator[Event]:
        states = frozenset(variables.get("ups.status", "").split())
        before = self._states.get(name, states)
        self._states[name] = states
        if states == before:
            return
        identity = fingerprint("ups_status", asset, {"ups": name, "time": now.isoformat()})
        text = f"{name}: {' '.join(sorted(before)) or 'unknown'} -> {' '.join(sorted(states)) or 'unknown'}"
        yield Event(id=identity, time=now, asset=asset, kind="ups_status", message=text, fields={"ups.name": name, "ups.status": " ".join(sorted(states))})


def _samples(asset: str, name: str, variables: Mapping[str, str], now: datetime) -> Iterator[Sample]:
    def sample(metric: str, value: float, **labels: str) -> Sample:
        return Sample(time=now, asset=asset, metric=metric, value=value, labels={"ups": name, **labels})

    states = variables.get("ups.status", "").split()
    if states:
        yield sample("hw.ups.on_battery", float("OB" in states))
        yield sample("hw.ups.low_battery", float("LB" in states))
        yield sample("hw.ups.replace_battery", float("RB" in states))
        yield sample("hw.ups.overload", float("OVER" in states))
    for variable, text in variables.items():
        metric, factor = METRICS.get(variable, ("", 1.0))
        if found := INPUT_PHASE.match(variable):
            metric = f"hw.{found[3]}"
        if metric and re.fullmatch(r"-?\d+(\.\d+)?", text):
            yield sample(metric, float(text) * factor, **({"sensor": variable} if metric in SENSOR else {}))


def _translated(asset: str, place: str, err: Exception) -> DeviceError:
    if isinstance(err, aionut.NUTLoginError):
        return AuthRefused(asset, f"{place} refused the login")
    if isinstance(err, aionut.NUTOSError | aionut.NUTTimeoutError | aionut.NUTConnectionClosedError | OSError):
        return Unreachable(asset, f"{place}: {'no answer in time' if isinstance(err, TimeoutError | asyncio.TimeoutError) else err}")
    return BadReply(asset, f"{place}: {err}")
