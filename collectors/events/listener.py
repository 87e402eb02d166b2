"""The syslog listener: UDP, TCP (both framings) and TLS on one event loop, in batches to a sink, with every loss counted.

What arrives is parsed at once and waits in a bounded queue. When the sink is slow, streams are no longer read (the senders
wait); datagrams above the bound are dropped and counted, as are those that the kernel dropped before we could read them.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final, cast

from collectors.events import devices, windows
from collectors.events.delivery import Deliver, Delivery, Identities, Tally
from collectors.events.framing import BadFrame, Frame, Frames
from collectors.events.limits import SHOWN_SOURCES, SourceLimits
from collectors.events.patterns import meaning, table
from collectors.events.sockets import Datagrams, inode, kernel_drops, plain_address, udp_socket
from collectors.events.syslog import fields, parse
from collectors.network.masking import masked_line
from core.clock import Clock
from core.errors import ConfigError
from core.records import Event, Sample

Resolve = Callable[[str, str], str]
Port = Callable[[str, str], str]  # asset and the name of a port as the device wrote it -> as its series name it
HANDSHAKE_S: Final = 10.0
IDLE_S: Final = 3600.0
PIECE: Final = 64 * 1024
COMMANDS: Final = frozenset({"command", "config_command"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Ports are None for "not at all" and 0 for "any free one". ``limit`` is the longest message in bytes; longer ones are cut.

    ``rate`` datagrams a second of one source are taken (0: all), ten times as many at once; streams are slowed down instead.
    """

    host: str = "127.0.0.1"
    udp: int | None = None
    tcp: int | None = None
    tls: int | None = None
    cert: Path | None = None
    key: Path | None = None
    zone: tzinfo = UTC
    limit: int = 16 * 1024
    rate: float = 0.0
    queue: int = 50_000
    connections: int = 1000
    connections_per_source: int = 100


@dataclass(slots=True)
class SyslogTally(Tally):
    """What streams and long messages add to it."""

    cut: int = 0
    bad_frames: int = 0
    refused: int = 0


class SyslogListener:
    """Listens on a thread of its own. ``resolve(address, host name)`` names the asset; ``deliver`` returns when a batch is durable."""

    def __init__(self, settings: Settings, resolve: Resolve, deliver: Deliver, clock: Clock, port: Port = lambda _, name: name) -> None:
        self._settings, self._resolve, self._clock, self._port = settings, resolve, clock, port
        self.tally = SyslogTally()
        self._delivery = Delivery("syslog", deliver, settings.queue, self.tally, self._make_room)
        self._room = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closers: list[Callable[[], None]] = []
        self._inode: int | None = None
        self._identities = Identities()
        self._limits = SourceLimits(settings.rate, 10 * settings.rate)
        self.ports: dict[str, int] = {}

    def start(self) -> None:
        """Open the ports, then serve; raises ConfigError when one is taken or the certificate cannot be used."""
        self._room.set()
        try:
            self._loop.run_until_complete(self._bind())
        except (OSError, ConfigError) as err:
            self._shut()
            if isinstance(err, ConfigError):
                raise
            raise ConfigError(f"the syslog listener cannot listen on {self._settings.host}: {err.strerror or err}; is the port taken or below 1024?") from err
        self._delivery.start()
        self._thread = threading.Thread(target=self._serve, name="syslog", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Close the ports, deliver what waits, end both threads."""
        if self._thread is None:
            self._loop.close()  # it never began, or has ended
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)
        self._delivery.stop(timeout_s)
        self._thread = None

    def _make_room(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._room.set)

    def samples(self, asset: str) -> list[Sample]:
        """Counts since the start as samples of ``asset``, and the queue's length."""
        if self._inode is not None:
            self.tally.kernel_dropped = kernel_drops(self._inode)
        now, tally = self._clock.now(), self.tally
        counts = {name: getattr(tally, name) for name in ("received", "delivered", "dropped", "kernel_dropped", "cut", "bad_frames", "refused")}
        counts |= {"held": self._limits.held, "queue": self._delivery.waiting, "connections": sum(self._open.values()), "sources": len(tally.sources)}
        found = [Sample(time=now, asset=asset, metric=f"syslog.{name}", value=float(value)) for name, value in counts.items()]
        worst = self._limits.worst(SHOWN_SOURCES)
        return found + [Sample(time=now, asset=asset, metric="syslog.held.source", value=float(held), labels={"source": source}) for source, held in worst]

    async def _bind(self) -> None:
        settings = self._settings
        if settings.udp is not None:
            link = udp_socket(settings.host, settings.udp)
            self._inode = inode(link)
            transport, _ = await self._loop.create_datagram_endpoint(lambda: Datagrams(self.datagram), sock=link)
            self._closers.append(transport.close)
            self.ports["udp"] = link.getsockname()[1]
        for name, port, context in (("tcp", settings.tcp, None), ("tls", settings.tls, _context(settings) if settings.tls is not None else None)):
            if port is not None:
                extra: dict[str, Any] = {"ssl": context, "ssl_handshake_timeout": HANDSHAKE_S} if context else {}
                server = await asyncio.start_server(self._accept, settings.host, port, limit=PIECE, **extra)
                self._closers.append(server.close)
                self.ports[name] = server.sockets[0].getsockname()[1]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._shut()

    def _shut(self) -> None:
        self._loop.run_until_complete(self._farewell())
        self._loop.close()

    async def _farewell(self) -> None:
        for close in self._closers:
            close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports close their sockets

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = plain_address(str((writer.get_extra_info("peername") or ("",))[0]))
        if sum(self._open.values()) >= self._settings.connections or self._open[address] >= self._settings.connections_per_source:
            self.tally.refused += 1
            writer.transport.abort()
            return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        self._open[address] += 1
        try:
            await self._read(reader, address)
        except (OSError, BadFrame, asyncio.CancelledError) as err:
            self.tally.bad_frames += isinstance(err, BadFrame)
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forget addresses without connections
            self._tasks.discard(task)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, address: str) -> None:
        frames = Frames(self._settings.limit)
        while piece := await asyncio.wait_for(reader.read(PIECE), IDLE_S):
            for frame in frames.feed(piece):
                self.take(frame, address)
            await self._room.wait()
        for frame in frames.end():
            self.take(frame, address)

    def datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        """One datagram: dropped and counted when the queue is full, or its source sends more than its share."""
        address = plain_address(sender[0])
        if not self._limits.allow(address, self._clock.monotonic()):
            return
        if self._delivery.is_full:
            self.tally.dropped += 1
            return
        limit = self._settings.limit
        self.take(Frame(data[:limit].rstrip(b"\r\n\0"), len(data) > limit), address)

    def take(self, frame: Frame, address: str) -> None:
        """One message: parsed, named and queued."""
        if not frame.data:
            return
        self.tally.count(address)
        self.tally.cut += frame.is_cut
        self._delivery.put(self._event(frame, address))
        if self._delivery.is_full:
            self._room.clear()

    def _event(self, frame: Frame, address: str) -> Event:
        now = self._clock.now()
        message = parse(frame.data, now, self._settings.zone)
        kind, found = meaning(message.program, message.text, table())
        if kind == "log":
            kind, found = windows.meaning(message, windows.table())
        if kind == "log" and not found:
            kind, found = devices.meaning(message, devices.table())
        facts = fields(message) | found | {"log.source.address": address, "event.ingested": now.isoformat()}
        if frame.is_cut:
            facts["log.flags"] = "truncated"
        text = message.text + (" […]" if frame.is_cut else "")
        if kind in COMMANDS:
            facts, text = without_secrets(facts, text)
        asset = self._resolve(address, message.host) or address
        if name := facts.get("network.interface"):
            facts["network.interface"] = self._port(asset, str(name))
        return Event(id=self._identities.of(frame.data, address, now), time=message.time, asset=asset, kind=kind, message=text, fields=facts)


def without_secrets(facts: Mapping[str, Any], text: str) -> tuple[dict[str, Any], str]:
    """What a device tells of a command that somebody entered may hold a password; it is kept without it."""
    entered = str(facts.get("process.command_line", ""))
    blanked = masked_line(entered)
    return {**facts, **({"process.command_line": blanked} if entered else {})}, masked_line(text.replace(entered, blanked) if entered else text)


def _context(settings: Settings) -> ssl.SSLContext:
    if settings.cert is None or settings.key is None:
        raise ConfigError("syslog over TLS needs a certificate and its key", key="collect.syslog_cert")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as err:
        raise ConfigError(f"the certificate or key for syslog over TLS cannot be used: {err}", path=settings.cert, key="collect.syslog_cert") from err
    return context
