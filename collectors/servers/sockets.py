"""Listening sockets of the machine that we run on."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil

EPHEMERAL: Final = 32768  # Linux gives clients UDP ports from here: they are no services


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """One listening socket; ``process`` is empty when we may not see whose it is."""

    protocol: str
    address: str
    port: int
    process: str = ""


def listening() -> list[Listener]:
    """TCP sockets that listen and UDP sockets bound to a service port, sorted."""
    names: dict[int, str] = {}
    found: set[Listener] = set()
    for connection in psutil.net_connections("inet"):
        if not connection.laddr:
            continue
        protocol = "tcp" if connection.type == socket.SOCK_STREAM else "udp"
        is_service = connection.status == psutil.CONN_LISTEN or (protocol == "udp" and not connection.raddr and connection.laddr.port < EPHEMERAL)
        if is_service:
            found.add(Listener(protocol, connection.laddr.ip, connection.laddr.port, _name(connection.pid, names)))
    return sorted(found)


def _name(pid: int | None, names: dict[int, str]) -> str:
    if pid is None:
        return ""
    if pid not in names:
        try:
            names[pid] = psutil.Process(pid).name()
        except psutil.Error:
            names[pid] = ""
    return names[pid]


def table(listeners: Iterable[Listener]) -> str:
    """The body of the Snapshot ``ports``."""
    return "".join(f"{item.protocol}\t{item.address}\t{item.port}\t{item.process}\n" for item in listeners)
