"""An AWS-compatible cloud on loopback (moto's server in a process of its own)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.program import accepts, free_port, running


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Its address."""
    port = free_port()
    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], lambda: accepts(port), folder / "log", timeout_s=60):
        yield f"http://127.0.0.1:{port}"
