"""Ranges of addresses as people write them: ``10.1.0.0/24``, ``10.1.1-3.10-20``, one address. Pure.

Every IPv4 range is kept as four spans of octets: a network of any length is one, and so is an octet range.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from core.errors import ConfigError

Span = tuple[int, int]
_OCTET: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_WHOLE_NETWORK: Final = 30
"""Networks up to this length have a network and a broadcast address (RFC 919; RFC 3021 for /31)."""


@dataclass(frozen=True, slots=True)
class Range:
    """One range; ``spans`` are inclusive bounds of each octet, ``skipped`` addresses that no host has."""

    text: str
    spans: tuple[Span, Span, Span, Span]
    skipped: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many addresses."""
        return math.prod(high - low + 1 for low, high in self.spans) - len(self.skipped)

    def holds(self, address: str) -> bool:
        """Whether an address is inside (a network's own and its broadcast address are)."""
        octets = _octets(address)
        return octets is not None and all(low <= octet <= high for octet, (low, high) in zip(octets, self.spans, strict=True))

    def addresses(self) -> Iterator[str]:
        """Every address a host may have, in order."""
        for octets in product(*(range(low, high + 1) for low, high in self.spans)):
            address = ".".join(map(str, octets))
            if address not in self.skipped:
                yield address

    def within(self, other: Range) -> bool:
        """Whether ``other`` holds all of this one."""
        return all(wide[0] <= low and high <= wide[1] for (low, high), wide in zip(self.spans, other.spans, strict=True))


def parse_range(text: str) -> Range:
    """The range that ``text`` says; raises ConfigError that says how one is written."""
    plain = text.strip()
    if "/" in plain:
        return _network(plain)
    pieces = [_OCTET.fullmatch(piece) for piece in plain.split(".")]
    if len(pieces) != 4 or not all(pieces):
        raise _unclear(plain)
    spans = [(int(piece[1]), int(piece[2] or piece[1])) for piece in pieces if piece]
    if any(low > high or high > 255 for low, high in spans):
        raise ConfigError(f"{plain!r}: an octet goes from 0 to 255, and a span from the lower to the higher number")
    return Range(plain, (spans[0], spans[1], spans[2], spans[3]))


def _network(text: str) -> Range:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _unclear(text) from None
    if not isinstance(network, ipaddress.IPv4Network):
        raise ConfigError(f"{text!r}: only IPv4 networks are searched address by address; IPv6 devices are found from seeds")
    first, last = network.network_address.packed, network.broadcast_address.packed
    skipped = {str(network.network_address), str(network.broadcast_address)} if network.prefixlen <= _WHOLE_NETWORK else set()
    return Range(text, ((first[0], last[0]), (first[1], last[1]), (first[2], last[2]), (first[3], last[3])), frozenset(skipped))


def _unclear(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is no range of addresses; write 10.1.0.0/24, 10.1.1-3.10-20 or one address")


def _octets(address: str) -> tuple[int, ...] | None:
    try:
        return tuple(ipaddress.IPv4Address(address).packed)
    except ValueError:
        return None


def is_allowed(address: str, allowed: Sequence[Range]) -> bool:
    """Whether an address may be spoken to."""
    return any(one.holds(address) for one in allowed)


def check_ranges(texts: Iterable[str], allowed: Sequence[Range], limit: int) -> tuple[Range, ...]:
    """The ranges, all inside the allowed ones and together at most ``limit`` addresses; raises ConfigError."""
    if not allowed:
        raise ConfigError('no range may be searched yet: set discovery.allowed, for instance ["10.1.0.0/16"], and start Wanglou again', key="discovery.allowed")
    wanted = tuple(parse_range(text) for text in texts)
    for one in wanted:
        if one.size > limit:
            raise ConfigError(f"{one.text} spans {one.size:,} addresses; at most {limit:,} are searched at once (discovery.max_addresses)")
        if not any(one.within(wide) for wide in allowed):
            names = ", ".join(wide.text for wide in allowed)
            raise ConfigError(f"{one.text} is not inside a range that may be searched ({names}); those stand in the setting discovery.allowed")
    if (total := sum(one.size for one in wanted)) > limit:
        raise ConfigError(f"the ranges span {total:,} addresses together; at most {limit:,} are searched at once (discovery.max_addresses)")
    return wanted
