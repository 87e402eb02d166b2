"""What the tests of collectors share: making one, polling it, a peer that trickles, a server with a certificate."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from collectors import COLLECTORS
from collectors.base import Collector, make
from core.errors import NotFound
from core.records import Event, Record, Sample, Snapshot
from core.registry import resolve
from core.secrets import Secret
from inventory.asset import Asset

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


class Safe:
    """A vault of given secrets."""

    def __init__(self, **secrets: Secret) -> None:
        self._secrets = secrets

    def get(self, name: str) -> Secret:
        if name not in self._secrets:
            raise NotFound(name)
        return self._secrets[name]


def collector(name: str, options: Mapping[str, Any], **secrets: Secret) -> Collector:
    """One of the registry."""
    return make(resolve(COLLECTORS, name, "collector"), options, Safe(**secrets))


class Polled:
    """What one poll brought, easy to ask; ``error`` is the DeviceError that ended it."""

    def __init__(self, records: list[Record], error: Exception | None = None) -> None:
        self.records, self.error = records, error

    def values(self, metric: str, **labels: str) -> list[float]:
        return [item.value for item in self.records if isinstance(item, Sample) and item.metric == metric and labels.items() <= dict(item.labels).items()]

    def value(self, metric: str, **labels: str) -> float:
        [found] = self.values(metric, **labels)
        return found

    def snapshot(self, kind: str) -> str:
        [found] = [item.body for item in self.records if isinstance(item, Snapshot) and item.kind == kind]
        return found

    def kinds(self) -> set[str]:
        return {item.kind for item in self.records if isinstance(item, Snapshot)}

    def events(self) -> list[Event]:
        return [item for item in self.records if isinstance(item, Event)]


def poll(subject: Collector, asset: Asset | None = None, now: datetime | None = None) -> Polled:
    """One poll, an error kept beside what came before it."""
    records: list[Record] = []
    try:
        for item in subject.collect(asset or Asset(id="a", address="127.0.0.1"), now or datetime.now(UTC)):
            records.append(item)  # noqa: PERF402 - what came before an error is kept
    except Exception as err:  # noqa: BLE001 - the tests look at its type
        return Polled(records, err)
    return Polled(records)


@contextmanager
def serving(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A TCP server on loopback that gives each connection to ``answer`` in a thread of its own; yields the port."""
    server = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(link: socket.socket) -> None:
        with suppress(OSError), link:
            if context is None:
                answer(link)
            else:
                with context.wrap_socket(link, server_side=True) as secured:
                    answer(secured)

    def serve() -> None:
        with suppress(OSError):
            while True:
                link, _ = server.accept()
                threads.append(threading.Thread(target=one, args=(link,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join(5)


def trickle(head: bytes = b"") -> Callable[[socket.socket], None]:
    """An answer that never ends: ``head`` at once, then a byte every 50 ms, for at most 15 s."""

    def answer(link: socket.socket) -> None:
        link.sendall(head)
        for _ in range(300):
            link.sendall(b"x")
            time.sleep(0.05)

    return answer


def silent(link: socket.socket) -> None:
    """Accepts and says nothing for 15 s, or until the other side goes."""
    link.settimeout(15)
    while link.recv(4096):
        pass


class Authority:
    """Our own certificate authority."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, *names: str, days: float = 90) -> ssl.SSLContext:
        """A server's context with a certificate for ``names`` that ends in ``days``."""
        certificate = self._ca.issue_cert(*names, not_after=datetime.now(UTC) + timedelta(days=days))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        return context

    def write(self, path: Path, *names: str, days: float = 90) -> None:
        """Key and chain in one file."""
        certificate = self._ca.issue_cert(*names, not_after=datetime.now(UTC) + timedelta(days=days))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
