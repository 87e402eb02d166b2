"""What bridges and gateways know of the machines around them: forwarding tables, spanning tree, VLANs, address tables.

BRIDGE-MIB (RFC 4188), Q-BRIDGE-MIB (RFC 4363), IP-MIB. Broadcast domains end at routers and firewalls; in each, a tree
over the cables that are up carries the frames and the remaining cables between switches are blocked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from simulator.ber import INTEGER, OCTETS, Value, dotted
from simulator.ber import IP as ADDRESS
from simulator.estate import Device, Link, Server
from simulator.mib import LLDP, Values, device_values, mac
from simulator.world import World

BRIDGE, Q_BRIDGE, IP = dotted("1.3.6.1.2.1.17"), dotted("1.3.6.1.2.1.17.7.1"), dotted("1.3.6.1.2.1.4")
LEARNED, SELF = 3, 4
SERVERS, OFFICE, FACILITIES, MANAGEMENT = 20, 10, 30, 99
VLANS: Mapping[int, str] = {1: "default", OFFICE: "办公", SERVERS: "服务器", FACILITIES: "动力环境", MANAGEMENT: "管理"}
PRIORITY = b"\x80\x00"
BLOCKING, FORWARDING = 2, 5
DYNAMIC = 3


@dataclass(frozen=True, slots=True)
class Station:
    """A machine with one MAC address on a port of a switch; ``address`` is empty for what speaks no IP here."""

    mac: bytes
    switch: str
    port: int
    vlan: int
    address: str


def network_values(world: World, device: Device, address_of: Callable[[str], str]) -> Values:
    """Everything that a network device answers."""
    return device_values(world, device) | around(world, device, address_of)


def stations(world: World, address_of: Callable[[str], str]) -> Iterator[Station]:
    """Everything that speaks on the network and forwards nothing: servers, facilities, routers' ports, desks, and strangers."""
    estate = world.estate
    for one in (*estate.servers, *estate.supplies, *estate.sensors):
        if world.has_power(one.id):
            yield Station(mac(one.id, 1), one.switch, one.port, SERVERS if isinstance(one, Server) else FACILITIES, address_of(one.id))
    kinds = {device.id: device.kind for device in estate.devices}
    for link in estate.links:
        for (switch, port), (other, far) in ((link.a, link.b), (link.b, link.a)):
            if kinds[switch] == "switch" and kinds[other] != "switch" and world.carries(link):
                yield Station(mac(other, far), switch, port, MANAGEMENT, address_of(other))
    for desks in estate.desks:
        for port in range(desks.first, desks.last + 1):
            yield Station(mac(f"{desks.switch}-desk", port), desks.switch, port, OFFICE, f"{desks.net}.{port + 10}")
    for fault in world.active_all("stranger"):
        yield Station(mac(f"{fault.id}-stranger", 1), fault.target, int(fault.value), OFFICE, "")
    for fault in world.active_all("address_clash"):
        desk = estate.desks[0]
        yield Station(mac(f"{desk.switch}-desk", desk.first), desk.switch, desk.first, SERVERS, address_of(fault.target))


def around(world: World, device: Device, address_of: Callable[[str], str]) -> Values:
    """What a network device answers about its surroundings."""
    found: Values = {(*IP, 20, 1, 2, *_octets(address_of(device.id))): (INTEGER, 1)} | _announced(world, device, address_of)
    if device.kind != "switch":
        return found
    tree = spanning_tree(world)
    towards = ports_towards(device.id, tree)
    found |= _bridge(device) | _vlans() | _spanning_tree(world, device, tree)
    for other, port in towards.items():
        found |= _learned(MANAGEMENT, mac(other), port)
    for station in stations(world, address_of):
        port = station.port if station.switch == device.id else towards.get(station.switch, 0)
        if port:
            found |= _learned(station.vlan, station.mac, port)
            if station.address and device.gateway:
                found |= _spoken(port, station.address, station.mac)
    return found


def _announced(world: World, device: Device, address_of: Callable[[str], str]) -> Values:
    """The management address of the other end of each cable (lldpRemManAddrTable), which leads a search on."""
    found: Values = {}
    for link in world.estate.links:
        for (mine, port), (other, _) in ((link.a, link.b), (link.b, link.a)):
            if mine == device.id and world.carries(link):
                found[*LLDP, 4, 2, 1, 3, 0, port, 1, 1, 4, *_octets(address_of(other))] = (INTEGER, 2)
    return found


def spanning_tree(world: World) -> frozenset[Link]:
    """The cables between switches that carry frames: from the first switch of each domain outwards."""
    switches = [device.id for device in world.estate.devices if device.kind == "switch" and world.has_power(device.id)]
    cables = [link for link in world.estate.links if link.a[0] in switches and link.b[0] in switches and world.carries(link)]
    seen: set[str] = set()
    tree: set[Link] = set()
    for root in switches:
        waiting = deque([root] if root not in seen else [])
        seen.add(root)
        while waiting:
            here = waiting.popleft()
            for link in cables:
                there = {link.a[0]: link.b[0], link.b[0]: link.a[0]}.get(here)
                if there is not None and there not in seen:
                    seen.add(there)
                    tree.add(link)
                    waiting.append(there)
    return frozenset(tree)


def ports_towards(start: str, tree: frozenset[Link]) -> dict[str, int]:
    """Every other switch of the domain -> the port of ``start`` behind which it is."""
    found: dict[str, int] = {}
    waiting: deque[tuple[str, int]] = deque([(start, 0)])
    while waiting:
        here, by = waiting.popleft()
        for link in tree:
            for (mine, port), (there, _) in ((link.a, link.b), (link.b, link.a)):
                if mine == here and there != start and there not in found:
                    found[there] = by or port
                    waiting.append((there, found[there]))
    return found


def _bridge(device: Device) -> Values:
    """Own address, and bridge ports numbered as interfaces are."""
    found: Values = {(*BRIDGE, 1, 1, 0): (OCTETS, mac(device.id))}
    return found | {(*BRIDGE, 1, 4, 1, 2, port): (INTEGER, port) for port in range(1, device.ports + 1)}


def _vlans() -> Values:
    return {(*Q_BRIDGE, 4, 3, 1, 1, number): (OCTETS, name) for number, name in VLANS.items()}


def _learned(vlan: int, address: bytes, port: int) -> Values:
    return {(*Q_BRIDGE, 2, 2, 1, 2, vlan, *address): (INTEGER, port), (*Q_BRIDGE, 2, 2, 1, 3, vlan, *address): (INTEGER, LEARNED)}


def _spoken(port: int, address: str, physical: bytes) -> Values:
    """A row of ipNetToMediaTable; two machines with one address show on different interfaces."""
    where = (port, *_octets(address))
    return {(*IP, 22, 1, 2, *where): (OCTETS, physical), (*IP, 22, 1, 3, *where): (ADDRESS, address), (*IP, 22, 1, 4, *where): (INTEGER, DYNAMIC)}


def _spanning_tree(world: World, device: Device, tree: frozenset[Link]) -> Values:
    """Who is designated on each cable to another switch: the end that is declared first."""
    order = [one.id for one in world.estate.devices]
    found: Values = {}
    for link in world.estate.links:
        for (mine, port), (other, _) in ((link.a, link.b), (link.b, link.a)):
            if mine != device.id or not world.carries(link) or next(one for one in world.estate.devices if one.id == other).kind != "switch":
                continue
            (designated, at) = min((link.a, link.b), key=lambda end: order.index(end[0]))
            blocked = link not in tree and designated != device.id
            cells: Mapping[int, Value] = {
                3: (INTEGER, BLOCKING if blocked else FORWARDING),
                8: (OCTETS, PRIORITY + mac(designated)),
                9: (OCTETS, bytes([0x80, at])),
            }
            found |= {(*BRIDGE, 2, 15, 1, column, port): value for column, value in cells.items()}
    return found


def _octets(address: str) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split("."))
