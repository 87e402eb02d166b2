"""TCP ports: whether they accept, and whether they say what they should."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final

from pydantic import Field

from collectors.apps.probe import Turns, reason, up
from collectors.base import Options
from collectors.loop import wait
from core.errors import Unreachable
from core.records import Record
from core.secrets import Secrets
from inventory.asset import Asset

MAX_ANSWER: Final = 64 * 1024


class TcpOptions(Options):
    """``ports`` to connect to; ``send`` is written and ``expect`` must stand in what comes back."""

    host: str = ""
    ports: tuple[int, ...] = Field(min_length=1, max_length=100)
    send: str = ""
    expect: str = ""
    timeout_s: float = Field(default=5, gt=0, le=60)


class TcpCollector:
    """TCP ports of one asset."""

    Options: ClassVar = TcpOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: TcpOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options, self._turns = options, Turns()
        self.deadline_s = options.timeout_s + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Each port's state; raises Unreachable when none accepts."""
        host = self._options.host or asset.address
        outcomes = wait(self._all(host), self._options.timeout_s + 2.0)
        for port, (fault, duration_s) in outcomes.items():
            endpoint = f"{host}:{port}"
            yield from up(asset.id, endpoint, now, is_up=not fault, duration_s=None if fault else duration_s)
            yield from self._turns.events(asset.id, endpoint, fault, now)
        faults = [fault for fault, _ in outcomes.values() if fault]
        if len(faults) == len(outcomes) and not any(fault.startswith("answered") for fault in faults):
            raise Unreachable(asset.id, f"{host}: {faults[0]} (port {', '.join(map(str, outcomes))})")

    def close(self) -> None:
        """Nothing is held open."""

    async def _all(self, host: str) -> dict[int, tuple[str, float]]:
        return dict(zip(self._options.ports, await asyncio.gather(*(self._one(host, port) for port in self._options.ports)), strict=True))

    async def _one(self, host: str, port: int) -> tuple[str, float]:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._options.timeout_s):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    fault = await self._talk(reader, writer)
                finally:
                    writer.transport.abort()
        except OSError as err:
            fault = reason(err)
        return fault, time.monotonic() - begun

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        if self._options.send:
            writer.write(self._options.send.encode())
        wanted, answer = self._options.expect.encode(), b""
        while wanted not in answer:
            piece = await reader.read(4096) if len(answer) < MAX_ANSWER else b""
            if not piece:
                return f"answered without {self._options.expect!r}"
            answer += piece
        return ""
