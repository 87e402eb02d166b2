"""From readings to records: what to send, and an event when something changed between two polls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from collectors.servers.facts import HOUR_S, M, Readings
from collectors.servers.sockets import Listener, table
from core.records import Event, Record, Sample, Snapshot, ended, fingerprint

LOCAL: Final = ("127.", "::1")


Session = tuple[str, str, str, float]  # user, terminal, from, since (seconds from 1970)


class Changes:
    """Remembers the ports and sessions of the poll before."""

    def __init__(self) -> None:
        self._ports: dict[tuple[str, int], Listener] | None = None
        self._ports_sent = -math.inf
        self._users: str | None = None

    def anew(self) -> None:
        """Both tables are sent with the next poll, also when they say the same."""
        self._ports_sent, self._users = -math.inf, None

    def ports(self, asset: str, now: datetime, at: float, listeners: Sequence[Listener], watched: Iterable[int]) -> Iterator[Record]:
        """A sample for each port (0 for a watched one that is closed and for one just closed), an event for each change, the table.

        The table is sent when it changed, else once an hour, so that nobody takes it for an old one; ``at``: monotonic seconds.
        """
        current = {(item.protocol, item.port): item for item in listeners}
        before = current if self._ports is None else self._ports
        wanted = {("tcp", port) for port in watched if ("udp", port) not in current}
        for key in sorted({*current, *before, *wanted}):
            labels = {"port": str(key[1]), "protocol": key[0]}
            yield Sample(time=now, asset=asset, metric="system.port.listening", value=float(key in current), labels=labels)
        for key in sorted(set(current) ^ set(before)):
            yield _port_event(asset, now, current.get(key) or before[key], is_open=key in current)
        if self._ports is None or current != before or at - self._ports_sent >= HOUR_S:
            self._ports_sent = at
            yield Snapshot(time=now, asset=asset, kind="ports", body=ended(table(listeners)))
        self._ports = current

    def users(self, asset: str, now: datetime, sessions: Iterable[Session]) -> Iterator[Record]:
        """The table of sessions when it changed."""
        body = "".join(
            f"{name}\t{terminal}\t{host}\t{datetime.fromtimestamp(started, UTC).isoformat()}\n" for name, terminal, host, started in sorted(sessions)
        )
        if body != self._users:
            yield Snapshot(time=now, asset=asset, kind="users", body=body)
        self._users = body

    @staticmethod
    def facts(asset: str, now: datetime, at: float, readings: Readings[M], machine: M) -> Iterator[Record]:
        """Snapshots of the facts that are news, and an event for each setting that changed."""
        for fact, text in readings.read(machine, at):
            send, is_changed = readings.is_news(fact.kind, text, at)
            if send:
                yield Snapshot(time=now, asset=asset, kind=fact.kind, body=text)
            if is_changed and fact.is_setting:
                yield _setting_event(asset, now, fact.kind)


def _port_event(asset: str, now: datetime, item: Listener, *, is_open: bool) -> Event:
    kind = "port_opened" if is_open else "port_closed"
    identity = fingerprint(kind, asset, {"port": str(item.port), "protocol": item.protocol, "time": now.isoformat()})
    text = f"{item.protocol} port {item.port} on {item.address} {'is open now' if is_open else 'is closed now'}"
    fields = {
        "event.category": "network",
        "network.transport": item.protocol,
        "server.port": item.port,
        "server.address": item.address,
        "process.name": item.process,
        "network.scope": "local" if item.address.startswith(LOCAL) else "public",
    }
    return Event(id=identity, time=now, asset=asset, kind=kind, message=f"{text} ({item.process})" if item.process else text, fields=fields)


def _setting_event(asset: str, now: datetime, kind: str) -> Event:
    identity = fingerprint("config_changed", asset, {"kind": kind, "time": now.isoformat()})
    fields = {"event.category": "configuration", "event.type": "change", "snapshot.kind": kind}
    return Event(id=identity, time=now, asset=asset, kind="config_changed", message=f"the settings {kind} changed", fields=fields)
