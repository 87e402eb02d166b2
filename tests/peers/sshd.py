"""A real OpenSSH server for the user who runs the tests, with a key made for it."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.secrets import Secret
from tests.peers.program import accepts, free_port, program, running

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/{key}
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
Subsystem sftp internal-sftp
{extra}
"""


@dataclass(frozen=True)
class Sshd:
    """Where it listens, its host key, and the credential that it accepts."""

    port: int
    host_key: str
    secret: Secret
    folder: Path


def new_key(path: Path) -> None:
    """An ed25519 key pair without passphrase."""
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)


@contextmanager
def sshd(folder: Path, extra: str = "", *, port: int | None = None, key: str = "host_key") -> Iterator[Sshd]:
    """The server; ``extra`` lines go into its settings, ``key`` names another host key."""
    server = program("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            new_key(folder / name)
    if key != "host_key":
        new_key(folder / key)
    port = port or free_port()
    (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text(encoding="ascii"), encoding="ascii")
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder, extra=extra, key=key), encoding="ascii")
    # debug output to the terminal, not to a file by -E: with that it resets connections here
    with running([server, "-D", "-e", "-f", str(folder / "sshd_config")], lambda: accepts(port), folder / "sshd.log"):
        secret = Secret(username=getpass.getuser(), key=(folder / "user_key").read_text(encoding="ascii"))
        yield Sshd(port, (folder / f"{key}.pub").read_text(encoding="ascii").strip(), secret, folder)
