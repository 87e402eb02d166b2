"""What the probes of network services share: their own states, and library errors in words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime

from core.errors import DeviceError, Unreachable
from core.records import Event, Sample, fingerprint


class Turns:
    """Remembers whether each endpoint was well, to tell once when it fails and once when it recovers."""

    def __init__(self) -> None:
        self._faults: dict[str, str] = {}

    def events(self, asset: str, endpoint: str, fault: str, now: datetime) -> Iterator[Event]:
        """``probe_failed`` when a fault begins or changes, ``probe_recovered`` when it ends."""
        before = self._faults.get(endpoint, "")
        self._faults[endpoint] = fault
        if fault == before:
            return
        kind = "probe_failed" if fault else "probe_recovered"
        identity = fingerprint(kind, asset, {"endpoint": endpoint, "time": now.isoformat()})
        fields = {"event.category": "availability", "event.outcome": "failure" if fault else "success", "url.full": endpoint, "error.message": fault}
        yield Event(id=identity, time=now, asset=asset, kind=kind, message=f"{endpoint}: {fault or 'works again'}", fields=fields)


def up(asset: str, endpoint: str, now: datetime, *, is_up: bool, duration_s: float | None = None) -> Iterator[Sample]:
    """``probe.up`` and, when known, ``probe.duration``."""
    labels = {"endpoint": endpoint}
    yield Sample(time=now, asset=asset, metric="probe.up", value=float(is_up), labels=labels)
    if duration_s is not None:
        yield Sample(time=now, asset=asset, metric="probe.duration", value=duration_s, labels=labels)


def unreachable(asset: str, endpoint: str, err: BaseException) -> DeviceError:
    """A connection error as people say it."""
    return Unreachable(asset, f"{endpoint}: {reason(err)}")


def reason(err: BaseException) -> str:
    """What went wrong with a connection, in a few words."""
    if isinstance(err, TimeoutError):
        return "no answer in time"
    if isinstance(err, ConnectionRefusedError):
        return "connection refused"
    if isinstance(err, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(err, ssl.SSLError):
        return f"TLS failed: {err.reason or err}"
    if isinstance(err, ConnectionResetError):
        return "connection reset"
    return str(err) or type(err).__name__
