"""A connection that ends by itself: after a time and after a number of bytes, whatever the other side sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class BoundedLink(socket.socket):
    """A socket; beyond ``left`` bytes received it behaves as if the other side had hung up."""

    left = 0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """What came; nothing when the bound is reached."""
        data = super().recv(size, flags) if self.left > 0 else b""
        self.left -= len(data)
        return data

    def hang_up(self) -> None:
        """End it at once, also for whoever waits in ``recv``."""
        with suppress(OSError):  # the other side was faster
            self.shutdown(socket.SHUT_RDWR)
        self.close()


@contextmanager
def bounded_link(host: str, port: int, connect_s: float, whole_s: float, limit: int) -> Iterator[BoundedLink]:
    """Connect within ``connect_s`` seconds; hung up after ``whole_s`` at the latest. Raises OSError."""
    raw = socket.create_connection((host, port), connect_s)
    link = BoundedLink(raw.family, raw.type, raw.proto, raw.detach())
    link.settimeout(connect_s)
    link.left = limit
    end = threading.Timer(whole_s, link.hang_up)
    end.daemon = True
    end.start()
    try:
        yield link
    finally:
        end.cancel()
        link.hang_up()
