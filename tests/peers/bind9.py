"""A real BIND 9 with one small zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.program import accepts, free_port, program, running

CONFIG = """
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none; recursion no; dnssec-validation no; }};
controls {{ }};
zone "bureau.example" {{ type primary; file "{folder}/zone"; }};
"""
ZONE = """$TTL 60
@ IN SOA ns root 1 60 60 60 60
@ IN NS ns
@ IN MX 10 mail
ns IN A 127.0.0.1
www IN A 192.0.2.80
www IN A 192.0.2.81
"""


@contextmanager
def bind9(folder: Path) -> Iterator[int]:
    """The port that it answers on, UDP and TCP."""
    named = program("named")
    port = free_port()
    (folder / "named.conf").write_text(CONFIG.format(folder=folder, port=port), encoding="utf-8")
    (folder / "zone").write_text(ZONE, encoding="utf-8")
    with running([named, "-g", "-n", "1", "-c", str(folder / "named.conf")], lambda: accepts(port), folder / "log"):
        yield port
