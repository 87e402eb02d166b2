"""One flow as all four protocols give it, and what is wrong with a datagram."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from core.errors import WanglouError


class BadDatagram(WanglouError):
    """A datagram that is not what its header says; what was read before the fault counts."""


class Flow(NamedTuple):
    """Traffic from one address to another: addresses packed (4 or 16 bytes), numbers already multiplied by the sampling rate.

    ``input`` and ``output`` are interface indices of the exporter, 0 when it does not say.
    """

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int
    bytes: int
    packets: int
    input: int = 0
    output: int = 0


def text_of(address: bytes) -> str:
    """A packed address as people write it; IPv4 inside IPv6 as IPv4."""
    if len(address) == 16:
        found = ipaddress.IPv6Address(address)
        return str(found.ipv4_mapped or found)
    return str(ipaddress.IPv4Address(address))
