"""Where is it: machines by MAC address, IP address, name or port; the address plan. Pure but for the readers at the top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from inventory.asset import Asset
from inventory.topology.machines import MACHINE, Machine, machine_of
from inventory.topology.places import CLASH
from store.base import Body, Store
from store.every import every

_SEPARATORS: Final = re.compile(r"[:.\-\s]")
_PIECES: Final = re.compile(r"[0-9a-f]{6,12}")
MOST: Final = 300


def read_machines(store: Store) -> list[Machine]:
    """Every machine on record; what cannot be read is left out."""
    found: list[Machine] = []
    for document in every(store.documents, MACHINE, size=2000):
        with suppress(KeyError, TypeError, ValueError):
            found.append(machine_of(document.body))
    return found


def read_bodies(store: Store, kind: str) -> list[Body]:
    """Documents of a kind, by id."""
    return [document.body for document in every(store.documents, kind)]


def living_clashes(store: Store) -> list[Body]:
    """IP addresses that two machines use now."""
    return [body for body in read_bodies(store, CLASH) if not body.get("ended")]


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


def newest(machines: Iterable[Machine], now: datetime, age: timedelta) -> list[Machine]:
    """Machines first seen within ``age``, the newest first; without those that a switch knew when it was first read."""
    return sorted(
        (machine for machine in machines if not machine.is_baseline and now - machine.first <= age),
        key=lambda machine: (machine.first, machine.mac),
        reverse=True,
    )


def share(body: Mapping[str, Any]) -> float:
    """How much of a prefix is in use, 0 to 100."""
    return min(100.0, 100.0 * body["used"] / body["size"]) if body.get("size") else 0.0
