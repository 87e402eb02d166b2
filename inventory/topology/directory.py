"""Which asset is meant by a chassis id, a MAC address, a name or an IP address. What two assets claim means neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from inventory.topology.evidence import Device, is_virtual, plain_name


@dataclass(frozen=True, slots=True)
class Directory:
    """Every device by what it is known by; ``disputed`` holds what more than one of them claims."""

    devices: Mapping[str, Device]
    by_mac: Mapping[str, str]
    by_name: Mapping[str, str]
    by_address: Mapping[str, str]
    disputed: frozenset[str] = field(default=frozenset())

    def who(self, name: str = "", mac: str = "") -> str:
        """The asset, by MAC address or chassis id first, then by name or address; empty when unknown or disputed."""
        return self.by_mac.get(mac) or self.by_name.get(plain_name(mac)) or self.by_name.get(plain_name(name)) or self.by_address.get(name, "")


def directory_of(devices: Iterable[Device]) -> Directory:
    """Index ``devices``; addresses in ARP tables give silent assets their MAC address."""
    known = {device.asset: device for device in sorted(devices, key=lambda device: device.asset)}  # whoever came first must not matter
    disputed: set[str] = set()
    by_address = _index(((address, device) for device in known.values() for address in device.addresses), disputed)
    by_name = _index(((name, device) for device in known.values() for name in (*device.names, plain_name(device.chassis)) if name), disputed)
    own = ((mac, device) for device in known.values() for mac in {*device.macs, device.bridge} if mac and not is_virtual(mac))
    by_mac = _index(own, disputed)
    learned = _index(((mac, known[by_address[address]]) for address, mac in _spoken(known.values()) if address in by_address), set())
    return Directory(known, {**learned, **by_mac}, by_name, by_address, frozenset(disputed))


def _spoken(devices: Iterable[Device]) -> list[tuple[str, str]]:
    """(address, MAC) out of all address tables, where they agree: an address with two MAC addresses says nothing of either."""
    found: dict[str, set[str]] = defaultdict(set)
    for device in devices:
        for address, mac, _ in device.arp:
            if not is_virtual(mac):
                found[address].add(mac)
    return [(address, next(iter(macs))) for address, macs in found.items() if len(macs) == 1]


def _index(pairs: Iterable[tuple[str, Device]], disputed: set[str]) -> dict[str, str]:
    """Key to its one claimant. A system that runs on another claimant (a page on its server) has the key from there."""
    claims: dict[str, dict[str, Device]] = defaultdict(dict)
    for key, device in pairs:
        claims[key][device.asset] = device
    found: dict[str, str] = {}
    for key, claimants in claims.items():
        owners = [asset for asset, device in claimants.items() if not device.runs_on & claimants.keys()]
        if len(owners) == 1:
            found[key] = owners[0]
        else:
            disputed.add(key)
    return found
