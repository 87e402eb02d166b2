"""One device read whole: profiles chosen, standard MIBs and profile rows read, twice-told rows dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from collectors.network.snmp import rows
from collectors.network.snmp.identity import identity
from collectors.network.snmp.match import SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, matching
from collectors.network.snmp.profile import Profile
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Identity, Pool, Processor, Reading, Role, Sensor
from collectors.network.snmp.standard import entity, fibre, host, links
from collectors.network.snmp.standard.interfaces import interfaces
from collectors.network.snmp.standard.neighbours import neighbours

T = TypeVar("T")
_ROLE = re.compile(r"^(?:HA|Failover) state$| role$")  # how profiles call the states that say who is active
_GROUPS = ("processors", "memory", "storage", "sensors", "states", "wireless")


def read_device(reader: Reader, profiles: Iterable[Profile], whole: bool = True, *, watch_links: bool = False, has_peers: bool = False) -> Reading:
    """Everything that the agent behind ``reader`` tells; what could not be read is in ``problems``.

    Not ``whole``: only what moves; identity, neighbours and inventory are left out, and ``profiles`` are the ones chosen before. ``watch_links``
    asks for what only rules need: aggregated links, routing neighbours, roles. ``has_peers`` when there were such neighbours before.
    """
    chosen = matching(profiles, reader) if whole else list(profiles)
    reader.fetch([SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME])
    if reader.get(SYS_DESCR) is None and reader.get(SYS_OBJECT_ID) is None and reader.problems:
        return Reading(problems=tuple(reader.problems))
    ticks = reader.number(SYS_UPTIME)
    who = identity(reader, chosen) if whole else Identity()
    ports = interfaces(reader)
    reader.fetch(oid for profile in chosen for oid in rows.scalars({group: getattr(profile, group) for group in _GROUPS}))
    without = {part for profile in chosen for part in profile.without}
    found = entity.parts(reader)
    reading = Reading(
        identity=who,
        uptime_s=None if ticks is None else ticks / 100,
        interfaces=tuple(ports),
        processors=_processors(reader, chosen, without),
        memory=_pools(reader, chosen, "memory", host.memory, without),
        storage=_pools(reader, chosen, "storage", host.storage, without),
        sensors=_sensors(reader, chosen, found, without),
        neighbours=tuple(neighbours(reader)) if whole else (),
        inventory=(*entity.inventory(found), *_each(reader, chosen, "inventory", rows.inventory)) if whole else (),
        wireless=tuple(_each(reader, chosen, "wireless", rows.wireless)),
        profiles=tuple(profile.name for profile in chosen),
        problems=tuple(reader.problems),
    )
    return _with_links(reader, reading, ticks, whole, has_peers) if watch_links else reading


def _with_links(reader: Reader, reading: Reading, ticks: float | None, whole: bool, has_peers: bool) -> Reading:
    """The reading with what is read last, since a slow device may not come to it."""
    told = [
        Role(sensor.descr, sensor.status or "unknown", int(sensor.value)) for sensor in reading.sensors if sensor.cls == "state" and _ROLE.search(sensor.descr)
    ]
    return replace(
        reading,
        links=tuple(links.links(reader, reading.interfaces, ticks)) if whole else (),
        members=links.members(reader, reading.interfaces),
        peers=tuple(links.peers(reader, has_peers)),
        roles=(*told, *links.roles(reader)),
    )


def _each(reader: Reader, chosen: Sequence[Profile], group: str, read: Callable[..., Iterable[T]]) -> Iterator[T]:
    for profile in chosen:
        for row in getattr(profile, group):
            yield from read(reader, row)


def _first(items: Iterable[T], key: Callable[[T], object]) -> tuple[T, ...]:
    """Each item whose key was not seen before: the narrowest profile speaks first."""
    kept: dict[object, T] = {}
    for item in items:
        kept.setdefault(key(item), item)
    return tuple(kept.values())


def _processors(reader: Reader, chosen: Sequence[Profile], without: AbstractSet[str]) -> tuple[Processor, ...]:
    found = list(_each(reader, chosen, "processors", rows.processors))
    standard = [] if "processors" in without and found else host.processors(reader)
    return _first([*found, *standard], lambda processor: processor.oid)


def _pools(reader: Reader, chosen: Sequence[Profile], group: str, standard: Callable[[Reader], list[Pool]], without: AbstractSet[str]) -> tuple[Pool, ...]:
    found = list(_each(reader, chosen, group, rows.pools))
    return _first([*found, *([] if group in without and found else standard(reader))], lambda pool: (pool.descr, pool.total_bytes, pool.used_bytes))


def _sensors(reader: Reader, chosen: Sequence[Profile], found: entity.Parts, without: AbstractSet[str]) -> tuple[Sensor, ...]:
    own = [*_each(reader, chosen, "sensors", rows.sensors), *_each(reader, chosen, "states", rows.states)]
    standard = [] if "sensors" in without and own else [*entity.sensors(reader, found), *host.sensors(reader), *fibre.sensors(reader)]
    return _first([*own, *standard], lambda sensor: (sensor.oid, sensor.cls))
