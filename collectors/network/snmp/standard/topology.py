"""How a device hangs together with others: forwarding table, address table, spanning tree, aggregation, VLANs, routing peers, next hops.

BRIDGE-MIB (RFC 4188), Q-BRIDGE-MIB (RFC 4363), IP-MIB (RFC 4293), IEEE8023-LAG-MIB, OSPF-MIB (RFC 4750), BGP4-MIB (RFC 4273), LLDP-MIB,
CISCO-CDP-MIB, CISCO-VTP-MIB; ISIS-MIB and IP-FORWARD-MIB in ``routing``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from collectors.network.snmp.match import SYS_NAME
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.standard.interfaces import IF, interface_names
from collectors.network.snmp.standard.links import AGGREGATE, STACK
from collectors.network.snmp.standard.neighbours import neighbours
from collectors.network.snmp.standard.routing import adjacencies, next_hops
from collectors.network.snmp.values import Value, integer, mac, text

BRIDGE, Q_BRIDGE, IP = "1.3.6.1.2.1.17", "1.3.6.1.2.1.17.7.1", "1.3.6.1.2.1.4"
ENGINE_ID: Final = "1.3.6.1.6.3.10.2.1.1.0"
LLDP_CHASSIS: Final = "1.0.8802.1.1.2.1.3.2.0"
LLDP_ADDRESSES, CDP_ADDRESSES = "1.0.8802.1.1.2.1.4.2.1.3", "1.3.6.1.4.1.9.9.23.1.2.1.1.4"
_LAG, _OSPF, _BGP = "1.2.840.10006.300.43.1.2.1.1.13", "1.3.6.1.2.1.14.10.1.6", "1.3.6.1.2.1.15.3.1.2"
_STP_STATE = {1: "disabled", 2: "blocking", 3: "listening", 4: "learning", 5: "forwarding", 6: "broken"}
_OSPF_STATE = {1: "down", 2: "attempt", 3: "init", 4: "two-way", 5: "exchange-start", 6: "exchange", 7: "loading", 8: "full"}
_BGP_STATE = {1: "idle", 2: "connect", 3: "active", 4: "open-sent", 5: "open-confirm", 6: "established"}
_LEARNED, _INVALID = 3, 2
_VTP: Final = "1.3.6.1.4.1.9.9.46.1.3.1.1"
_OPERATIONAL: Final = 1
_RESERVED: Final = range(1002, 1006)  # FDDI and Token Ring, which every such switch has
MOST_VIEWS: Final = 128
IPV4, IPV6 = 1, 2
Body = dict[str, Any]


def topology(reader: Reader) -> Body:
    """Everything that says who is behind which port, as JSON data; ports by name, MAC addresses as ``aa:bb:cc:dd:ee:ff``."""
    names = _port_names(reader)
    ports = _bridge_ports(reader, names)
    found = {
        **surroundings(reader),
        "fdb": sorted(_forwarding(reader, ports)),
        "lag": _aggregation(reader, names),
        "stp": _spanning_tree(reader, ports),
        "vlans": _vlans(reader),
        "pvid": {ports[row]: vlan for row, value in reader.column(f"{Q_BRIDGE}.4.5.1.1").items() if row in ports and (vlan := integer(value))},
        "peers": sorted(_peers(reader)),
        "neighbours": [asdict(one) for one in neighbours(reader)],
    }
    routes, is_cut = next_hops(reader, names)  # last: a slow device gives up these first
    return found | {"routes": routes, "routes_cut": is_cut}


def vlans_apart(reader: Reader, found: Body) -> dict[int, str]:
    """VLANs (number to name) of a switch that keeps a forwarding table for each of them: a community, or a context of version 3, of its own (Cisco IOS)."""
    if any(vlan for _, _, vlan in found["fdb"]):
        return {}
    states, names = reader.column(f"{_VTP}.2"), reader.column(f"{_VTP}.4")
    numbers = [int(row.rpartition(".")[2]) for row, value in states.items() if integer(value) == _OPERATIONAL]
    rows = {int(row.rpartition(".")[2]): text(value) for row, value in names.items()}
    return {number: rows.get(number, "") for number in sorted(numbers)[:MOST_VIEWS] if number not in _RESERVED}


def learned_in(view: Reader, reader: Reader, vlan: int) -> list[tuple[str, str, int]]:
    """What was learned in one VLAN, read by its own community; ports are named as ``reader`` names them."""
    return [(address, port, vlan) for address, port, _ in _forwarding(view, _bridge_ports(view, _port_names(reader)))]


def surroundings(reader: Reader) -> Body:
    """By what a device is recognised, and which addresses of others it knows: the part of ``topology`` that a search needs."""
    reader.fetch([SYS_NAME, LLDP_CHASSIS, ENGINE_ID, f"{BRIDGE}.1.1.0"])
    chassis, engine = reader.get(LLDP_CHASSIS), reader.get(ENGINE_ID)
    base = mac(reader.get(f"{BRIDGE}.1.1.0"))
    own = {mac(value) for value in reader.names(f"{IF}.6").values()} | {base, mac(chassis)}
    return {
        "sysname": reader.text(SYS_NAME),
        "chassis": mac(chassis) or text(chassis),
        "engine": engine.hex() if isinstance(engine, bytes) else "",
        "bridge": base or "",
        "macs": sorted(address for address in own if address),
        "addresses": sorted(_own_addresses(reader)),
        "arp": sorted(set(_address_table(reader, _port_names(reader)))),
        "neighbour_addresses": sorted(_neighbour_addresses(reader)),
    }


def _port_names(reader: Reader) -> dict[str, str]:
    return {row: text(value) or row for row, value in interface_names(reader).items()}


def _bridge_ports(reader: Reader, names: Mapping[str, str]) -> dict[str, str]:
    """A bridge's own port numbers to interface names (dot1dBasePortIfIndex)."""
    found = {port: str(integer(value)) for port, value in reader.names(f"{BRIDGE}.1.4.1.2").items()}
    return {port: names.get(index, index) for port, index in found.items()}


def _forwarding(reader: Reader, ports: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """(MAC, port, VLAN) of what was learned; VLAN 0 where the table does not say."""
    vlans = {str(integer(value)): int(row.rpartition(".")[2]) for row, value in reader.column(f"{Q_BRIDGE}.4.2.1.3").items()}
    rows = reader.column(f"{Q_BRIDGE}.2.2.1.2")
    status = reader.column(f"{Q_BRIDGE}.2.2.1.3" if rows else f"{BRIDGE}.4.3.1.3")
    for row, value in (rows or reader.column(f"{BRIDGE}.4.3.1.2")).items():
        base, _, _ = row.partition(".")
        pieces = row.split(".")[-6:]
        address = _index_mac(pieces)
        port = ports.get(str(integer(value)))
        if address and port and (integer(status.get(row)) or _LEARNED) == _LEARNED:
            yield address, port, vlans.get(base, int(base)) if rows else 0


def _index_mac(pieces: list[str]) -> str | None:
    octets = [int(piece) for piece in pieces if piece.isdecimal() and int(piece) < 256]
    return mac(bytes(octets)) if len(octets) == 6 else None


def _address_table(reader: Reader, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(address, MAC, interface) of the neighbours that the device has spoken with."""
    kinds = reader.column(f"{IP}.35.1.6")
    for row, value in reader.column(f"{IP}.35.1.4").items():
        address = _index_address(row.split(".")[1:])
        if address and (found := mac(value)) and integer(kinds.get(row)) != _INVALID:
            yield address, found, names.get(row.partition(".")[0], "")
    for row, value in reader.column(f"{IP}.22.1.2").items():
        interface, _, address = row.partition(".")
        if (found := mac(value)) and _is_address(address):
            yield address, found, names.get(interface, "")


def _own_addresses(reader: Reader) -> set[str]:
    """Addresses of the device itself, without loopback and link-local ones."""
    found = {row for row in reader.column(f"{IP}.20.1.2") if _is_address(row)}
    found |= {address for row in reader.column(f"{IP}.34.1.3") if (address := _index_address(row.split(".")))}
    return {address for address in found if _is_told(ipaddress.ip_address(address))}


def _is_told(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not (address.is_link_local or address.is_unspecified or str(address) in ("127.0.0.1", "::1"))


def _index_address(pieces: list[str]) -> str | None:
    """InetAddressType, length and octets out of an index."""
    if len(pieces) < 6 or not all(piece.isdecimal() and int(piece) < 256 for piece in pieces[2:]):
        return None
    octets = bytes(int(piece) for piece in pieces[2:])
    if (int(pieces[0]), len(octets)) not in ((IPV4, 4), (IPV6, 16)):
        return None
    return str(ipaddress.ip_address(octets))


def _is_address(plain: str) -> bool:
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        return False
    return True


def _aggregation(reader: Reader, names: Mapping[str, str]) -> dict[str, str]:
    """Member port to the aggregated one: ifStackTable, which static groups are in too, and dot3adAggPortAttachedAggID."""
    found = {}
    groups = {row for row, value in reader.column(f"{IF}.3").items() if integer(value) == AGGREGATE}
    for row in reader.column(STACK) if groups else ():
        higher, _, lower = row.partition(".")
        if higher in groups and lower in names:
            found[names[lower]] = names.get(higher, higher)
    for row, value in reader.column(_LAG).items():
        group = str(integer(value) or "")
        if group not in ("", "0", row) and row in names:
            found[names[row]] = names.get(group, group)
    return found


def _spanning_tree(reader: Reader, ports: Mapping[str, str]) -> Body:
    """Root, and what each port hears: its state, and the bridge that is designated on its segment."""
    bridges, far, states = (reader.column(f"{BRIDGE}.2.15.1.{column}") for column in (8, 9, 3))
    heard = []
    for row, value in bridges.items():
        bridge = _bridge_mac(value)
        if bridge and row in ports:
            number = far.get(row)
            heard.append(
                {
                    "port": ports[row],
                    "state": _STP_STATE.get(integer(states.get(row)) or 0, ""),
                    "bridge": bridge,
                    "bridge_port": int.from_bytes(number[-2:]) & 0x0FFF if isinstance(number, bytes) and len(number) >= 2 else None,
                }
            )
    return {"root": _bridge_mac(reader.get(f"{BRIDGE}.2.5.0")) or "", "ports": heard}


def _bridge_mac(value: Value) -> str | None:
    """BridgeId: two octets of priority, then the MAC address."""
    return mac(value[2:]) if isinstance(value, bytes) and len(value) == 8 else None


def _vlans(reader: Reader) -> dict[str, str]:
    return {row: text(value) for row, value in reader.column(f"{Q_BRIDGE}.4.3.1.1").items() if row.isdecimal()}


def _peers(reader: Reader) -> Iterator[tuple[str, str, str]]:
    """(protocol, address, state) of routing neighbours; an IS-IS neighbour without IP addresses by its MAC address."""
    for protocol, column, states in (("ospf", _OSPF, _OSPF_STATE), ("bgp", _BGP, _BGP_STATE)):
        for row, value in reader.column(column).items():
            address = ".".join(row.split(".")[:4])
            if _is_address(address):
                yield protocol, address, states.get(integer(value) or 0, "unknown")
    for adjacency in adjacencies(reader):
        for address in adjacency.at:
            yield "isis", address, adjacency.state


def _neighbour_addresses(reader: Reader) -> set[str]:
    """Management addresses that neighbours announce: where a search may go on."""
    found = {address for row in reader.column(LLDP_ADDRESSES) if (address := _index_address(row.split(".")[3:]))}
    cdp = (value for value in reader.column(CDP_ADDRESSES).values() if isinstance(value, bytes) and len(value) == 4)
    return found | {str(ipaddress.ip_address(value)) for value in cdp}
