"""Ranges of addresses as people write them: ``10.1.0.0/24``, ``10.1.1-3.10-20``, ``2001:db8::/120``, one address. Pure.

Every IPv4 range is kept as four spans of octets: a network of any length is one, and so is an octet range. An IPv6 network is eight spans
of 16 bits; address by address only small ones can be searched, a larger one serves to say what is allowed.
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
_LONE: Final = 127
"""In shorter IPv6 networks the first address is that of all routers (RFC 4291, 2.6.1; RFC 6164 for /127)."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Range:
    """One range; ``spans`` are inclusive bounds of each octet (IPv4: four) or each 16 bits (IPv6: eight), ``skipped`` addresses that no host has."""

    text: str
    spans: tuple[Span, ...]
    skipped: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many addresses."""
        return math.prod(high - low + 1 for low, high in self.spans) - len(self.skipped)

    def holds(self, address: str) -> bool:
        """Whether an address is inside (a network's own and its broadcast address are)."""
        pieces = _pieces(address)
        return len(pieces) == len(self.spans) and all(low <= piece <= high for piece, (low, high) in zip(pieces, self.spans, strict=True))

    def addresses(self) -> Iterator[str]:
        """Every address a host may have, in order."""
        for pieces in product(*(range(low, high + 1) for low, high in self.spans)):
            address = _written(pieces)
            if address not in self.skipped:
                yield address

    def within(self, other: Range) -> bool:
        """Whether ``other`` holds all of this one."""
        same = len(self.spans) == len(other.spans)
        return same and all(wide[0] <= low and high <= wide[1] for (low, high), wide in zip(self.spans, other.spans, strict=True))


def parse_range(text: str) -> Range:
    """The range that ``text`` says; raises ConfigError that says how one is written."""
    plain = text.strip()
    if "/" in plain or ":" in plain:
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
    first, last = network.network_address, network.broadcast_address
    if network.version == 4:
        skipped = {str(first), str(last)} if network.prefixlen <= _WHOLE_NETWORK else set()
    else:
        skipped = {str(first)} if network.prefixlen < _LONE else set()
    return Range(text, tuple(zip(_split(first), _split(last), strict=True)), frozenset(skipped))


def _unclear(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is no range of addresses; write 10.1.0.0/24, 10.1.1-3.10-20, 2001:db8::/120 or one address")


def plain_address(text: str) -> str:
    """An address in the one way of writing it (RFC 5952); what is none stays as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _pieces(address: str) -> tuple[int, ...]:
    """Octets of an IPv4, 16 bits each of an IPv6 address; none of what is no address or has a zone."""
    try:
        return () if "%" in address else _split(ipaddress.ip_address(address))
    except ValueError:
        return ()


def _split(address: Address) -> tuple[int, ...]:
    packed = address.packed
    return tuple(packed) if address.version == 4 else tuple(int.from_bytes(packed[at : at + 2]) for at in range(0, 16, 2))


def _written(pieces: Sequence[int]) -> str:
    if len(pieces) == 4:
        return ".".join(map(str, pieces))
    return str(ipaddress.IPv6Address(b"".join(piece.to_bytes(2) for piece in pieces)))


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
