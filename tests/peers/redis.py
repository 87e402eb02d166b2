"""A real Redis in a folder, on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.program import free_port, program, running


@dataclass(frozen=True)
class RedisServer:
    """Its port on loopback and its socket."""

    port: int
    socket: Path

    def run(self, *command: str, user: str = "", password: str = "") -> str:
        """What the server answers to a command, by its socket."""
        who = ["--user", user, "--pass", password, "--no-auth-warning"] if user else []
        vector = [program("redis-cli"), "-s", str(self.socket), *who, *command]
        return subprocess.run(vector, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


@contextmanager
def redis_server(folder: Path, settings: str) -> Iterator[RedisServer]:
    """The server; ends with the block. ``settings`` are lines of its file; ``{port}`` in them is its port."""
    folder.mkdir(exist_ok=True)
    found = RedisServer(free_port(), folder / "s")
    file = folder / "redis.conf"
    file.write_text(f"dir {folder}\nunixsocket {found.socket}\nunixsocketperm 700\n{settings.format(port=found.port, folder=folder)}", encoding="utf-8")
    with running([program("redis-server"), str(file)], found.socket.exists, folder / "redis.log"):
        yield found
