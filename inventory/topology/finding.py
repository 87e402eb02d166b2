"""Where is it: machines by MAC address, IP address, name or port."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from inventory.asset import Asset
from inventory.topology.machines import MACHINE, Machine, machine_of
from store.base import Store
from store.every import every

_SEPARATORS: Final = re.compile(r"[:.\-\s]")
_PIECES: Final = re.compile(r"[0-9a-f]{6,12}")


def read_machines(store: Store) -> list[Machine]:
    """Every machine on record; what cannot be read is left out."""
    found: list[Machine] = []
    for document in every(store.documents, MACHINE, size=2000):
        with suppress(KeyError, TypeError, ValueError):
            found.append(machine_of(document.body))
    return found


def search(machines: Iterable[Machine], assets: Mapping[str, Asset], words: str) -> list[Machine]:
    """Machines that fit every word: a MAC address in any notation or a part of one, an address (also a former one), an asset's or a switch's name, a port."""
    wanted = words.lower().split()
    found = [machine for machine in machines if all(_fits(machine, assets, word) for word in wanted)]
    return sorted(found, key=lambda machine: (not _is_exact(machine, wanted), -machine.seen.timestamp(), machine.mac))


def _fits(machine: Machine, assets: Mapping[str, Asset], word: str) -> bool:
    flat = _SEPARATORS.sub("", word)
    if _PIECES.fullmatch(flat) and flat in machine.mac.replace(":", ""):
        return True
    if any(address == word or (word.endswith(".") and address.startswith(word)) for address in (*machine.addresses, *(old for old, _ in machine.formerly))):
        return True
    place = machine.place
    names = [machine.asset, place.switch, *(assets[id_].title for id_ in (machine.asset, place.switch) if id_ in assets)]
    return any(word in name.lower() for name in names if name) or word == place.port.lower()


def _is_exact(machine: Machine, words: list[str]) -> bool:
    return any(word in machine.addresses or word == machine.mac or word == machine.asset.lower() for word in words)


def line(machine: Machine) -> str:
    """One machine for a terminal: MAC address, switch, port, VLAN, addresses, asset, last sight, parted by tabs."""
    place = machine.place
    cells = (machine.mac, place.switch, place.port, str(place.vlan or ""), ",".join(machine.addresses), machine.asset, f"{machine.seen:%Y-%m-%dT%H:%MZ}")
    return "\t".join("".join(letter if letter.isprintable() else "?" for letter in cell) for cell in cells)
