"""Machines by MAC address: where each is, which addresses it has, and where it was before. Pure; bodies of documents of kind "machine"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from inventory.topology.places import Place

MACHINE: Final = "machine"
EDGE: Final = 0.3  # a place no surer than this is only the way towards the machine
KEPT: Final = timedelta(days=190)
STAYS: Final = 30
FORMERLY: Final = 20
LOST: Final = timedelta(hours=6)  # after so long an uplink is a better answer than a port where it was


@dataclass(frozen=True, slots=True)
class Stay:
    """One port, from when to when (None: still); ``seen`` is when it was last seen at this very port."""

    switch: str
    port: str
    vlan: int
    since: datetime
    seen: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One MAC address: the asset it belongs to (if any), its IP addresses now and before (with the time of the change), its stays, oldest first.

    ``is_baseline``: it was there when its switch was read for the first time, so nobody knows since when.
    """

    mac: str
    first: datetime
    seen: datetime
    asset: str = ""
    addresses: tuple[str, ...] = ()
    formerly: tuple[tuple[str, datetime], ...] = ()
    stays: tuple[Stay, ...] = ()
    confidence: float = 0.0
    others: tuple[tuple[str, str], ...] = ()
    is_baseline: bool = False

    @property
    def place(self) -> Stay:
        """Where it is, or was last."""
        return self.stays[-1]


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at all forwarding tables brought: every machine as it is now, and the MAC addresses never seen before."""

    machines: Mapping[str, Machine]
    new: tuple[str, ...]


def fold(known: Mapping[str, Machine], found: Mapping[str, Place], addresses: Mapping[str, tuple[str, ...]], owners: Mapping[str, str], now: datetime) -> Round:
    """``found`` and ``addresses`` by MAC address, ``owners`` from MAC address to asset. A MAC address of a switch that was never read before is not news."""
    read_before = {machine.place.switch for machine in known.values()} | {stay.switch for machine in known.values() for stay in machine.stays}
    result = {mac: machine for mac, machine in known.items() if now - machine.seen < KEPT}
    new: list[str] = []
    for mac, place in found.items():
        old, is_baseline = result.get(mac), place.switch not in read_before
        if old is None:
            stay = Stay(place.switch, place.port, place.vlan, place.seen, place.seen)
            result[mac] = Machine(
                mac=mac,
                first=place.seen,
                seen=place.seen,
                asset=owners.get(mac, ""),
                addresses=addresses.get(mac, ()),
                stays=(stay,),
                confidence=place.confidence,
                others=place.others,
                is_baseline=is_baseline,
            )
            if not is_baseline and place.confidence > EDGE:
                new.append(mac)
        else:
            result[mac] = _seen_again(old, place, addresses.get(mac, ()), owners.get(mac, ""))
    return Round(result, tuple(sorted(new)))


def _seen_again(old: Machine, place: Place, addresses: tuple[str, ...], asset: str) -> Machine:
    moved = _moved(old, place)
    given = addresses or old.addresses  # an address table forgets sooner than a machine gives its address up
    gone = tuple((address, place.seen) for address in old.addresses if address not in given)
    return replace(moved, seen=max(old.seen, place.seen), asset=asset or old.asset, addresses=given, formerly=(*old.formerly, *gone)[-FORMERLY:])


def _moved(old: Machine, place: Place) -> Machine:
    last = old.place
    if (last.switch, last.port) == (place.switch, place.port):
        stay = replace(last, vlan=place.vlan or last.vlan, seen=place.seen)
        return replace(old, stays=(*old.stays[:-1], stay), confidence=place.confidence, others=place.others)
    if place.confidence <= EDGE < old.confidence and place.seen - last.seen < LOST:
        return old
    if place.confidence <= EDGE >= old.confidence:  # still only known behind something: no move worth a line
        return replace(old, stays=(*old.stays[:-1], Stay(place.switch, place.port, place.vlan, last.since, place.seen)), others=place.others)
    stays = (*old.stays[:-1], replace(last, until=place.seen), Stay(place.switch, place.port, place.vlan, place.seen, place.seen))
    return replace(old, stays=stays[-STAYS:], confidence=place.confidence, others=place.others)


def is_news(old: Machine | None, new: Machine, every: timedelta) -> bool:
    """Whether ``new`` is worth writing: more than times of the last sight differ, or those by ``every``."""
    if old is None or new.seen - old.seen >= every:
        return True
    stays = (*new.stays[:-1], replace(new.place, seen=old.place.seen))
    return replace(new, seen=old.seen, stays=stays) != old


def body_of(machine: Machine) -> dict[str, Any]:
    """As a document; ``switch`` and ``port`` stand outside for searches."""
    body = asdict(machine)
    body |= {"first": machine.first.isoformat(), "seen": machine.seen.isoformat(), "switch": machine.place.switch, "port": machine.place.port}
    body["formerly"] = [[address, time.isoformat()] for address, time in machine.formerly]
    body["stays"] = [_stay_body(stay) for stay in machine.stays]
    return body


def machine_of(body: Mapping[str, Any]) -> Machine:
    """Out of a document; raises KeyError, TypeError or ValueError when it is none."""
    return Machine(
        mac=body["mac"],
        first=datetime.fromisoformat(body["first"]),
        seen=datetime.fromisoformat(body["seen"]),
        asset=body["asset"],
        addresses=tuple(body["addresses"]),
        formerly=tuple((address, datetime.fromisoformat(time)) for address, time in body["formerly"]),
        stays=tuple(_stay(stay) for stay in body["stays"]),
        confidence=float(body["confidence"]),
        others=tuple((switch, port) for switch, port in body["others"]),
        is_baseline=bool(body.get("is_baseline")),
    )


def _stay_body(stay: Stay) -> dict[str, Any]:
    until = stay.until.isoformat() if stay.until else None
    return {**asdict(stay), "since": stay.since.isoformat(), "seen": stay.seen.isoformat(), "until": until}


def _stay(body: Mapping[str, Any]) -> Stay:
    since, seen = datetime.fromisoformat(body["since"]), datetime.fromisoformat(body["seen"])
    until = datetime.fromisoformat(body["until"]) if body["until"] else None
    return Stay(body["switch"], body["port"], int(body["vlan"]), since, seen, until)
