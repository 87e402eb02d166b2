"""What the finder shows beside machines: new ones, addresses used twice, the address plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from inventory.topology.machines import Machine
from inventory.topology.places import CLASH
from store.base import Body, Store
from store.every import every

MOST: Final = 300


def read_bodies(store: Store, kind: str) -> list[Body]:
    """Documents of a kind, by id."""
    return [document.body for document in every(store.documents, kind)]


def living_clashes(store: Store) -> list[Body]:
    """IP addresses that two machines use now."""
    return [body for body in read_bodies(store, CLASH) if not body.get("ended")]


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
