"""The address plan of a site (``networks.yaml``, ``zones.yaml``, ``vlans.yaml``) and how it is used: a small IPAM. Pure but for reading the files."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.errors import ConfigError
from inventory.asset import Asset
from inventory.sitefiles import read_entries
from inventory.topology.directory import Directory
from inventory.topology.machines import Machine

NETWORK: Final = "network"
VLAN: Final = "vlan"
RECENT: Final = timedelta(days=30)
LISTED: Final = 50
_GROUP: Final = {4: 24, 6: 64}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network


def _range(text: Any) -> tuple[Address, Address]:
    """``10.0.0.5``, ``10.0.0.5-10.0.0.9`` or ``10.0.0.5-9``."""
    first, _, last = str(text).partition("-")
    begin = ipaddress.ip_address(first.strip())
    if not last:
        return begin, begin
    whole = last.strip() if "." in last or ":" in last else f"{str(begin).rpartition('.')[0]}.{last.strip()}"
    end = ipaddress.ip_address(whole)
    if begin.version != end.version or int(end) < int(begin):
        raise ValueError(f"{text!r} is no range of addresses")
    return begin, end


Span = Annotated[tuple[Address, Address], BeforeValidator(_range)]


Role = Literal["ordinary", "important", "management", "wireless", "sensing", "control", "outside"]
"""What a zone is for: important business, the management of devices, wireless clients, sensors, industrial control, networks of others."""


class Zone(BaseModel):
    """One zone of the site's network, made of the prefixes that name it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    role: Role = "ordinary"
    note: str = ""


class Network(BaseModel):
    """One prefix of the plan. ``dynamic`` are ranges that a DHCP server hands out, ``reserved`` ones that nobody may take; ``zone`` is where it belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: Prefix
    name: str = ""
    zone: str = ""
    vlan: int | None = Field(default=None, ge=1, le=4094)
    site: str = ""
    gateway: Address | None = None
    dynamic: tuple[Span, ...] = ()
    reserved: tuple[Span, ...] = ()
    owner: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _inside(self) -> Network:
        for address in (*((self.gateway,) if self.gateway else ()), *(end for span in (*self.dynamic, *self.reserved) for end in span)):
            if address not in self.prefix:
                raise ValueError(f"{address} is not in {self.prefix}")
        return self

    @property
    def size(self) -> int:
        """Addresses that a machine can have."""
        return self.prefix.num_addresses - (2 if self.prefix.version == 4 and self.prefix.prefixlen < 31 else 0)


class Vlan(BaseModel):
    """One VLAN of the plan that has no prefix of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=1, le=4094)
    name: str = ""
    site: str = ""
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """What the site says, and what is wrong with how it says it."""

    networks: tuple[Network, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    zones: tuple[Zone, ...] = ()
    problems: tuple[ConfigError, ...] = ()

    @cached_property
    def _by_length(self) -> Mapping[tuple[int, int], Mapping[int, Network]]:
        """(version, length) -> first address as a number -> network, the narrowest first."""
        found: dict[tuple[int, int], dict[int, Network]] = defaultdict(dict)
        for one in sorted(self.networks, key=lambda one: -one.prefix.prefixlen):
            found[one.prefix.version, one.prefix.prefixlen][int(one.prefix.network_address)] = one
        return found

    def of(self, address: str) -> Network | None:
        """The narrowest prefix that holds an address."""
        try:
            wanted = ipaddress.ip_address(address)
        except ValueError:
            return None
        number, width = int(wanted), wanted.max_prefixlen
        for (version, length), networks in self._by_length.items():
            if version == wanted.version and (one := networks.get(number >> (width - length) << (width - length))):
                return one
        return None

    def zone_of(self, address: str) -> Zone | None:
        """The zone that an address lies in; None in no prefix, or in one that names no zone."""
        network = self.of(address)
        return self.zone(network.zone) if network and network.zone else None

    def zone(self, name: str) -> Zone:
        """The zone of that name; one that was never described is an ordinary one."""
        return next((one for one in self.zones if one.name == name), Zone(name=name))


def read_plan(folder: Path) -> Plan:
    """``networks.yaml`` or ``networks/*.yaml``, and in the same way ``vlans`` and ``zones``, of the site folder.

    A prefix or a zone that stands twice is a problem, and so is a prefix in a zone that ``zones.yaml`` does not describe.
    """
    problems: list[ConfigError] = []
    zones: dict[str, Zone] = {}
    for zone, document, number in read_entries(folder, "zones", Zone, problems):
        if zone.name in zones:
            problems.append(document.error(f"{zone.name} stands twice; the first one counts", ("zones", number, "name")))
        zones.setdefault(zone.name, zone)
    networks: dict[Prefix, Network] = {}
    for network, document, number in read_entries(folder, "networks", Network, problems):
        if network.prefix in networks:
            problems.append(document.error(f"{network.prefix} stands twice; the first one counts", ("networks", number, "prefix")))
        if network.zone and network.zone not in zones:
            problems.append(
                document.error(f"the zone {network.zone} is not described in zones.yaml; it counts as an ordinary one", ("networks", number, "zone"))
            )
        networks.setdefault(network.prefix, network)
    vlans = {vlan.id: vlan for vlan, _, _ in read_entries(folder, "vlans", Vlan, problems)}
    return Plan(tuple(networks.values()), tuple(vlans.values()), tuple(zones.values()), tuple(problems))


@dataclass(frozen=True, slots=True)
class Taken:
    """One address in use: by which asset and MAC addresses, when seen last (None: only written down)."""

    address: str
    asset: str = ""
    macs: tuple[str, ...] = ()
    seen: datetime | None = None
    verdict: str = "ok"


def taken(network: Network, assets: Iterable[Asset], machines: Iterable[Machine], now: datetime) -> list[Taken]:
    """Every address of ``network`` that an asset claims or a machine had within thirty days, in order.

    Verdicts: ``ok``; ``unseen`` (an asset has it, no machine shows it); ``unknown`` (a machine that is no asset, outside the dynamic ranges);
    ``dynamic``; ``reserved`` (in use although reserved); ``clash`` (several MAC addresses).
    """
    claimed = {address: asset.id for asset in assets for address in (asset.address, *asset.addresses) if _holds(network, address)}
    seen: dict[str, list[Machine]] = defaultdict(list)
    for machine in machines:
        if now - machine.seen <= RECENT:
            for address in machine.addresses:
                if _holds(network, address):
                    seen[address].append(machine)
    rows = [_taken(network, address, claimed.get(address, ""), seen.get(address, ())) for address in {*claimed, *seen}]
    return sorted(rows, key=lambda row: int(ipaddress.ip_address(row.address)))


def _taken(network: Network, address: str, asset: str, machines: Sequence[Machine]) -> Taken:
    owner = asset or next((machine.asset for machine in machines if machine.asset), "")
    times = [machine.seen for machine in machines]
    return Taken(address, owner, tuple(sorted(machine.mac for machine in machines)), max(times, default=None), _verdict(network, address, owner, machines))


def _verdict(network: Network, address: str, owner: str, machines: Sequence[Machine]) -> str:
    place = ipaddress.ip_address(address)
    if len(machines) > 1 and len({machine.asset or machine.mac for machine in machines}) > 1:
        return "clash"
    if not machines:
        return "unseen"
    if _within(network.reserved, place) and place != network.gateway:
        return "reserved"
    if owner:
        return "ok"
    return "dynamic" if _within(network.dynamic, place) or place == network.gateway else "unknown"


def _within(spans: Iterable[tuple[Address, Address]], address: Address) -> bool:
    return any(begin.version == address.version and int(begin) <= int(address) <= int(end) for begin, end in spans)


def _holds(network: Network, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in network.prefix
    except ValueError:
        return False


def network_body(network: Network, rows: Sequence[Taken]) -> dict[str, Any]:
    """A prefix with its use, as a document of kind "network"."""
    verdicts = Counter(row.verdict for row in rows)
    return {**network.model_dump(mode="json"), "planned": True, "size": network.size, "used": len(rows), "verdicts": dict(verdicts)}


def outside(plan: Plan, machines: Iterable[Machine], now: datetime) -> list[dict[str, Any]]:
    """Addresses in use that no prefix of the plan holds, by /24 or /64, the fullest first: bodies of documents of kind "network"."""
    found: Counter[str] = Counter()
    for machine in machines:
        for address in machine.addresses if now - machine.seen <= RECENT else ():
            place = ipaddress.ip_address(address)
            if not place.is_link_local and plan.of(address) is None:
                found[str(ipaddress.ip_network((place, _GROUP[place.version]), strict=False))] += 1
    return [
        {"prefix": prefix, "planned": False, "size": ipaddress.ip_network(prefix).num_addresses, "used": count, "verdicts": {"unknown": count}}
        for prefix, count in found.most_common(LISTED)
    ]


def vlan_bodies(plan: Plan, directory: Directory, machines: Iterable[Machine]) -> list[dict[str, Any]]:
    """Every VLAN that is planned or on a switch, as documents of kind "vlan".

    ``verdict``: ``ok``; ``unplanned`` (on switches, not in the plan, which is not empty); ``unused`` (planned, on no switch); ``names`` (switches
    call it differently).
    """
    named: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for device in directory.devices.values():
        for number, name in device.vlans.items():
            if number.isdecimal() and 1 <= int(number) <= 4094:
                named[int(number)][name].append(device.asset)
    crowd = Counter(machine.place.vlan for machine in machines if machine.place.vlan)
    planned = {network.vlan: network.name for network in plan.networks if network.vlan} | {vlan.id: vlan.name for vlan in plan.vlans}
    return [_vlan_body(number, planned, named.get(number, {}), crowd[number]) for number in sorted({*planned, *named, *crowd})]


def _vlan_body(number: int, planned: Mapping[int, str], names: Mapping[str, Sequence[str]], machines: int) -> dict[str, Any]:
    switches = sorted({switch for each in names.values() for switch in each})
    if planned and number not in planned and number != 1:
        verdict = "unplanned"
    elif number in planned and not switches and not machines:
        verdict = "unused"
    else:
        verdict = "names" if len({name.strip().lower() for name in names if name}) > 1 else "ok"
    return {"vlan": number, "name": planned.get(number, ""), "names": sorted(names), "switches": switches, "machines": machines, "verdict": verdict}
