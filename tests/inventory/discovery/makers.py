"""Sightings, short to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from inventory.discovery.candidate import Candidate, Folded, fold
from inventory.discovery.sighting import Port, Sighting, Spoken

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def agent(address: str, name: str = "", **told: Any) -> Sighting:
    """A device that speaks SNMP."""
    return Sighting(address=address, time=NOW, snmp=Spoken(sysname=name, **told))


def page(address: str, title: str = "", **more: Any) -> Sighting:
    """A device with a page on port 80."""
    return Sighting(address=address, time=NOW, ports=(Port(number=80, way="http", title=title, status=200, **more),))


def searched(*sightings: Sighting, before: tuple[Candidate, ...] = (), assets: tuple[Any, ...] = (), days: int = 0, scope: str = "10.") -> Folded:
    """One search of all addresses that begin with ``scope``."""
    return fold(before, assets, sightings, lambda address: address.startswith(scope), NOW + days * DAY)
