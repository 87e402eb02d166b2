"""The listener for traps and informs: UDP on an event loop of its own, in batches to a sink, with every loss counted.

An inform is answered when its event is durable and not before. One that comes again, since our answer was late or lost, is
answered again and makes no second event; so does a copy of a version 3 message.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from collectors.events.delivery import Deliver, Delivery, Identities, Tally
from collectors.events.limits import SHOWN_SOURCES, SourceLimits, Storm
from collectors.events.sockets import Datagrams, inode, kernel_drops, plain_address, udp_socket
from collectors.events.traps.ber import BadPacket, one
from collectors.events.traps.message import Trap, open_community, response, version_of
from collectors.events.traps.names import Meaning, Tables, meaning, tables
from collectors.events.traps.usm import Engine, Refused, User, Usm
from core.clock import Clock
from core.errors import ConfigError
from core.records import Event, Sample

Sender = tuple[str, int]
Resolve = Callable[[str, str], str]
Interface = Callable[[str, int], str]
REMEMBERED: Final = 10_000
WATCH_S: Final = 5.0
_V3: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``port`` 0 is any free one. ``rate`` traps a second of one source are taken (0: all), and ``burst`` at once."""

    host: str = "127.0.0.1"
    port: int = 162
    rate: float = 100.0
    burst: float = 1000.0
    queue: int = 50_000


@dataclass(slots=True)
class TrapTally(Tally):
    """What came to nothing, and why; ``repeated`` are informs that came again and copies."""

    bad: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class TrapListener:
    """Listens on a thread of its own. ``resolve(address, host)`` names the asset, ``interface(asset, index)`` its port."""

    def __init__(self, settings: Settings, engine: Engine, resolve: Resolve, interface: Interface, deliver: Deliver, clock: Clock) -> None:
        self._settings, self._resolve, self._interface, self._clock = settings, resolve, interface, clock
        self.tally = TrapTally()
        self._usm = Usm(engine, clock.monotonic)
        self._communities: frozenset[bytes] = frozenset()
        self._limits = SourceLimits(settings.rate, settings.burst)
        self._delivery = Delivery("traps", deliver, settings.queue, self.tally)
        self._seen: OrderedDict[bytes, bool] = OrderedDict()  # message: whether its event is durable
        self._tables: Tables = tables()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._inode: int | None = None
        self._thread: threading.Thread | None = None
        self._identities = Identities()
        self._closing = False
        self.port = 0

    def set_access(self, communities: frozenset[str], users: frozenset[User]) -> None:
        """Let in these users of version 3, and these communities of the older ones (none given: every community)."""
        self._communities = frozenset(community.encode() for community in communities)
        self._usm.set_users(users)

    def start(self) -> None:
        """Open the port, then serve; raises ConfigError when it is taken."""
        settings = self._settings
        try:
            link = udp_socket(settings.host, settings.port)
        except OSError as err:
            raise ConfigError(
                f"the trap listener cannot listen on {settings.host} port {settings.port}: {err.strerror or err}; is the port taken or below 1024?",
                key="collect.trap_port",
            ) from err
        self._inode, self.port = inode(link), link.getsockname()[1]
        loop = self._loop = asyncio.new_event_loop()
        self._transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(lambda: Datagrams(self.datagram), sock=link))
        self._delivery.start()
        self._thread = threading.Thread(target=self._serve, args=(loop,), name="traps", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Close the port, deliver what waits, end both threads."""
        if self._thread is None or self._loop is None:
            return
        self._closing = True
        self._delivery.stop(timeout_s)  # before the loop, so that informs of the last moment are still answered
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)
        self._thread = None

    def samples(self, asset: str) -> list[Sample]:
        """Counts since the start as samples of ``asset``; the sources that were held back most by name."""
        if self._inode is not None and self._thread is not None:
            self.tally.kernel_dropped = kernel_drops(self._inode)
        tally = self.tally
        counts = {name: getattr(tally, name) for name in ("received", "delivered", "dropped", "kernel_dropped", "bad", "repeated")}
        counts |= {"refused": sum(tally.refused.values()), "held": self._limits.held, "queue": self._delivery.waiting, "sources": len(tally.sources)}
        labelled: list[tuple[str, dict[str, str], float]] = [(f"traps.{name}", {}, value) for name, value in counts.items()]
        labelled += [("traps.held.source", {"source": source}, held) for source, held in self._limits.worst(SHOWN_SOURCES)]
        labelled += [("traps.refused.reason", {"reason": reason}, count) for reason, count in sorted(tally.refused.items())]
        now = self._clock.now()
        return [Sample(time=now, asset=asset, metric=metric, value=float(value), labels=labels) for metric, labels, value in labelled]

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._watch(loop)
        try:
            loop.run_forever()
        finally:
            if self._transport is not None:
                self._transport.close()
            loop.run_until_complete(asyncio.sleep(0))  # lets the transport close its socket
            loop.close()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the end of storms."""
        for storm in self._limits.ended(self._clock.monotonic()):
            self._delivery.put(self._storm(storm, "trap_storm_over"))
        loop.call_later(WATCH_S, self._watch, loop)

    def datagram(self, data: bytes, sender: Sender) -> None:
        """One datagram; never raises for what it holds."""
        if self._closing:
            return
        address = plain_address(sender[0])
        self.tally.count(address)
        if not self._limits.allow(address, self._clock.monotonic()):
            if (storm := self._limits.storm(address)) is not None and storm.held == 1:
                self._delivery.put(self._storm(storm, "trap_storm"))
            return
        if self._delivery.is_full:
            self.tally.dropped += 1
            return
        try:
            trap, answer = self._open(data)
        except BadPacket:
            self.tally.bad += 1
        except Refused as err:
            self.tally.refused[err.reason] += 1
        else:
            if trap is None:
                self._send(answer, sender)
            else:
                self._take(trap, answer, data, sender, address)

    def _open(self, data: bytes) -> tuple[Trap | None, bytes]:
        version, parts = version_of(one(data))
        if version == _V3:
            opened = self._usm.open(data)
            return opened.trap, opened.answer
        if version not in (0, 1):
            raise BadPacket("a version that is none")
        trap = open_community(parts)
        if self._communities and trap.community not in self._communities:
            raise Refused("community")
        return trap, response(data) if trap.is_inform else b""

    def _take(self, trap: Trap, answer: bytes, data: bytes, sender: Sender, address: str) -> None:
        if not trap.is_inform and trap.version != "3":
            self._delivery.put(self._event(trap, data, address))
            return
        head = (address, trap.version, trap.user, trap.oid, str(trap.request), str(trap.uptime_s))
        key = hashlib.blake2b("\x1f".join(head).encode("utf-8", "surrogateescape") + trap.community, digest_size=16).digest()
        durable = self._seen.get(key)
        if durable is None:
            self._remember(key)
            self._delivery.put(self._event(trap, data, address), partial(self._durable, key, answer, sender))
            return
        self.tally.repeated += 1
        if durable:
            self._send(answer, sender)

    def _remember(self, key: bytes) -> None:
        self._seen[key] = False
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _durable(self, key: bytes, answer: bytes, sender: Sender) -> None:
        """Called on the thread of the delivery."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._confirm, key, answer, sender)

    def _confirm(self, key: bytes, answer: bytes, sender: Sender) -> None:
        if key in self._seen:
            self._seen[key] = True
        self._send(answer, sender)

    def _send(self, answer: bytes, sender: Sender) -> None:
        if answer and self._transport is not None:
            self._transport.sendto(answer, sender)

    def _event(self, trap: Trap, data: bytes, address: str) -> Event:
        now = self._clock.now()
        said = meaning(trap, self._tables)
        # a relay passes traps on: the address inside is the device's then, when we know it
        asset = self._resolve(trap.agent, address) if trap.agent and trap.agent != address else self._resolve(address, "")
        fields: dict[str, Any] = {
            "event.dataset": "snmp.trap",
            "event.ingested": now.isoformat(),
            "log.source.address": address,
            "snmp.version": trap.version,
            "snmp.agent": trap.agent,
            "snmp.user": trap.user,
            "snmp.uptime_s": trap.uptime_s,
            "snmp.inform": "true" if trap.is_inform else "",
            **said.fields,
            **self._port(asset or address, said),
        }
        kept = {key: value for key, value in fields.items() if value not in ("", None)}
        return Event(id=self._identities.of(data, address, now), time=now, asset=asset or address, kind=said.kind, message=said.text, fields=kept)

    def _port(self, asset: str, said: Meaning) -> dict[str, str]:
        """The port's name as polling calls it; else what the trap says; else its number."""
        if said.interface is None:
            return {}
        name = self._interface(asset, said.interface)
        return {"network.interface": name or said.fields.get("network.interface") or str(said.interface)}

    def _storm(self, storm: Storm, kind: str) -> Event:
        now = self._clock.now()
        text = {
            "trap_storm": f"{storm.source} sends more than {self._settings.rate:g} traps a second; what is above is counted and left out",
            "trap_storm_over": f"{storm.source} sends as usual again; {storm.held} traps were left out",
        }[kind]
        fields = {"event.dataset": "snmp.trap", "log.source.address": storm.source, "snmp.traps.held": storm.held}
        identity = self._identities.of(kind.encode(), storm.source, now)
        return Event(id=identity, time=now, asset=self._resolve(storm.source, "") or storm.source, kind=kind, message=text, fields=fields)
