"""By what two sightings are known to be one device, and when they contradict each other. Pure.

Marks: serial number, LLDP chassis id, SNMP engine id (RFC 3411), the set of MAC addresses, the device's own list of addresses. One mark that
agrees and none that contradicts makes one device. One that agrees beside one that contradicts is a conflict, for people to look at: a
copied engine id, two contexts of one firewall, a serial number that lies. Nothing in conflict is ever joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Literal

from inventory.discovery.sighting import Sighting

Relation = Literal["same", "conflict", "other", "unknown"]
PLACEHOLDERS: Final = frozenset(
    {"NONE", "UNKNOWN", "DEFAULT", "NOT SPECIFIED", "SYSTEM SERIAL NUMBER", "TO BE FILLED BY O.E.M.", "0123456789", "123456789", "1234567890"}
)
SHARED_MACS: Final = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:00:00:00:", "ff:ff:ff:", "02:42:")
"""Addresses that more than one device has: VRRP (RFC 9568), HSRP, empty ones, broadcast, Docker's bridges."""
LEAST_SERIAL: Final = 4
HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Marks:
    """What a device is known by; empty where it did not say."""

    name: str = ""
    serial: str = ""
    chassis: str = ""
    engine: str = ""
    macs: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    address: str = ""

    @property
    def keys(self) -> Iterator[str]:
        """One text for each mark, to look up who shares it."""
        yield from (f"{kind}:{value}" for kind, value in (("serial", self.serial), ("chassis", self.chassis), ("engine", self.engine)) if value)
        yield from (f"mac:{mac}" for mac in self.macs)
        yield from (f"address:{address}" for address in self.own | {self.address})


def marks_of(sighting: Sighting) -> Marks:
    """The marks that a sighting carries."""
    told = sighting.snmp
    if told is None:
        return Marks(address=sighting.address)
    serial = told.serial.strip().upper()
    return Marks(
        name=told.sysname.strip().lower(),
        serial=serial if _is_serial(serial) else "",
        chassis="" if told.chassis.lower().startswith(SHARED_MACS) else told.chassis.lower(),
        engine=told.engine.lower(),
        macs=frozenset(mac for mac in told.macs if not mac.startswith(SHARED_MACS)),
        own=frozenset(told.addresses),
        address=sighting.address,
    )


def _is_serial(text: str) -> bool:
    return len(text) >= LEAST_SERIAL and text not in PLACEHOLDERS and len(set(text)) > 1


def compare(one: Marks, other: Marks, *, by_name: bool = True) -> tuple[Relation, tuple[str, ...]]:
    """How two sightings relate, and the marks that decided. ``by_name``: another name speaks against it (not over time: names change)."""
    agree: list[str] = []
    against: list[str] = []
    for kind in ("serial", "chassis", "engine"):
        mine, theirs = getattr(one, kind), getattr(other, kind)
        if mine and theirs:
            (agree if mine == theirs else against).append(kind)
    if one.macs and other.macs:
        share = len(one.macs & other.macs) / min(len(one.macs), len(other.macs))
        (agree if share >= HALF else against if share == 0 else []).append("macs")
    if other.address in one.own or one.address in other.own:
        agree.append("address")
    if by_name and one.name and other.name and one.name != other.name:
        against.append("name")
    if not agree:
        return ("other", tuple(against)) if against else ("unknown", ())
    return ("conflict", (*agree, *(f"not {kind}" for kind in against))) if against else ("same", tuple(agree))


@dataclass(frozen=True, slots=True)
class Groups:
    """Sightings by device, and pairs of addresses in conflict with what agreed and what did not."""

    devices: tuple[tuple[Sighting, ...], ...]
    conflicts: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class _Group:
    members: list[int] = field(default_factory=list)


def group(sightings: Sequence[Sighting]) -> Groups:
    """Join the sightings that are one device; those in conflict stay apart."""
    marks = [marks_of(sighting) for sighting in sightings]
    groups = [_Group([number]) for number in range(len(sightings))]
    conflicts: dict[tuple[str, str], tuple[str, ...]] = {}
    for left, right in sorted(_pairs(marks)):
        one, other = groups[left], groups[right]
        if one is other:
            continue
        relations = {(a, b): compare(marks[a], marks[b]) for a in one.members for b in other.members}
        clashes = {pair: why for pair, (relation, why) in relations.items() if relation == "conflict"}
        for (a, b), why in clashes.items():
            first, second = sorted((sightings[a].address, sightings[b].address))
            conflicts[first, second] = why
        if relations[left, right][0] == "same" and not any(relation in ("conflict", "other") for relation, _ in relations.values()):
            one.members += other.members
            for member in other.members:
                groups[member] = one
    each = {id(found): found for found in groups}.values()
    return Groups(
        tuple(tuple(sightings[number] for number in sorted(found.members)) for found in each),
        tuple((*pair, why) for pair, why in sorted(conflicts.items())),
    )


def _pairs(marks: Sequence[Marks]) -> set[tuple[int, int]]:
    """Who shares at least one mark; a mark that everybody has tells nothing and would make every pair."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(marks):
        for key in set(each.keys):
            holders[key].append(number)
    return {pair for found in holders.values() if 1 < len(found) <= 200 for pair in combinations(sorted(found), 2)}
