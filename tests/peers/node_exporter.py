"""A real Prometheus node exporter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.program import accepts, free_port, program, running


@contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """The address of its page."""
    port = free_port()
    arguments = [program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    with running(arguments, lambda: accepts(port), folder / "log"):
        yield f"http://127.0.0.1:{port}/metrics"
