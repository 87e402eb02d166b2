"""A web server of a test on loopback, in a thread of its own for as long as it is needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

S = TypeVar("S", bound=ThreadingHTTPServer)


class Taking(BaseHTTPRequestHandler):
    """Takes requests without a word in the log."""

    def body(self) -> bytes:
        """What was sent along."""
        return self.rfile.read(int(self.headers["content-length"]))

    def done(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """An answer without content."""
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(server: S) -> Iterator[S]:
    """The server at work; ended with all its threads."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
