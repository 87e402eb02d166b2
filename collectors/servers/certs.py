"""The certificates of the machine that we run on: those in files, and those that its own TLS ports show.

Only the days left are told: whether a name fits is known to who asks from outside (collectors tls and http).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from collectors.apps.certificates import days_left, in_file, look
from collectors.loop import wait
from collectors.servers.figures import Figure
from collectors.servers.machine import Machine
from collectors.servers.sockets import Listener

TLS_PORTS: Final = frozenset((443, 465, 636, 853, 989, 990, 993, 995, 5061, 6443, 6514, 8443, 9443))
LOOK_S: Final = 2.0
ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a socket listens, not where we do


def certificates(machine: Machine, patterns: Iterable[str], listeners: Iterable[Listener], now: datetime) -> Iterator[Figure]:
    """Days left of each, by file or by address and port."""
    for path in dict.fromkeys(path for pattern in patterns for path in machine.files(pattern)):
        if found := in_file(machine.read(path) or ""):
            yield "tls.certificate.days_left", days_left(found[0], now), {"endpoint": path}
    for item in listeners:
        if item.protocol == "tcp" and item.port in TLS_PORTS:
            host = ANY.get(item.address, item.address)
            try:
                shown = wait(look(host, item.port, host), LOOK_S)
            except (OSError, ssl.SSLError):
                continue  # no TLS there
            yield "tls.certificate.days_left", days_left(shown.own, now), {"endpoint": f"{host}:{item.port}"}
