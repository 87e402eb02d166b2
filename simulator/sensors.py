"""Room sensors over Modbus TCP (pymodbus's server): temperature, humidity, leak, door, smoke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulator.estate import Sensors
from simulator.world import World

FIRST: Final = 100
TEMPERATURE, HUMIDITY, STATES = 0, 1, 2
LEAK, DOOR, SMOKE = 0, 1, 2
LEAKING: Final = 2  # critical, as hw.state counts


def registers(world: World, post: Sensors) -> list[int]:
    """Temperature and humidity in tenths, then the states as bits."""
    leak, door = bool(world.active("leak", post.id)), bool(world.active("door", post.id))
    return [round(world.temperature(post.id) * 10), round(world.humidity(post.id) * 10), leak << LEAK | door << DOOR]


def points(post: Sensors) -> list[dict[str, Any]]:
    """The same registers as the collector's map."""
    states = (("leak", LEAK, LEAKING), ("door", DOOR, 1), ("smoke", SMOKE, LEAKING))
    return [
        {"metric": "hw.temperature", "address": FIRST + TEMPERATURE, "type": "int16", "scale": 0.1, "labels": {"sensor": post.room}},
        {"metric": "hw.humidity", "address": FIRST + HUMIDITY, "type": "uint16", "scale": 0.1, "labels": {"sensor": post.room}},
        *({"metric": "hw.state", "address": FIRST + STATES, "bit": bit, "scale": grave, "labels": {"sensor": name}} for name, bit, grave in states),
    ]


@dataclass
class Post:
    """One server; it listens while it can be reached."""

    world: World
    post: Sensors
    host: str
    port: int
    server: Any = None

    async def keep(self, opens: bool) -> None:
        """Open or close, as it should be now."""
        if opens and self.server is None:
            self.server = ModbusTcpServer(self._device(), address=(self.host, self.port))
            await self.server.serve_forever(background=True)
        elif not opens and self.server is not None:
            await self.close()

    async def close(self) -> None:
        """Stop listening."""
        if self.server is not None:
            server, self.server = self.server, None
            await server.shutdown()

    def _device(self) -> SimDevice:
        async def refresh(_code: int, start: int, _address: int, _count: int, current: list[int], _set: object) -> None:
            for number, value in enumerate(registers(self.world, self.post)):
                current[FIRST - start + number] = value

        return SimDevice(1, simdata=[SimData(FIRST, values=registers(self.world, self.post), datatype=DataType.REGISTERS)], action=refresh)
