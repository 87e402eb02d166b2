"""What one device says about who is around it, read from its ``snmp.topology`` snapshot. Hostile text stays text; nonsense is left out."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from core.records import Snapshot
from inventory.asset import Asset

KIND: Final = "snmp.topology"
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_VIRTUAL: Final = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:05:73:a0:")
"""VRRP (RFC 5798) and HSRP: addresses that move between devices on purpose."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What LLDP or CDP says of the other end of ``port``."""

    protocol: str
    port: str
    name: str
    chassis: str
    remote_port: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One port in the spanning tree: its state, and which bridge is designated on its segment, by which of its ports."""

    port: str
    state: str
    bridge: str
    bridge_port: int | None


@dataclass(frozen=True)
class Device:
    """One asset with everything it said at ``seen``; ``fdb`` is (MAC, port, VLAN), ``arp`` (address, MAC, interface),
    ``routes`` (next hop, interface, count).
    """

    asset: str
    kind: str = ""
    seen: datetime | None = None
    names: frozenset[str] = frozenset()
    chassis: str = ""
    bridge: str = ""
    engine: str = ""
    runs_on: frozenset[str] = frozenset()
    macs: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[tuple[str, str, int], ...] = ()
    arp: tuple[tuple[str, str, str], ...] = ()
    lag: Mapping[str, str] = field(default_factory=dict)
    stp: tuple[Heard, ...] = ()
    vlans: Mapping[str, str] = field(default_factory=dict)
    peers: tuple[tuple[str, str, str], ...] = ()
    routes: tuple[tuple[str, str, int], ...] = ()

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Aggregated port -> its members, in order."""
        groups: dict[str, list[str]] = {}
        for port, group in sorted(self.lag.items()):
            groups.setdefault(group, []).append(port)
        return {group: tuple(ports) for group, ports in groups.items()}

    @cached_property
    def written(self) -> Mapping[str, str]:
        """Port as it is compared -> as the device itself writes it."""
        return {short_port(said.port): said.port for said in self.neighbours} | {short_port(name): name for name in {port for _, port, _ in self.fdb}}

    @cached_property
    def carried(self) -> Mapping[str, frozenset[int]]:
        """Port -> VLANs in which something was learned there."""
        found: dict[str, set[int]] = {}
        for _, port, vlan in self.fdb:
            if vlan:
                found.setdefault(port, set()).add(vlan)
        return {port: frozenset(vlans) for port, vlans in found.items()}


def device_of(asset: Asset, snapshot: Snapshot | None = None) -> Device:
    """An asset as the topology sees it; one that says nothing still has its name and addresses."""
    body = _body(snapshot)
    own = {asset.address, *asset.addresses, *_texts(body.get("addresses"))}
    return Device(
        asset=asset.id,
        kind=asset.kind,
        seen=snapshot.time if snapshot else None,
        names=frozenset(plain_name(name) for name in (asset.id, asset.name, _text(body, "sysname")) if name),
        chassis=_text(body, "chassis"),
        bridge=_text(body, "bridge"),
        engine=_text(body, "engine"),
        runs_on=frozenset(asset.runs_on.ids),
        macs=frozenset(mac for mac in (*_texts(body.get("macs")), asset.facts.get("mac", "").lower()) if is_mac(mac)),
        addresses=frozenset(address for address in own if is_address(address)),
        neighbours=tuple(_neighbours(body)),
        fdb=tuple((mac, port, vlan) for mac, port, vlan in _rows(body.get("fdb"), (str, str, int)) if is_mac(mac) and port),
        arp=tuple((address, mac, port) for address, mac, port in _rows(body.get("arp"), (str, str, str)) if is_mac(mac) and is_address(address)),
        lag=_pairs(body.get("lag")),
        stp=tuple(_heard(body)),
        vlans=_pairs(body.get("vlans")),
        peers=tuple((one, address, state) for one, address, state in _rows(body.get("peers"), (str, str, str)) if is_address(address) or is_mac(address)),
        routes=tuple((hop, port, count) for hop, port, count in _rows(body.get("routes"), (str, str, int)) if is_address(hop)),
    )


def plain_name(name: str) -> str:
    """A name as it is compared: lower case, without domain; an address is no name and stays whole."""
    low = name.strip().lower()
    return low if is_address(low) else low.partition(".")[0]


def is_mac(text: str) -> bool:
    """Whether it is a MAC address of one machine (no group address), as ``aa:bb:cc:dd:ee:ff``."""
    return bool(_MAC.fullmatch(text)) and not int(text[:2], 16) & 1 and text != "00:00:00:00:00:00"


def is_virtual(mac: str) -> bool:
    """Whether a MAC address belongs to a redundancy group rather than to one machine."""
    return mac.startswith(_VIRTUAL)


def is_address(text: str) -> bool:
    """Whether it is an IP address of one machine."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified)


def short_port(port: str) -> str:
    """A port name as it is compared: vendors shorten their own names (GigabitEthernet1/0/1, Gi1/0/1, GE1/0/1)."""
    low = port.strip().lower().replace(" ", "")
    found = re.fullmatch(r"([a-z-]+)([\d/.:]+)", low)
    if not found:
        return low
    word, number = found.groups()
    if word.endswith("-"):  # Junos: unit 0 of ge-0/0/1 is ge-0/0/1.0
        number = number.removesuffix(".0")
    return f"{_WORDS.get(word, word)}{number}"


_WORDS: Final = {
    "gigabitethernet": "gi", "ge": "gi", "gig": "gi", "tengigabitethernet": "te", "ten-gigabitethernet": "te", "xgigabitethernet": "te", "xge": "te",
    "tengige": "te", "fastethernet": "fa", "ethernet": "eth", "et": "eth", "hundredgige": "hu", "hundredgigabitethernet": "hu", "fortygige": "fo",
    "fortygigabitethernet": "fo", "twentyfivegige": "twe", "twentyfivegigabitethernet": "twe", "port-channel": "po",
    "fge": "fo", "hge": "hu", "bridge-aggregation": "bagg", "route-aggregation": "ragg", "fortyge": "fo",
}  # fmt: skip


def _body(snapshot: Snapshot | None) -> Mapping[str, Any]:
    try:
        body = json.loads(snapshot.body) if snapshot else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], key: str) -> str:
    return str(body.get(key) or "").strip()


def _texts(given: object) -> list[str]:
    return [text for text in given if isinstance(text, str)] if isinstance(given, list) else []


def _pairs(given: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _rows(given: object, kinds: tuple[type, ...]) -> Iterable[Any]:
    for row in given if isinstance(given, list) else ():
        if isinstance(row, list) and len(row) == len(kinds) and all(isinstance(cell, kind) for cell, kind in zip(row, kinds, strict=True)):
            yield row


def _neighbours(body: Mapping[str, Any]) -> Iterable[Neighbour]:
    given = body.get("neighbours")
    for row in given if isinstance(given, list) else ():
        if isinstance(row, dict) and row.get("local") and (row.get("remote_name") or row.get("remote_chassis")):
            yield Neighbour(*(_text(row, key) for key in ("protocol", "local", "remote_name", "remote_chassis", "remote_port")))


def _heard(body: Mapping[str, Any]) -> Iterable[Heard]:
    stp = body.get("stp")
    ports = stp.get("ports") if isinstance(stp, dict) else None
    for row in ports if isinstance(ports, list) else ():
        if isinstance(row, dict) and row.get("port") and is_mac(_text(row, "bridge")):
            number = row.get("bridge_port")
            yield Heard(_text(row, "port"), _text(row, "state"), _text(row, "bridge"), number if isinstance(number, int) else None)
