"""Web pages of the business systems, exporters of the servers, and the control page: small HTTP/1.1 servers.

A page that must be unreachable is not answered by a refusal in HTTP: its socket is closed, as if nobody were there.
"""

from __future__ import annotations

import asyncio
import html
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from simulator.estate import Server, System
from simulator.world import BEFORE_S, World

READ_S = 10.0
MAX_HEAD = 16_384


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: str
    kind: str = "text/html; charset=utf-8"


Answer = Callable[[str, str, bytes], Awaitable[Reply]]


async def speak(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, one answer, then the connection ends."""
    try:
        async with asyncio.timeout(READ_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, *_ = head.split(" ", 2)
            body = await reader.readexactly(min(MAX_HEAD, _length(head)))
        reply = await answer(method, path, body)
        content = reply.body.encode()
        lines = (
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.kind}",
            f"Content-Length: {len(content)}",
            "Connection: close",
        )
        writer.write("\r\n".join((*lines, "", "")).encode("latin-1") + (b"" if method == "HEAD" else content))
        await writer.drain()
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        pass
    finally:
        writer.close()


def _length(head: str) -> int:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


@dataclass
class Door:
    """One address that listens while ``opens`` says so."""

    host: str
    port: int
    answer: Answer
    opens: Callable[[], bool]
    tls: ssl.SSLContext | None = None
    server: asyncio.Server | None = None

    async def keep(self) -> None:
        """Open or close, as it should be now; raises OSError when the address is taken."""
        if self.opens() and self.server is None:
            self.server = await asyncio.start_server(lambda r, w: speak(self.answer, r, w), self.host, self.port, ssl=self.tls, limit=MAX_HEAD)
        elif not self.opens():
            await self.close()

    async def close(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.close()
            self.server = None
            await asyncio.sleep(0)


def system_page(world: World, system: System) -> Answer:
    """The page of a business system."""

    async def answer(_method: str, _path: str, _body: bytes) -> Reply:
        if slow := world.active("page_slow", system.id):
            await asyncio.sleep(slow.value)
        if world.active("page_broken", system.id):
            return Reply(500, "<h1>500</h1><p>java.sql.SQLException: connection pool exhausted</p>")
        visitors = round(40 * world.busy())
        title, word = html.escape(system.name), html.escape(system.word)
        return Reply(200, f'<!doctype html><html lang="zh"><title>{title}</title><h1>{title}</h1><p>{word}</p><p>在线 {visitors} 人</p></html>')

    return answer


def exporter_page(world: World, server: Server) -> Answer:
    """The page of node_exporter, version 1.x, with the families that matter."""

    async def answer(_method: str, path: str, _body: bytes) -> Reply:
        if path != "/metrics":
            return Reply(200, "<h1>Node Exporter</h1>")
        return Reply(200, exposition(world, server), "text/plain; version=0.0.4; charset=utf-8")

    return answer


GIB = 2**30


def exposition(world: World, server: Server) -> str:
    """The text: processors, load, memory, file systems, disk, network, uptime."""
    name, cores, seconds = server.id, 8, BEFORE_S + world.now()
    load, memory, disk = world.cpu(name) / 100, world.memory(name) / 100, world.disk(name) / 100
    lines: list[str] = []

    def family(title: str, kind: str, *values: tuple[str, float]) -> None:
        lines.append(f"# TYPE {title} {kind}")
        lines.extend(f"{title}{labels} {value:.10g}" for labels, value in values)

    spent = _spent(world, name, load)
    times = [
        (f'{{cpu="{core}",mode="{mode}"}}', value)
        for core in range(cores)
        for mode, value in (("idle", seconds - spent), ("user", spent * 0.7), ("system", spent * 0.3))
    ]
    family("node_cpu_seconds_total", "counter", *times)
    for minutes in (1, 5, 15):
        family(f"node_load{minutes}", "gauge", ("", load * cores))
    family("node_memory_MemTotal_bytes", "gauge", ("", 32.0 * GIB))
    family("node_memory_MemAvailable_bytes", "gauge", ("", 32.0 * GIB * (1 - memory)))
    family("node_memory_SwapTotal_bytes", "gauge", ("", 4.0 * GIB))
    family("node_memory_SwapFree_bytes", "gauge", ("", 3.8 * GIB))
    places = (
        ('{device="/dev/vda1",fstype="xfs",mountpoint="/"}', 60.0 * GIB, 0.4),
        ('{device="/dev/vdb1",fstype="xfs",mountpoint="/data"}', 500.0 * GIB, disk),
    )
    family("node_filesystem_size_bytes", "gauge", *((labels, size) for labels, size, _ in places))
    family("node_filesystem_free_bytes", "gauge", *((labels, size * (1 - used)) for labels, size, used in places))
    family("node_filesystem_avail_bytes", "gauge", *((labels, size * (1 - used)) for labels, size, used in places))
    family("node_filesystem_files", "gauge", *((labels, 3.0e7) for labels, _, _ in places))
    family("node_filesystem_files_free", "gauge", *((labels, 2.8e7) for labels, _, _ in places))
    family("node_disk_read_bytes_total", "counter", ('{device="vdb"}', world.octets(f"{name}/read", 2e6)))
    family("node_disk_written_bytes_total", "counter", ('{device="vdb"}', world.octets(f"{name}/write", 3e6)))
    family("node_network_receive_bytes_total", "counter", ('{device="eth0"}', world.octets(f"{name}/in", 6e6)))
    family("node_network_transmit_bytes_total", "counter", ('{device="eth0"}', world.octets(f"{name}/out", 4e6)))
    family("node_procs_running", "gauge", ("", 3))
    family("node_time_seconds", "gauge", ("", seconds + 1.7e9))
    family("node_boot_time_seconds", "gauge", ("", 1.7e9))
    return "\n".join(lines) + "\n"


def _spent(world: World, id: str, load: float) -> float:
    """Processor seconds that were not idle; a counter that follows the load well enough: it only ever grows."""
    kept = world.spent.get(id)
    now = world.now()
    total = BEFORE_S * 0.2 if kept is None else kept[1] + (now - kept[0]) * load
    world.spent[id] = (now, total)
    return total


def control_page(world: World) -> Answer:
    """``GET /faults`` tells all of them; ``POST /faults/NAME`` with ``{"on": true}`` turns one on or off."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        parts = path.strip("/").split("/")
        if method == "GET" and parts == ["faults"]:
            return _json(
                200, {"minute": round(world.minute(), 1), "faults": [fault.model_dump() | {"on": fault.id in world.on} for fault in world.estate.faults]}
            )
        if method == "POST" and len(parts) == 2 and parts[0] == "faults":
            try:
                wanted = json.loads(body)["on"]
                world.switch(parts[1], wanted is True)
            except (ValueError, KeyError, TypeError):
                return _json(400, {"error": f'no fault {parts[1]!r}, or the body is not {{"on": true}} or {{"on": false}}'})
            return _json(200, {"fault": parts[1], "on": parts[1] in world.on})
        return _json(404, {"error": "GET /faults or POST /faults/NAME"})

    return answer


def _json(status: int, data: object) -> Reply:
    return Reply(status, json.dumps(data, ensure_ascii=False), "application/json; charset=utf-8")
