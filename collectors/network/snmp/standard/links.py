"""More of links than IF-MIB's counters: how long a port is as it is, half duplex, members of aggregated links, routing neighbours, roles of redundant devices.

RFC 2863 (ifLastChange, ifStackTable), RFC 3635 (dot3StatsDuplexStatus), IEEE8023-LAG-MIB, RFC 4273 (BGP4-MIB), RFC 4750 (OSPF-MIB),
RFC 4444 (ISIS-MIB), RFC 2787 (VRRP-MIB), RFC 6527 (VRRPV3-MIB), CISCO-HSRP-MIB.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Interface, Link, Peer, Role
from collectors.network.snmp.standard.interfaces import IF
from collectors.network.snmp.standard.routing import adjacencies
from collectors.network.snmp.values import integer

STACK: Final = "1.3.6.1.2.1.31.1.2.1.3"
AGGREGATE: Final = 161  # ieee8023adLag, IANAifType
_ATTACHED: Final = "1.2.840.10006.300.43.1.2.1.1.13"
_DUPLEX, _HALF = "1.3.6.1.2.1.10.7.2.1.19", 2
_BGP_STATE, _BGP_ADMIN = "1.3.6.1.2.1.15.3.1.2", "1.3.6.1.2.1.15.3.1.3"
_ESTABLISHED, _STOPPED = 6, 1
_OSPF_STATE: Final = "1.3.6.1.2.1.14.10.1.6"
_ADJACENT: Final = (4, 8)  # twoWay is all that two routers reach that are neither designated nor its backup
_ROLES: Final = (
    ("VRRP", "1.3.6.1.2.1.68.1.3.1.3", {1: "initialize", 2: "backup", 3: "master"}),
    ("VRRP", "1.3.6.1.2.1.207.1.1.1.1.6", {1: "initialize", 2: "backup", 3: "master"}),
    ("HSRP", "1.3.6.1.4.1.9.9.106.1.2.1.1.15", {1: "initial", 2: "learn", 3: "listen", 4: "speak", 5: "standby", 6: "active"}),
)


def links(reader: Reader, ports: Iterable[Interface], ticks: float | None) -> list[Link]:
    """For each port that is up: seconds since it came up, and whether it runs in half duplex; ``ticks`` is sysUpTime in hundredths."""
    changed, duplex = reader.column(f"{IF}.9"), reader.column(_DUPLEX)
    found = []
    for port in ports:
        if port.oper == "up":
            last, mode = integer(changed.get(str(port.index))), integer(duplex.get(str(port.index)))
            since = (ticks - last) / 100 if ticks is not None and last is not None and 0 <= last <= ticks else None
            found.append(Link(port.index, since, None if mode is None else mode == _HALF))
    return found


def members(reader: Reader, ports: Iterable[Interface]) -> dict[int, int]:
    """Aggregated port to how many of its members are up. Who is a member is kept between two whole readings, so that one that fails still is."""
    known = {port.index: port for port in ports}
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for row in reader.names(STACK):
        higher, _, lower = row.partition(".")
        if higher.isdecimal() and lower.isdecimal():
            groups[int(higher)].add(int(lower))
    for row, value in reader.names(_ATTACHED).items():
        group = integer(value)
        if group and row.isdecimal() and group != int(row):
            groups[group].add(int(row))
    real = {group: {member for member in found if member in known} for group, found in groups.items() if group in known and known[group].type == AGGREGATE}
    return {group: sum(known[member].oper == "up" for member in found) for group, found in real.items() if found and known[group].admin != "down"}


def peers(reader: Reader, expected: bool) -> list[Peer]:
    """Neighbours of BGP, OSPF and IS-IS (by system id and circuit); ``expected`` when there were some before, so that an empty table is asked for again."""
    stopped = {row for row, value in reader.column(_BGP_ADMIN, always=expected).items() if integer(value) == _STOPPED}
    found = [
        Peer("bgp", row, integer(value) == _ESTABLISHED) for row, value in reader.column(_BGP_STATE, always=expected).items() if row not in stopped and row
    ]
    for row, value in reader.column(_OSPF_STATE, always=expected).items():
        found.append(Peer("ospf", row.rpartition(".")[0] if row.endswith(".0") else row, integer(value) in _ADJACENT))
    circuits: dict[str, bool] = {}
    for one in adjacencies(reader, expected):  # of two levels on one circuit either will do
        name = f"{one.system} {one.circuit}"
        circuits[name] = circuits.get(name, False) or one.state == "up"
    return [*found, *(Peer("isis", name, up) for name, up in circuits.items())]


def roles(reader: Reader) -> Iterator[Role]:
    """The part that the device plays in each group of redundancy."""
    for protocol, column, words in _ROLES:
        for row, value in reader.column(column).items():
            state = integer(value)
            if state is not None:
                yield Role(f"{protocol} {row}", words.get(state, str(state)), state)
