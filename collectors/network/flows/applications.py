"""Which application a flow belongs to, by the port that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from core.files import build, read_yaml

TCP, UDP = 6, 17
OTHER: Final = "other"
PROTOCOLS: Final[Mapping[int, str]] = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 41: "6in4", 47: "gre", 50: "esp", 51: "ah", 58: "icmp6", 88: "eigrp", 89: "ospf", 103: "pim",
    112: "vrrp", 115: "l2tp", 132: "sctp",
}  # fmt: skip


class Ports(BaseModel):
    """One row of the table: the ports that the application's server listens on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tcp: tuple[int, ...] = Field(default=(), max_length=100)
    udp: tuple[int, ...] = Field(default=(), max_length=100)


@lru_cache(maxsize=1)
def ports() -> Mapping[tuple[int, int], str]:
    """(protocol, port) -> application."""
    document = read_yaml(Path(str(files("collectors.network.flows") / "ports.yaml")))
    found: dict[tuple[int, int], str] = {}
    for name in document.data:
        row = build(document, Ports, (name,))
        for protocol, numbers in ((TCP, row.tcp), (UDP, row.udp)):
            for number in numbers:
                found.setdefault((protocol, number), name)
    return found


def serving_port(protocol: int, source_port: int, destination_port: int) -> int:
    """The port that names the service: the known one, else the lower; 0 for protocols without ports."""
    known = ports()
    if (protocol, destination_port) in known:
        return destination_port
    if (protocol, source_port) in known:
        return source_port
    return min(source_port, destination_port) if protocol in {TCP, UDP, 132} else 0


def application(protocol: int, port: int) -> str:
    """The row's name ("https"), "tcp/8765" for a port that no row holds, or the protocol's name."""
    if found := ports().get((protocol, port)):
        return found
    name = PROTOCOLS.get(protocol, f"protocol {protocol}")
    return f"{name}/{port}" if port and protocol in {TCP, UDP, 132} else name


def is_known(name: str) -> bool:
    """Whether an application's name comes from the table or is a protocol: such names are few."""
    return name in _names()


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(ports().values()) | frozenset(PROTOCOLS.values())
