"""What one address said in one search. JSON in and out; all text in it came from strangers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

MAX_TEXT = 300


class Spoken(BaseModel):
    """What an SNMP agent told; ``credential`` is the name of the one that it took, never the secret."""

    model_config = ConfigDict(frozen=True)

    credential: str = ""
    version: str = "2c"
    port: int = 161
    object_id: str = ""
    descr: str = ""
    sysname: str = ""
    services: int | None = None
    vendor: str = ""
    os: str = ""
    model: str = ""
    release: str = ""
    serial: str = ""
    chassis: str = ""
    engine: str = ""
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    interfaces: int = 0
    profiles: tuple[str, ...] = ()


class Port(BaseModel):
    """An open TCP port: what it said first, or what its page is called."""

    model_config = ConfigDict(frozen=True)

    number: int
    way: str = ""
    banner: str = ""
    title: str = ""
    server: str = ""
    status: int | None = None
    names: tuple[str, ...] = ()


class Sighting(BaseModel):
    """One address that answered. ``mac`` is what this machine's kernel learned of it, a router's where one stands between.

    ``leads`` are addresses of others that it knows: where a search from seeds goes on.
    """

    model_config = ConfigDict(frozen=True)

    address: str
    time: datetime
    ping_s: float | None = None
    mac: str = ""
    snmp: Spoken | None = None
    ports: tuple[Port, ...] = ()
    leads: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ways(self) -> tuple[str, ...]:
        """By what it answered, in words of protocols."""
        found = ["ping"] if self.ping_s is not None else []
        return (*found, *(["snmp"] if self.snmp else []), *(f"{port.way or 'tcp'}/{port.number}" for port in self.ports))

    def document(self) -> dict[str, Any]:
        """As JSON data, without what is empty and without the leads."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"leads"})


def read_sighting(body: Mapping[str, Any]) -> Sighting:
    """A sighting out of its document."""
    return Sighting.model_validate(dict(body))


def short(text: str) -> str:
    """Text of a stranger, flat and bounded."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_TEXT]
