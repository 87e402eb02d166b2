"""From an address to the zone of the network it lies in: the narrowest prefix that holds it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

INSIDE: Final = "inside"
OUTSIDE: Final = "outside"
_PRIVATE: Final = """
    10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/4 255.255.255.255/32 ::1/128 fc00::/7 fe80::/10 ff00::/8
"""
PRIVATE: Final = tuple(ipaddress.ip_network(text) for text in _PRIVATE.split())
REMEMBERED: Final = 50_000


class Zones:
    """``prefixes`` are (prefix, zone)."""

    def __init__(self, prefixes: Iterable[tuple[str, str]] = ()) -> None:
        self._by_length: dict[tuple[int, int], dict[int, str]] = {}
        self._known: dict[str, str] = {}
        for text, zone in prefixes:
            network = ipaddress.ip_network(text, strict=False)
            self._by_length.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = zone
        self._lengths = sorted(self._by_length, key=lambda key: -key[1])

    def named(self, address: str) -> str:
        """The zone of the narrowest prefix that holds the address; "" when none does."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[address] = self._find(address)
        return found

    @staticmethod
    def general(address: str) -> str:
        """For addresses in no prefix: private ones are "inside", all others "outside"."""
        found = ipaddress.ip_address(address)
        return INSIDE if any(found in network for network in PRIVATE if network.version == found.version) else OUTSIDE

    def _find(self, address: str) -> str:
        found = ipaddress.ip_address(address)
        number = int(found)
        for version, length in self._lengths:
            if version == found.version:
                masked = number >> (found.max_prefixlen - length) << (found.max_prefixlen - length)
                if zone := self._by_length[version, length].get(masked):
                    return zone
        return ""
