"""A real PostgreSQL on a socket in a folder, without passwords, for a database user ``app`` and the owner ``postgres``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peers.program import free_port, program, running


@dataclass(frozen=True)
class Postgres:
    """The folder of its socket, and its port."""

    socket: str
    port: int

    @property
    def facts(self) -> dict[str, str]:
        """How an asset says where it is."""
        return {"database": "postgresql", "database_host": self.socket, "database_port": str(self.port), "database_user": "postgres"}

    def run(self, statements: str, database: str = "postgres") -> None:
        """Statements of the owner, all or none."""
        command = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", str(self.port), "-U", "postgres", "-d", database]
        subprocess.run([*command, "-c", statements], check=True, capture_output=True, text=True)

    def client(self, user: str, statement: str) -> subprocess.Popen[str]:
        """A connection that runs a statement and stays open until its input is closed."""
        found = subprocess.Popen(
            [program("psql"), "-X", "-q", "-h", self.socket, "-p", str(self.port), "-U", user, "-d", "postgres"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert found.stdin is not None
        found.stdin.write(f"{statement};\n")
        found.stdin.flush()
        return found


def _tool(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else program(name)


@contextmanager
def postgres(folder: Path, *, init: Sequence[str] = (), settings: str = "", rules: str = "", key: str = "") -> Iterator[Postgres]:
    """The server; ends with the block. It refuses to run as root, so then it runs as the user ``postgres``.

    ``init`` are more arguments of initdb, ``settings`` are added to its file, ``rules`` are its rules of access (the map ``owner`` lets us be postgres),
    ``key`` is a key with its chain, kept as ``server.pem`` beside them. Without settings it listens on its socket alone.
    """
    server, make = _tool("postgres"), _tool("initdb")
    drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="pg-") as place:
        home = Path(place)
        home.chmod(0o755)
        if drop:
            shutil.chown(home, "postgres", "postgres")
        data = home / "data"
        subprocess.run([*drop, make, "-D", str(data), "-U", "postgres", "-A", "trust", "-N", *init], check=True, capture_output=True, cwd=home)
        port = free_port()
        if key:
            (data / "server.pem").write_text(key, encoding="ascii")
            (data / "server.pem").chmod(0o600)
            if drop:
                shutil.chown(data / "server.pem", "postgres", "postgres")
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings or "listen_addresses = ''\n")
        if rules:
            (data / "pg_hba.conf").write_text(rules, encoding="utf-8")
            (data / "pg_ident.conf").write_text(f"owner {getuser()} postgres\n", encoding="utf-8")
        arguments = [*drop, server, "-D", str(data), "-k", str(home), "-p", str(port), "-c", "fsync=off"]
        found = Postgres(str(home), port)
        ready = [_tool("pg_isready"), "-q", "-h", str(home), "-p", str(port)]
        with running(arguments, lambda: subprocess.run(ready, check=False).returncode == 0, folder / "postgres.log"):
            found.run("CREATE ROLE app LOGIN")
            yield found
