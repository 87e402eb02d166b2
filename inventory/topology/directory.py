"""Which asset is meant by a chassis id, a MAC address, a name or an IP address. What two assets claim means neither."""

from __future__ import annotations

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
    known = {device.asset: device for device in devices}
    disputed: set[str] = set()
    by_address = _index(((address, device.asset) for device in known.values() for address in device.addresses), disputed)
    by_name = _index(((name, device.asset) for device in known.values() for name in (*device.names, plain_name(device.chassis)) if name), disputed)
    own = [(mac, device.asset) for device in known.values() for mac in {*device.macs, device.bridge} if mac and not is_virtual(mac)]
    by_mac = _index(own, disputed)
    learned: set[str] = set()
    spoken = _index(
        ((mac, by_address[address]) for device in known.values() for address, mac, _ in device.arp if address in by_address and not is_virtual(mac)), learned
    )
    return Directory(known, {**spoken, **by_mac}, by_name, by_address, frozenset(disputed))


def _index(pairs: Iterable[tuple[str, str]], disputed: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, asset in pairs:
        if found.setdefault(key, asset) != asset:
            disputed.add(key)
    return {key: asset for key, asset in found.items() if key not in disputed}
