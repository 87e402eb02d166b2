"""From a candidate to an asset: its id, its values and how it is collected from. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from core.errors import Refused
from inventory.discovery.candidate import Candidate
from inventory.discovery.sighting import Port, Spoken

PEOPLES: Final = ("name", "kind", "site", "room", "owner", "business", "importance", "level", "tags", "reached_by", "interval")
"""What whoever takes a device in may say about it; everything else is as it was observed."""
_SLUG: Final = re.compile(r"[^a-z0-9.]+")
MAX_ID: Final = 60


def free_id(candidate: Candidate, taken: Collection[str]) -> str:
    """An id that no asset has: from the device's own name, else from its address."""
    plain = _SLUG.sub("-", candidate.guess.name.split(".")[0].lower()).strip("-.")[:MAX_ID] or candidate.addresses[0]
    number = 1
    wanted = plain
    while wanted in taken:
        number += 1
        wanted = f"{plain}-{number}"
    return wanted


def observed(candidate: Candidate) -> dict[str, Any]:
    """What the search saw, as fields of an asset."""
    who = candidate.guess
    values: dict[str, Any] = {"address": candidate.addresses[0], "addresses": list(candidate.addresses[1:])}
    values |= {field: getattr(who, field) for field in ("vendor", "model", "version", "serial") if getattr(who, field)}
    return {field: value for field, value in values.items() if value}


def told(candidate: Candidate, wanted: Mapping[str, Any], credential: str | None = None) -> dict[str, Any]:
    """What the person or rule says, over what was guessed, with the way to collect; raises Refused for a field that may not be set."""
    if unknown := set(wanted) - set(PEOPLES):
        raise Refused(f"{min(unknown)!r} cannot be set when a device is taken in; there are {', '.join(PEOPLES)}")
    values = {"name": candidate.title, "kind": candidate.guess.kind}
    values |= {field: value for field, value in wanted.items() if value not in ("", None)}
    spoken = next((sighting.snmp for sighting in candidate.sightings if sighting.snmp), None)
    name = credential if credential is not None else (spoken.credential if spoken else "")
    return {**values, "collect": ways(candidate, spoken, name), **({"credentials": {"snmp": name}} if name and spoken else {})}


def ways(candidate: Candidate, spoken: Spoken | None, credential: str = "") -> dict[str, dict[str, Any]]:
    """The collectors that suit what answered: SNMP above all; a page by HTTP; else ports, else echo."""
    sighting = next((one for one in candidate.sightings if one.snmp), candidate.sightings[0])
    found: dict[str, dict[str, Any]] = {}
    if spoken:
        found["snmp"] = _snmp(spoken, credential)
    pages = [port for port in sighting.ports if port.way in ("http", "https") and (port.status or 500) < 500]
    if pages and not spoken:
        found["http"] = {"url": _url(sighting.address, pages[0])}
    if sighting.ping_s is not None:
        found["icmp"] = {}
    if not found and sighting.ports:
        found["tcp"] = {"ports": [port.number for port in sighting.ports]}
    return found


def _snmp(spoken: Spoken, credential: str) -> dict[str, Any]:
    options: dict[str, Any] = {"version": spoken.version}
    if spoken.port != 161:
        options["port"] = spoken.port
    return {**options, "credential": credential} if credential else options


def _url(address: str, port: Port) -> str:
    usual = {"http": 80, "https": 443}[port.way]
    host = f"[{address}]" if ":" in address else address
    return f"{port.way}://{host}{'' if port.number == usual else f':{port.number}'}/"
