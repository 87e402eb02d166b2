"""What a search leaves behind: candidates, one for each device that was ever sighted, folded from search to search. Pure.

State of a candidate: ``new`` (nobody has looked at it), ``known`` (it is an asset), ``changed`` (something about it is not as it was or not as
the book says), ``gone`` (its addresses were searched and stayed silent), ``ignored`` (a person or a rule set it aside).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from inventory.asset import Asset
from inventory.discovery.guess import Guess, guess
from inventory.discovery.marks import Marks, compare, group, marks_of
from inventory.discovery.sighting import Sighting

State = Literal["new", "known", "changed", "gone", "ignored"]
GONE_AFTER: Final = 2
WATCHED: Final = ("name", "vendor", "model", "version", "serial")
OF_ASSET: Final = ("vendor", "model", "serial")
MAX_DIFFERENCES: Final = 20
MAX_CLASHES: Final = 20


class Difference(BaseModel):
    """One thing that is not as it was (or as the book says)."""

    model_config = ConfigDict(frozen=True)

    field: str
    before: str
    after: str
    time: datetime


class Clash(BaseModel):
    """Another candidate that shares a mark with this one and contradicts it in another."""

    model_config = ConfigDict(frozen=True)

    address: str
    why: tuple[str, ...]


class Candidate(BaseModel):
    """One device that was sighted."""

    model_config = ConfigDict(frozen=True)

    id: str
    guess: Guess
    sightings: tuple[Sighting, ...]
    first_seen: datetime
    last_seen: datetime
    missed: int = 0
    asset: str = ""
    by: str = ""
    differences: tuple[Difference, ...] = ()
    conflicts: tuple[Clash, ...] = ()
    ignored_by: str = ""
    why: str = ""

    @property
    def state(self) -> State:
        """Where it stands in the inbox."""
        if self.ignored_by:
            return "ignored"
        if self.missed >= GONE_AFTER:
            return "gone"
        if self.differences:
            return "changed"
        return "known" if self.asset else "new"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses at which it answered."""
        return tuple(sighting.address for sighting in self.sightings)

    @property
    def title(self) -> str:
        """What to call it: its own name, else its address."""
        return self.guess.name or self.addresses[0]

    def document(self) -> dict[str, Any]:
        """As JSON data; ``state`` stands beside it so that the store can find by it."""
        body = self.model_dump(mode="json", exclude_defaults=True, exclude={"sightings"})
        return {**body, "state": self.state, "sightings": [sighting.document() for sighting in self.sightings], "seen": self.last_seen.isoformat()}


def read_candidate(body: Mapping[str, Any]) -> Candidate:
    """A candidate out of its document."""
    return Candidate.model_validate(dict(body))


@dataclass(frozen=True, slots=True)
class Folded:
    """The candidates that are not as they were, and what is worth telling: (``found``, ``changed``, ``gone`` or ``back``, candidate)."""

    candidates: tuple[Candidate, ...]
    told: tuple[tuple[str, Candidate], ...]


class Seen(BaseModel):
    """A device of this search, before it is matched."""

    model_config = ConfigDict(frozen=True)

    sightings: tuple[Sighting, ...]
    clashes: tuple[Clash, ...] = Field(default=())


def fold(before: Sequence[Candidate], assets: Iterable[Asset], sightings: Sequence[Sighting], searched: Callable[[str], bool], now: datetime) -> Folded:
    """The candidates after a search of the addresses for which ``searched`` holds."""
    book = _Book(assets)
    groups = group(sightings)
    free = _Free(before)
    seen = [Seen(sightings=_ordered(device), clashes=_clashes(device, groups.conflicts)) for device in groups.devices]
    after: list[Candidate] = []
    told: list[tuple[str, Candidate]] = []
    unmatched: list[Seen] = []
    for match in (_by_marks, _by_address):  # all by marks first: a device that moved must not lose its place to who took its address
        unmatched, rest = [], seen
        for device in rest:
            old = match(device, free.sharing(device))
            if old is None:
                unmatched.append(device)
                continue
            free.drop(old)
            fresh = _again(old, device, book, now, searched)
            after.append(fresh)
            told += _telling(old, fresh)
        seen = unmatched
    for device in unmatched:
        fresh = _first(device, book, now)
        after.append(fresh)
        told.append(("found", fresh))
    for old in free:
        if any(searched(address) for address in old.addresses):
            missed = old.model_copy(update={"missed": old.missed + 1})
            after.append(missed)
            told += _telling(old, missed)
    return Folded(tuple(after), tuple(told))


class _Free:
    """Candidates that no device of the search was matched with yet, by the marks they carry."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._left = {candidate.id: candidate for candidate in candidates}
        self._holders: dict[str, dict[str, None]] = {}
        for candidate in self._left.values():
            for sighting in candidate.sightings:
                for key in marks_of(sighting).keys:
                    self._holders.setdefault(key, {})[candidate.id] = None

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._left.values())

    def drop(self, candidate: Candidate) -> None:
        del self._left[candidate.id]

    def sharing(self, device: Seen) -> list[Candidate]:
        """Those that share any mark or address with a device."""
        keys = (key for sighting in device.sightings for key in marks_of(sighting).keys)
        found = dict.fromkeys(name for key in keys for name in self._holders.get(key, ()))
        return [self._left[name] for name in found if name in self._left]


def _telling(old: Candidate, fresh: Candidate) -> list[tuple[str, Candidate]]:
    if old.state == fresh.state or "ignored" in (old.state, fresh.state):
        return []
    what = {"gone": "gone", "changed": "changed"}.get(fresh.state, "back" if old.state == "gone" else "")
    return [(what, fresh)] if what else []


def _clashes(device: Sequence[Sighting], conflicts: Iterable[tuple[str, str, tuple[str, ...]]]) -> tuple[Clash, ...]:
    own = {sighting.address for sighting in device}
    found = [(right if left in own else left, why) for left, right, why in conflicts if (left in own) != (right in own)]
    return tuple(Clash(address=address, why=why) for address, why in found[:MAX_CLASHES])


def _ordered(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """The address at which it tells most first, then by number: a device is called by the same one every time."""
    return tuple(sorted(sightings, key=lambda one: (one.snmp is None, not one.ports, ip_address(one.address).version, int(ip_address(one.address)))))


def _by_marks(device: Seen, free: Iterable[Candidate]) -> Candidate | None:
    marks = [marks_of(sighting) for sighting in device.sightings]
    for candidate in free:
        relations = [compare(one, other, by_name=False)[0] for one in marks for other in map(marks_of, candidate.sightings)]
        if "same" in relations and not {"conflict", "other"} & set(relations):
            return candidate
    return None


def _by_address(device: Seen, free: Iterable[Candidate]) -> Candidate | None:
    """At the same address, unless its marks say that another device answers there now; the same name outweighs that (a part was replaced)."""
    own = {sighting.address: marks_of(sighting) for sighting in device.sightings}
    for candidate in free:
        for sighting in candidate.sightings:
            if sighting.address in own and _may_be(own[sighting.address], marks_of(sighting)):
                return candidate
    return None


def _may_be(one: Marks, other: Marks) -> bool:
    relation, _ = compare(one, other, by_name=False)
    return relation in ("same", "unknown") or (bool(one.name) and one.name == other.name)


def _first(device: Seen, book: _Book, now: datetime) -> Candidate:
    address = device.sightings[0].address
    who = _guess(device.sightings)
    asset = book.find(device.sightings, who)
    return Candidate(
        id="d" + hashlib.sha256(f"{address} {now.isoformat()}".encode()).hexdigest()[:12],
        guess=who,
        sightings=device.sightings,
        first_seen=now,
        last_seen=now,
        asset=asset.id if asset else "",
        differences=_against(asset, who, now),
        conflicts=device.clashes,
    )


def _again(old: Candidate, device: Seen, book: _Book, now: datetime, searched: Callable[[str], bool]) -> Candidate:
    """The candidate after it was seen once more; addresses outside the search stay."""
    here = {sighting.address for sighting in device.sightings}
    kept = tuple(sighting for sighting in old.sightings if sighting.address not in here and not searched(sighting.address))
    who = _guess((*device.sightings, *kept))
    asset = book.get(old.asset) or book.find(device.sightings, who)
    news = {one.field: one for one in (*old.differences, *_against(asset, who, now), *_since(old.guess, who, now))}
    return old.model_copy(
        update={
            "guess": _kept(old.guess, who),
            "sightings": _ordered((*device.sightings, *kept)),
            "last_seen": now,
            "missed": 0,
            "asset": asset.id if asset else "",
            "differences": tuple(news.values())[:MAX_DIFFERENCES],
            "conflicts": device.clashes,
        }
    )


def _guess(sightings: Sequence[Sighting]) -> Guess:
    """The best of what the addresses of one device tell."""
    found = [guess(sighting) for sighting in sightings]
    return max(found, key=lambda one: (bool(one.serial or one.model), one.confidence))


def _kept(old: Guess, fresh: Guess) -> Guess:
    """What a device once told about itself stays when it does not answer the question this time."""
    if fresh.of or not old.of:
        return fresh
    return old


def _since(old: Guess, fresh: Guess, now: datetime) -> list[Difference]:
    pairs = ((field, getattr(old, field), getattr(fresh, field)) for field in WATCHED)
    return [Difference(field=field, before=was, after=now_is, time=now) for field, was, now_is in pairs if was and now_is and was != now_is]


def _against(asset: Asset | None, who: Guess, now: datetime) -> tuple[Difference, ...]:
    """What the book says otherwise."""
    if asset is None:
        return ()
    pairs = [(field, str(getattr(asset, field)), str(getattr(who, field))) for field in OF_ASSET if who.of.get(field, 0) >= 0.9]
    return tuple(
        Difference(field=field, before=book, after=found, time=now) for field, book, found in pairs if book and found and book.lower() != found.lower()
    )


class _Book:
    """Assets by what they can be recognised by."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._by_id = {asset.id: asset for asset in assets}
        self._by_address: dict[str, Asset] = {}
        self._by_serial: dict[str, Asset] = {}
        for asset in self._by_id.values():
            for address in (asset.address, *asset.addresses):
                self._claim(address, asset)
            if asset.serial:
                self._by_serial.setdefault(asset.serial.upper(), asset)

    def _claim(self, address: str, asset: Asset) -> None:
        """What runs on a machine often names its address too; the machine comes first."""
        there = self._by_address.get(address)
        if address and (there is None or asset.id in there.runs_on.ids):
            self._by_address[address] = asset

    def get(self, id: str) -> Asset | None:
        return self._by_id.get(id)

    def find(self, sightings: Sequence[Sighting], who: Guess) -> Asset | None:
        """By serial number, then by address."""
        serials = [marks.serial for marks in map(marks_of, sightings) if marks.serial]
        by_serial = (self._by_serial.get(serial) for serial in (*serials, who.serial.upper()) if serial)
        by_address = (self._by_address.get(sighting.address) for sighting in sightings)
        return next((asset for asset in (*by_serial, *by_address) if asset), None)
