"""What the gateways of the estate report of the traffic through them: IPFIX (RFC 7011) over UDP, each from its own address."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from simulator.chatter import ATTACKER
from simulator.places import Places
from simulator.world import World

EVERY: Final = 15  # ticks between two reports of a gateway
TEMPLATE: Final = 300
FIELDS: Final = ((8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (10, 4), (14, 4), (1, 8), (2, 8))  # IANA's information elements with their lengths
RECORD: Final = struct.Struct("!IIBHHIIQQ")
VISITORS: Final = tuple(f"203.0.113.{number}" for number in (7, 21, 34, 90, 118))
DATABASE, TIME, NAMES, SHELL = 3306, 123, 53, 22
TCP, UDP = 6, 17


@dataclass(frozen=True, slots=True)
class Talk:
    """Traffic from one address to another in one report."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    size: int

    def wire(self) -> bytes:
        """One record."""
        ends = int(IPv4Address(self.source)), int(IPv4Address(self.destination))
        return RECORD.pack(*ends, self.protocol, self.source_port, self.destination_port, 1, 2, self.size, max(1, self.size // 800))


@dataclass
class Traffic:
    """``talks`` of one report; ``random`` is seeded, so that two runs say the same."""

    world: World
    places: Places
    random: random.Random = field(default_factory=lambda: random.Random(2))

    def talks(self, reachable: frozenset[str]) -> Iterator[Talk]:
        """Visitors and desks to the pages, pages to what they depend on, everybody to names and time, and the attack while there is one."""
        systems = [system for system in self.world.estate.systems if system.server in reachable]
        servers = {system.id: self.places.address_of(system.server) for system in systems}
        for system in systems:
            web = 443 if system.secure else 80
            for visitor in self.random.sample(VISITORS, 2):
                yield from self._both(visitor, servers[system.id], web, 40_000, 900_000)
            for other in system.depends_on:
                if other in servers and servers[other] != servers[system.id]:
                    yield from self._both(servers[system.id], servers[other], DATABASE, 90_000, 400_000)
            yield self._one(servers[system.id], "203.0.113.53", NAMES, 900)
            yield self._one(servers[system.id], "203.0.113.123", TIME, 200)
        fault = self.world.active("brute_force")
        if fault and fault.target in reachable:
            yield from self._both(ATTACKER, self.places.address_of(fault.target), SHELL, 60_000, 50_000)

    def _both(self, client: str, server: str, port: int, asked: int, answered: int) -> Iterator[Talk]:
        own, busy = self.random.randrange(40_000, 60_000), (0.2 + self.world.busy()) * self.random.uniform(0.5, 1.5)
        yield Talk(client, server, TCP, own, port, int(asked * busy))
        yield Talk(server, client, TCP, port, own, int(answered * busy))

    def _one(self, client: str, server: str, port: int, size: int) -> Talk:
        return Talk(client, server, UDP, self.random.randrange(40_000, 60_000), port, size)


class Reporter:
    """Sends for every gateway that can be reached; nobody listening is no error."""

    def __init__(self, world: World, places: Places, host: str, port: int) -> None:
        self._world, self._places, self._to = world, places, (host, port)
        self._traffic = Traffic(world, places)
        self._sockets: dict[str, socket.socket] = {}
        self._sent: dict[str, int] = {}
        self._ticks = 0

    def tick(self, reachable: frozenset[str]) -> None:
        """Called every second."""
        self._ticks += 1
        if self._ticks % EVERY:
            return
        talks = list(self._traffic.talks(reachable))
        for device in self._world.estate.devices:
            if device.gateway and device.id in reachable:
                self._send(device.id, talks)

    def _send(self, device: str, talks: list[Talk]) -> None:
        if device not in self._sockets:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.bind((self._places.address_of(device), 0))
            self._sockets[device] = opened
        for start in range(0, len(talks), 30):
            part = talks[start : start + 30]
            try:
                self._sockets[device].sendto(datagram(part, self._sent.get(device, 0), self._ticks), self._to)
            except OSError:
                return
            self._sent[device] = self._sent.get(device, 0) + len(part)

    def close(self) -> None:
        """Release the sockets."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()


def datagram(talks: list[Talk], sequence: int, seconds: int) -> bytes:
    """One message with its template before its records."""
    template = struct.pack("!HH", TEMPLATE, len(FIELDS)) + b"".join(struct.pack("!HH", *each) for each in FIELDS)
    data = b"".join(talk.wire() for talk in talks)
    body = struct.pack("!HH", 2, 4 + len(template)) + template + struct.pack("!HH", TEMPLATE, 4 + len(data)) + data
    return struct.pack("!HHIII", 10, 16 + len(body), seconds, sequence, 0) + body
