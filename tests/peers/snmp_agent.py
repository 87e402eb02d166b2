"""An SNMP agent for tests and benchmarks: serves tables of values on many loopback addresses from one thread.

It speaks SNMPv1 and v2c (RFC 1157, RFC 3416; BER of X.690) and is written for speed: every variable is encoded once.
``Behaviour`` makes it hostile: silent, slow, endless, in circles, or answering damaged packets.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ADDRESS, COUNTER, GAUGE, TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
NO_SUCH, NO_INSTANCE, END_OF_VIEW = b"\x80\x00", b"\x81\x00", b"\x82\x00"
GET, NEXT, RESPONSE, BULK = 0xA0, 0xA1, 0xA2, 0xA5
_LARGEST = 60_000
Typed = tuple[int, int | str | bytes]


def wrap(tag: int, body: bytes) -> bytes:
    """A BER element of definite length."""
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def number(value: int, tag: int = INTEGER) -> bytes:
    """An integer, signed as BER has it."""
    return wrap(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def identifier(oid: str) -> bytes:
    """An OID, encoded."""
    arcs = [int(arc) for arc in oid.split(".")]
    body = bytearray(_base128(arcs[0] * 40 + arcs[1]))
    for arc in arcs[2:]:
        body += _base128(arc)
    return wrap(OID, bytes(body))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | arc & 0x7F)
    return bytes(reversed(octets))


def encode(typed: Typed) -> bytes:
    """One value with its tag."""
    tag, value = typed
    if tag == OID:
        return identifier(str(value))
    if tag == ADDRESS:
        return wrap(tag, socket.inet_aton(str(value)))
    if isinstance(value, int):
        return number(value, tag)
    return wrap(tag, value if isinstance(value, bytes) else value.encode())


def take(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the element at ``at``; raises ValueError or IndexError for what is none."""
    tag, size, begin = data[at], data[at + 1], at + 2
    if size & 0x80:
        octets = size & 0x7F
        size = int.from_bytes(data[begin : begin + octets], "big")
        begin += octets
    if begin + size > len(data):
        raise ValueError("an element that ends after its packet")
    return tag, begin, begin + size


def arcs(body: bytes) -> tuple[int, ...]:
    """The numbers of an encoded OID."""
    found: list[int] = []
    arc = 0
    for octet in body:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            found.append(arc)
            arc = 0
    first = min(found[0] // 40, 2)
    return (first, found[0] - 40 * first, *found[1:])


@dataclass(frozen=True)
class Table:
    """Variables in order, each encoded with its name."""

    order: tuple[tuple[int, ...], ...]
    encoded: tuple[bytes, ...]

    @classmethod
    def of(cls, values: Mapping[str, Typed]) -> Table:
        """A table of dotted OIDs and typed values."""
        pairs = sorted((tuple(map(int, oid.split("."))), oid) for oid in values)
        return cls(tuple(order for order, _ in pairs), tuple(wrap(SEQUENCE, identifier(oid) + encode(values[oid])) for _, oid in pairs))

    def exact(self, oid: tuple[int, ...]) -> bytes | None:
        """The variable of that name."""
        place = bisect.bisect_left(self.order, oid)
        return self.encoded[place] if place < len(self.order) and self.order[place] == oid else None

    def after(self, oid: tuple[int, ...], count: int) -> tuple[bytes, ...]:
        """Up to ``count`` variables that follow."""
        place = bisect.bisect_right(self.order, oid)
        return self.encoded[place : place + count]


@dataclass(frozen=True)
class Request:
    """A decoded request."""

    version: bytes
    community: bytes
    kind: int
    request_id: bytes
    repetitions: int
    oids: tuple[tuple[tuple[int, ...], bytes], ...]


def decode(data: bytes) -> Request:
    """A request of SNMPv1 or v2c; raises ValueError or IndexError for anything else."""
    _, at, _ = take(data, 0)
    _, begin, end = take(data, at)
    version = data[at:end]
    _, begin, after = take(data, end)
    community = data[begin:after]
    kind, at, _ = take(data, after)
    _, begin, end = take(data, at)
    request_id = data[at:end]
    _, begin, at = take(data, end)
    _, begin, end = take(data, at)
    repetitions = int.from_bytes(data[begin:end], "big")
    _, at, last = take(data, end)
    oids = []
    while at < last:
        _, begin, at = take(data, at)
        _, name, name_end = take(data, begin)
        oids.append((arcs(data[name:name_end]), data[begin:name_end]))
    return Request(version, community, kind, request_id, repetitions, tuple(oids))


Answer = Callable[[bytes], bytes | None]


@dataclass
class Agent:
    """One agent: its variables and community; an empty community accepts any."""

    table: Table
    community: str = ""
    asked: int = 0

    def __call__(self, data: bytes) -> bytes | None:
        """The response packet, or None where an agent keeps silent."""
        try:
            request = decode(data)
        except (ValueError, IndexError):
            return None
        if self.community and request.community != self.community.encode():
            return None
        self.asked += 1
        return self.respond(request)

    def respond(self, request: Request) -> bytes:
        """Answer GET, GETNEXT or GETBULK."""
        old = request.version[-1] == 0
        bindings: list[bytes] = []
        for place, (oid, name) in enumerate(request.oids, 1):
            found = self.find(request, oid)
            if old and not found:
                return packet(request, [wrap(SEQUENCE, given + b"\x05\x00") for _, given in request.oids], 2, place)
            bindings += found or [wrap(SEQUENCE, name + (NO_INSTANCE if request.kind == GET else END_OF_VIEW))]
        return packet(request, bindings)

    def find(self, request: Request, oid: tuple[int, ...]) -> list[bytes]:
        """The variables that answer one name."""
        if request.kind == GET:
            exact = self.table.exact(oid)
            return [] if exact is None else [exact]
        return list(self.table.after(oid, max(1, request.repetitions) if request.kind == BULK else 1))


def packet(request: Request, bindings: Iterable[bytes], error: int = 0, index: int = 0) -> bytes:
    """A response; bindings that would make it larger than a datagram are left out."""
    kept: list[bytes] = []
    size = 0
    for binding in bindings:
        size += len(binding)
        if size > _LARGEST and kept:
            break
        kept.append(binding)
    pdu = wrap(RESPONSE, request.request_id + number(error) + number(index) + wrap(SEQUENCE, b"".join(kept)))
    return wrap(SEQUENCE, request.version + wrap(OCTETS, request.community) + pdu)


class Endless(Agent):
    """Below ``root`` there is always one more row."""

    root = (1, 3, 6, 1, 2, 1, 2, 2, 1)

    def find(self, request: Request, oid: tuple[int, ...]) -> list[bytes]:
        if request.kind == GET or oid[: len(self.root)] != self.root:
            return super().find(request, oid)
        row = oid[len(self.root) + 1 :] or (0,)
        base = oid[: len(self.root) + 1]
        names = [".".join(map(str, (*base, row[0] + step))) for step in range(1, (request.repetitions if request.kind == BULK else 1) + 1)]
        return [wrap(SEQUENCE, identifier(name) + number(7)) for name in names]


class Circles(Agent):
    """Every walk comes back to its third row for ever."""

    def find(self, request: Request, oid: tuple[int, ...]) -> list[bytes]:
        if request.kind == GET:
            return super().find(request, oid)
        base = ".".join(map(str, oid[:10]))
        return [wrap(SEQUENCE, identifier(f"{base}.{row}") + number(row)) for row in (1, 2, 3, 2, 3)]


@dataclass
class Silent:
    """Never answers."""

    asked: int = 0

    def __call__(self, data: bytes) -> bytes | None:
        """Count the request."""
        self.asked += 1
        return None


@dataclass
class Damaged:
    """Answers of ``agent`` after ``damage`` has been at them."""

    agent: Agent
    damage: Callable[[bytes], bytes]

    def __call__(self, data: bytes) -> bytes | None:
        """The damaged response."""
        answer = self.agent(data)
        return None if answer is None else self.damage(answer)


@dataclass
class Bench:
    """Many agents, each on an address of its own, served by one thread until ``close``; a context manager."""

    agents: Mapping[tuple[str, int], Answer]
    delays: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waiting: list[tuple[float, int, socket.socket, bytes, tuple[str, int]]] = []
        self._order = itertools.count()
        self._stop = threading.Event()
        self.addresses: list[tuple[str, int]] = []
        for place, answer in self.agents.items():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(place)
            self.addresses.append(sock.getsockname())
            self._selector.register(sock, selectors.EVENT_READ, (answer, self.delays.get(place, 0.0)))
        self._thread = threading.Thread(target=self._serve, name="snmp-agents", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and let the addresses go."""
        self._stop.set()
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            sock.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(0.02 if self._waiting else 0.2):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                self._take(sock, *key.data)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, sock, answer, peer = heapq.heappop(self._waiting)
                _send(sock, answer, peer)

    def _take(self, sock: socket.socket, answer: Answer, delay: float) -> None:
        for _ in range(64):
            try:
                data, peer = sock.recvfrom(65_535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            reply = answer(data)
            if reply is None:
                continue
            if delay:
                heapq.heappush(self._waiting, (time.monotonic() + delay, next(self._order), sock, reply, peer))
            else:
                _send(sock, reply, peer)


def _send(sock: socket.socket, reply: bytes, peer: tuple[str, int]) -> None:
    try:
        sock.sendto(reply, peer)
    except OSError:
        return  # the asker has gone, or the answer is larger than a datagram


def recorded(path: Path) -> dict[str, Typed]:
    """The variables of a recording (``OID|tag|value`` lines), the first of a name."""
    values: dict[str, Typed] = {}
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        oid, _, rest = line.partition("|")
        tag, _, raw = rest.partition("|")
        if oid and tag:
            values.setdefault(oid.removeprefix("."), _typed(tag, raw))
    return values


def _typed(tag: str, raw: str) -> Typed:
    kind = int(tag.rstrip("x"))
    if tag.endswith("x"):
        octets = bytes.fromhex(raw[: len(raw) // 2 * 2])
        return (kind, socket.inet_ntoa(octets)) if kind == ADDRESS else (kind, octets)
    if kind in (INTEGER, COUNTER, GAUGE, TICKS, COUNTER64):
        return kind, int(raw or 0)
    if kind == OID:
        return kind, raw.removeprefix(".")
    return kind, raw if kind == ADDRESS else raw.encode("utf-8", "surrogateescape")


def switch(name: str, ports: int = 24) -> dict[str, Typed]:
    """A plain switch: system group, ``ports`` interfaces in ifTable and ifXTable, one processor, memory, one temperature."""
    values: dict[str, Typed] = {
        "1.3.6.1.2.1.1.1.0": (OCTETS, f"Test switch {name}, Version 1.2.3"),
        "1.3.6.1.2.1.1.2.0": (OID, "1.3.6.1.4.1.99999.1"),
        "1.3.6.1.2.1.1.3.0": (TICKS, 123456),
        "1.3.6.1.2.1.1.5.0": (OCTETS, name),
        "1.3.6.1.2.1.25.3.3.1.2.1": (INTEGER, 17),
        "1.3.6.1.2.1.25.2.3.1.2.1": (OID, "1.3.6.1.2.1.25.2.1.2"),
        "1.3.6.1.2.1.25.2.3.1.3.1": (OCTETS, "RAM"),
        "1.3.6.1.2.1.25.2.3.1.4.1": (INTEGER, 1024),
        "1.3.6.1.2.1.25.2.3.1.5.1": (INTEGER, 500_000),
        "1.3.6.1.2.1.25.2.3.1.6.1": (INTEGER, 125_000),
        "1.3.6.1.2.1.47.1.1.1.1.2.9": (OCTETS, "Inlet"),
        "1.3.6.1.2.1.47.1.1.1.1.5.9": (INTEGER, 8),
        "1.3.6.1.2.1.99.1.1.1.1.9": (INTEGER, 8),
        "1.3.6.1.2.1.99.1.1.1.2.9": (INTEGER, 9),
        "1.3.6.1.2.1.99.1.1.1.3.9": (INTEGER, 0),
        "1.3.6.1.2.1.99.1.1.1.4.9": (INTEGER, 23),
        "1.3.6.1.2.1.99.1.1.1.5.9": (INTEGER, 1),
    }
    for port in range(1, ports + 1):
        values |= _port(port)
    return values


def _port(port: int) -> dict[str, Typed]:
    base, wide = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
    return {
        f"{base}.1.{port}": (INTEGER, port),
        f"{base}.2.{port}": (OCTETS, f"GigabitEthernet0/{port}"),
        f"{base}.3.{port}": (INTEGER, 6),
        f"{base}.4.{port}": (INTEGER, 1500),
        f"{base}.5.{port}": (GAUGE, 1_000_000_000),
        f"{base}.6.{port}": (OCTETS, bytes((2, 0, 0, 0, 0, port))),
        f"{base}.7.{port}": (INTEGER, 1),
        f"{base}.8.{port}": (INTEGER, 1 + port % 2),
        f"{base}.10.{port}": (COUNTER, 1000 * port),
        f"{base}.14.{port}": (COUNTER, 0),
        f"{base}.16.{port}": (COUNTER, 2000 * port),
        f"{base}.20.{port}": (COUNTER, 3),
        f"{wide}.1.{port}": (OCTETS, f"Gi0/{port}"),
        f"{wide}.6.{port}": (COUNTER64, 5_000_000_000 + port),
        f"{wide}.10.{port}": (COUNTER64, 6_000_000_000 + port),
        f"{wide}.15.{port}": (GAUGE, 1000),
        f"{wide}.18.{port}": (OCTETS, f"to room {port}"),
    }
