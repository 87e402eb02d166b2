"""A Modbus TCP server on loopback (pymodbus's own), with a few sensors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.peers.program import accepts, free_port, until

DATA = [
    SimData(100, values=[235, 612], datatype=DataType.REGISTERS),  # 23.5 Cel, 61.2 %
    SimData(110, values=[-5], datatype=DataType.INT16),
    SimData(120, values=[21.25], datatype=DataType.FLOAT32),
    SimData(130, values=[0b101], datatype=DataType.REGISTERS),
    SimData(140, values=[32767], datatype=DataType.REGISTERS),  # the sensor's way to say that it is not there
]


@contextmanager
def modbus() -> Iterator[int]:
    """The port; registers 100.. hold the values above, all others answer with exception 2."""
    port = free_port()
    loop = asyncio.new_event_loop()
    server: list[Any] = []

    async def start() -> None:
        server.append(ModbusTcpServer(SimDevice(1, simdata=DATA), address=("127.0.0.1", port)))
        await server[0].serve_forever(background=True)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    until(lambda: accepts(port), "the Modbus server")
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server[0].shutdown(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
