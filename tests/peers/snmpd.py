"""Debian's snmpd on loopback: v2c by community, v3 with SHA-256 and AES, no file outside the test's own folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collectors.network.snmp.access import Access
from collectors.network.snmp.session import open_session
from core.errors import DeviceError
from tests.peers.program import free_port, program, running

COMMUNITY = "watchtower"
USER, AUTH_KEY, PRIVACY_KEY = "wang", "authentic-key", "private-key-1"


@dataclass(frozen=True)
class Snmpd:
    """Where it listens and its process."""

    port: int
    pid: int

    @property
    def v2c(self) -> Access:
        """Access by community."""
        return Access("127.0.0.1", self.port, "2c", COMMUNITY, timeout_s=2.0)

    @property
    def v3(self) -> Access:
        """Access by user, authenticated and private."""
        return Access("127.0.0.1", self.port, "3", user=USER, auth="sha256", auth_key=AUTH_KEY, privacy="aes128", privacy_key=PRIVACY_KEY, timeout_s=2.0)


@contextmanager
def snmpd(folder: Path, port: int | None = None, extra: str = "") -> Iterator[Snmpd]:
    """Start it with its state in ``folder``; ``extra`` lines go into its settings. Ends with the block."""
    port = port or free_port(socket.SOCK_DGRAM)
    config = folder / "snmpd.conf"
    config.write_text(
        f"agentAddress udp:127.0.0.1:{port}\nrocommunity {COMMUNITY} 127.0.0.1\nsysName peer-one\nsysContact 值班室\n"
        f"createUser {USER} SHA-256 {AUTH_KEY} AES {PRIVACY_KEY}\nrouser {USER} priv\ncreateUser plain SHA-512 {AUTH_KEY}\nrouser plain auth\n{extra}",
        encoding="utf-8",
    )
    arguments = [program("snmpd"), "-f", "-Lo", "-C", "-c", str(config), "-I", "-smux", "-p", str(folder / "snmpd.pid")]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder), "MIBS": ""}
    with running(arguments, lambda: _answers(port), folder / "snmpd.log", environment=environment) as process:
        yield Snmpd(port, process.pid)


def _answers(port: int) -> bool:
    session = open_session(Access("127.0.0.1", port, "2c", COMMUNITY, timeout_s=0.3, retries=0))
    try:
        return bool(session.get(["1.3.6.1.2.1.1.3.0"]))
    except DeviceError:
        return False
    finally:
        session.close()
