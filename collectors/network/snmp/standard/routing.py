"""IS-IS adjacencies (ISIS-MIB, RFC 4444) and next hops of the routing table (IP-FORWARD-MIB, RFC 4292, and its ipCidrRouteTable of RFC 2096)."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from collectors.network.snmp.reader import Reader
from collectors.network.snmp.values import Value, integer, mac

_ISIS: Final = "1.3.6.1.2.1.138.1"
_ADJACENCY, _ADDRESS = f"{_ISIS}.6.1.1", f"{_ISIS}.6.3.1.3"
_STATES: Final = {1: "down", 2: "initializing", 3: "up", 4: "failed"}
_ROUTE_PORT, _OLD_ROUTE_PORT = "1.3.6.1.2.1.4.24.7.1.7", "1.3.6.1.2.1.4.24.4.1.5"
MOST_ROUTES: Final = 2_000
"""Rows of a routing table that are read: a full table of the internet has a million, and costs a router dear."""
_OCTETS: Final = {1: (4, 4), 2: (16, 16), 3: (8, 4), 4: (20, 16)}  # InetAddressType: octets in the index, of which the address (the rest is a zone)


@dataclass(frozen=True, slots=True)
class Adjacency:
    """One IS-IS neighbour on one circuit; ``system`` as ``0100.0000.0002``; ``snpa`` its MAC address on a LAN, else empty."""

    circuit: str
    system: str
    state: str
    addresses: tuple[str, ...] = ()
    snpa: str = ""

    @property
    def at(self) -> tuple[str, ...]:
        """Where it can be recognised: its IP addresses, else its MAC address."""
        return self.addresses or ((self.snpa,) if self.snpa else ())


def adjacencies(reader: Reader, expected: bool = False) -> list[Adjacency]:
    """All IS-IS neighbours; ``expected`` when there were some before, so that an empty table is asked for again."""
    states = reader.column(f"{_ADJACENCY}.2", always=expected)
    if not states:
        return []
    systems, snpas = reader.column(f"{_ADJACENCY}.6", always=expected), reader.column(f"{_ADJACENCY}.4")
    addresses = _adjacent_addresses(reader.column(_ADDRESS))
    found = []
    for row, value in states.items():
        system = systems.get(row)
        if row.count(".") == 1 and isinstance(system, bytes) and len(system) == 6:
            name, state = system.hex(), _STATES.get(integer(value) or 0, "unknown")
            dotted = f"{name[:4]}.{name[4:8]}.{name[8:]}"
            found.append(Adjacency(row.partition(".")[0], dotted, state, addresses.get(row, ()), mac(snpas.get(row)) or ""))
    return found


def _adjacent_addresses(column: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    """Circuit and adjacency to the neighbour's addresses; a link-local one names nobody."""
    found: dict[str, tuple[str, ...]] = {}
    for row, value in column.items():
        if row.count(".") == 2 and isinstance(value, bytes) and len(value) in (4, 16):
            address = ipaddress.ip_address(value)
            if not (address.is_link_local or address.is_unspecified):
                adjacency = row.rpartition(".")[0]
                found[adjacency] = (*found.get(adjacency, ()), str(address))
    return found


def next_hops(reader: Reader, names: Mapping[str, str]) -> tuple[list[tuple[str, str, int]], bool]:
    """(next hop, interface, how many routes) of the first ``MOST_ROUTES`` rows, and whether the walk was cut off there."""
    rows, hop_of = reader.column(_ROUTE_PORT, most=MOST_ROUTES), _next_hop
    if not rows:
        rows, hop_of = reader.column(_OLD_ROUTE_PORT, most=MOST_ROUTES), _old_next_hop
    counted: Counter[tuple[str, str]] = Counter()
    for row, value in rows.items():
        if hop := hop_of(row.split(".")):
            counted[hop, names.get(str(integer(value)), "")] += 1
    return sorted((hop, port, count) for (hop, port), count in counted.items()), len(rows) >= MOST_ROUTES


def _next_hop(pieces: list[str]) -> str | None:
    """Out of the index of inetCidrRouteTable: destination (type, length, octets), prefix length, policy (length, arcs), next hop (type, length, octets)."""
    if not all(piece.isdecimal() for piece in pieces):
        return None
    arcs = [int(piece) for piece in pieces]
    policy = 3 + arcs[1] if len(arcs) > 1 else 0
    start = policy + 1 + arcs[policy] if len(arcs) > policy else len(arcs)
    hop = arcs[start:]
    whole, told = _OCTETS.get(hop[0], (0, 0)) if hop else (0, 0)
    if not told or len(hop) != 2 + whole or hop[1] != whole:
        return None
    return _other(hop[2 : 2 + told])


def _old_next_hop(pieces: list[str]) -> str | None:
    """Out of the index of ipCidrRouteTable: destination, mask, type of service, next hop."""
    return _other([int(piece) for piece in pieces[9:]]) if len(pieces) == 13 and all(piece.isdecimal() for piece in pieces) else None


def _other(octets: list[int]) -> str | None:
    """The address of another router; a route to the device's own networks has none."""
    if any(octet > 255 for octet in octets):
        return None
    address = ipaddress.ip_address(bytes(octets))
    return None if address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast else str(address)
