"""SNMP agents, one UDP socket per asset; an asset that cannot be reached keeps silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from simulator.ber import View, answer, question
from simulator.fabric import network_values
from simulator.mib import Values, server_values, supply_values
from simulator.places import Places
from simulator.world import World

COMMUNITY = b"public"
FRESH_S = 2.0


@dataclass
class Agent(asyncio.DatagramProtocol):
    """One agent; ``values`` are made anew when those at hand are older than two seconds."""

    answers: Callable[[], bool]
    values: Callable[[], Values]
    now: Callable[[], float]
    transport: asyncio.DatagramTransport | None = None
    _view: View = field(default_factory=lambda: View({}))
    _made: float = float("-inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a request of the right community; anything else is met with silence."""
        if self.transport is None or not self.answers():
            return
        try:
            asked = question(data)
        except ValueError:
            return
        if asked.community == COMMUNITY and (packet := answer(asked, self._fresh())):
            self.transport.sendto(packet, addr)

    def _fresh(self) -> View:
        if self.now() - self._made > FRESH_S:
            self._view, self._made = View(self.values()), self.now()
        return self._view


async def serve_agents(world: World, places: Places, reachable: Callable[[], frozenset[str]]) -> list[asyncio.DatagramTransport]:
    """Open every agent of the estate; raises OSError when an address is taken."""
    loop = asyncio.get_running_loop()
    estate = world.estate
    makers: dict[str, Callable[[], Values]] = {device.id: partial(network_values, world, device, places.address_of) for device in estate.devices}
    makers |= {server.id: partial(server_values, world, server) for server in estate.servers if server.how == "snmp"}
    makers |= {supply.id: partial(supply_values, world, supply) for supply in estate.supplies}
    opened = []
    for name, values in makers.items():
        agent = Agent(lambda name=name: name in reachable(), values, world.now)  # type: ignore[misc]
        transport, _ = await loop.create_datagram_endpoint(partial(_same, agent), local_addr=(places.address_of(name), places.snmp))
        opened.append(transport)
    return opened


def _same(agent: Agent) -> Agent:
    return agent
