"""Where machines are: which switch port a MAC address sits behind, out of the forwarding tables of all switches.

A frame's source is learned on every switch on its way; only the port that leads to no other switch is its place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.topology.directory import Directory
from inventory.topology.evidence import Device, is_virtual

CLASH: Final = "address-clash"

Port = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a MAC address was seen at ``seen``, and how sure that is (0 to 1); ``others`` are further ports that claim it."""

    mac: str
    switch: str
    port: str
    vlan: int
    seen: datetime
    confidence: float
    others: tuple[Port, ...] = ()


def is_switch(device: Device) -> bool:
    """Whether it forwards frames."""
    return bool(device.fdb or device.stp)


def uplinks(directory: Directory) -> frozenset[Port]:
    """Ports that lead to another switch: one of its addresses is learned there, or it says so itself."""
    switches = {device.asset for device in directory.devices.values() if is_switch(device)}
    found: set[Port] = set()
    for device in directory.devices.values():
        found |= {(device.asset, port) for mac, port, _ in device.fdb if directory.by_mac.get(mac, device.asset) in switches - {device.asset}}
        for said in device.neighbours:
            if directory.who(said.name, said.chassis) in switches - {device.asset}:
                found.add((device.asset, device.lag.get(said.port, said.port)))
        found |= {(device.asset, heard.port) for heard in device.stp if heard.bridge not in (device.bridge, "") and heard.bridge not in device.macs}
    return frozenset(found)


def places(directory: Directory) -> dict[str, Place]:
    """The likeliest place of every MAC address that any switch has learned."""
    leading, crowd = uplinks(directory), Counter[Port]()
    learned: dict[str, list[tuple[Port, int, datetime]]] = defaultdict(list)
    for device in directory.devices.values():
        for mac, port, vlan in device.fdb:
            crowd[device.asset, port] += 1
            if device.seen and mac not in device.macs and not is_virtual(mac):
                learned[mac].append(((device.asset, port), vlan, device.seen))
    return {mac: _place(mac, seen, leading, crowd) for mac, seen in learned.items()}


def _place(mac: str, seen: Iterable[tuple[Port, int, datetime]], leading: frozenset[Port], crowd: Mapping[Port, int]) -> Place:
    ranked = sorted(seen, key=lambda one: (one[0] in leading, crowd[one[0]], -one[2].timestamp(), one[0]))
    (switch, port), vlan, time = ranked[0]
    edges = [one[0] for one in ranked if one[0] not in leading]
    others = tuple(dict.fromkeys(place for place in edges if place != (switch, port)))
    if not edges:
        sure = 0.3  # known behind a switch that tells nothing
    else:
        sure = (0.95 if crowd[switch, port] <= 2 else 0.8 if crowd[switch, port] <= 12 else 0.6) / (1 + len(others))
    return Place(mac, switch, port, vlan, time, round(sure, 2), others)


def addresses(directory: Directory) -> dict[str, tuple[str, ...]]:
    """MAC address -> the IP addresses that any address table gives it."""
    found: dict[str, set[str]] = defaultdict(set)
    for device in directory.devices.values():
        for address, mac, _ in device.arp:
            found[mac].add(address)
    return {mac: tuple(sorted(given)) for mac, given in found.items()}


@dataclass(frozen=True, slots=True)
class Clash:
    """One IP address used by several machines at once."""

    address: str
    macs: tuple[str, ...]


def clashes(directory: Directory) -> list[Clash]:
    """IP addresses that address tables give to two machines that are both alive.

    An address table keeps an old answer for hours, so a MAC address counts only while some switch still forwards to it, or, where no
    forwarding table is known, when one device holds both. Addresses of redundancy groups move on purpose.
    """
    claims: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    alive = {mac for device in directory.devices.values() for mac, _, _ in device.fdb}
    for device in directory.devices.values():
        for address, mac, _ in device.arp:
            if not is_virtual(mac) and (mac in alive or not alive):
                claims[address][mac].add(device.asset)
    found = []
    for address, macs in claims.items():
        owners = {directory.by_mac.get(mac) for mac in macs}
        if len(macs) > 1 and (None in owners or len(owners) > 1) and (alive or set.intersection(*macs.values())):
            found.append(Clash(address, tuple(sorted(macs))))
    return sorted(found, key=lambda clash: clash.address)
