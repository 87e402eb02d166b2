"""A real MariaDB in a folder, with the accounts that its own script makes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from tests.peers.program import free_port, program, running


@dataclass(frozen=True)
class Mariadb:
    """Its socket and its port on loopback."""

    socket: Path
    port: int

    def run(self, statements: str) -> str:
        """What the server said to statements of root, by its socket; raises when it refuses them."""
        command = [program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", "--user=root", f"--socket={self.socket}", "-e", statements]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def mariadb(folder: Path, settings: str) -> Iterator[Mariadb]:
    """The server; ends with the block. ``settings`` are lines of its section."""
    data, user = folder / "data", f"--user={getuser()}"
    found = Mariadb(folder / "s", free_port())
    file = folder / "my.cnf"
    file.write_text(f"[mariadbd]\ndatadir = {data}\nsocket = {found.socket}\nport = {found.port}\n{settings}", encoding="utf-8")
    make = [program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", user]
    subprocess.run(make, check=True, capture_output=True)

    def ready() -> bool:
        command = [program("mariadb"), "--no-defaults", "--user=root", f"--socket={found.socket}", "-e", "SELECT 1"]
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0

    with running([program("mariadbd"), f"--defaults-file={file}", user], ready, folder / "mariadb.log", timeout_s=60):
        yield found
