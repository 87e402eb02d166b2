"""The discovery inbox as pages show it: candidates by state, searches and their progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from console.queries import times
from core.names import CANDIDATE, CREDENTIAL, SEARCH
from inventory.asset import Asset
from inventory.discovery.candidate import Candidate, read_candidate
from inventory.discovery.sighting import Sighting
from store.base import Document, Store
from store.filter import And, Term, Terms

STATES: Final = ("new", "changed", "gone", "known", "ignored")
SURE: Final = 0.7
"""From here on a kind is taken as it was guessed when many are taken in at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One search: what was asked, by whom, how far it is or what came of it."""

    id: str
    state: str
    by: str
    what: str
    created: datetime | None
    figures: Mapping[str, int]
    problems: tuple[str, ...]


def candidates(store: Store) -> list[Candidate]:
    """Every candidate, the newest first."""
    found: list[Candidate] = []
    cursor: str | None = None
    while True:
        page = store.documents.find(CANDIDATE, limit=1000, cursor=cursor)
        found += [read_candidate(document.body) for document in page.items]
        if (cursor := page.cursor) is None:
            return sorted(found, key=lambda one: (one.first_seen, one.id), reverse=True)


def changed_as(store: Store, asset: str) -> Candidate | None:
    """The candidate that is this asset and not as it was registered."""
    found = store.documents.find(CANDIDATE, And((Term("asset", asset), Term("state", "changed"))), limit=1).items
    return read_candidate(found[0].body) if found else None


def counts(found: Iterable[Candidate]) -> Mapping[str, int]:
    """How many stand in each state."""
    return Counter(one.state for one in found)


def matching(found: Iterable[Candidate], state: str, words: str) -> list[Candidate]:
    """Those in a state that hold every word, the surest first."""
    parts = words.lower().split()
    kept = [one for one in found if one.state == state and all(part in _text(one) for part in parts)]
    return sorted(kept, key=lambda one: (bool(one.conflicts), -one.guess.confidence, one.title.lower()))


def _text(one: Candidate) -> str:
    who = one.guess
    return " ".join((one.title, who.kind, who.vendor, who.model, who.serial, one.asset, *one.addresses, *titles(one))).lower()


def titles(one: Candidate) -> list[str]:
    """What its pages and servers call themselves."""
    return list(dict.fromkeys(text for sighting in one.sightings for port in sighting.ports for text in (port.title or port.banner,) if text))


def ways(one: Candidate) -> str:
    """By what it answered, each once."""
    return ", ".join(dict.fromkeys(way for sighting in one.sightings for way in sighting.ways))


def certain(found: Iterable[Candidate]) -> list[Candidate]:
    """New ones that may be taken in together: a kind that is sure enough, no conflict."""
    return [one for one in found if one.state == "new" and not one.conflicts and one.guess.confidence >= SURE]


def answers(one: Candidate) -> list[tuple[str, str, str]]:
    """(address, way, what it said), for the page of a candidate."""
    return [row for sighting in one.sightings for row in _said(sighting)]


def _said(sighting: Sighting) -> Iterable[tuple[str, str, str]]:
    if told := sighting.snmp:
        yield sighting.address, f"SNMP {told.version}:{told.port}", told.descr or told.object_id
    for port in sighting.ports:
        page = " · ".join(str(part) for part in (port.status, port.title, port.server, ", ".join(port.names)) if part)
        yield sighting.address, f"{port.way or 'tcp'}:{port.number}", port.banner or page
    if sighting.ping_s is not None:
        yield sighting.address, "ping", f"{sighting.ping_s * 1000:.1f} ms"


def rounds(store: Store, limit: int = 20) -> list[Round]:
    """The newest searches."""
    return [_round(document) for document in store.documents.find(SEARCH, sort="-created", limit=limit).items]


def under_way(store: Store) -> list[Round]:
    """What runs or waits."""
    return [_round(document) for document in store.documents.find(SEARCH, Terms("state", ("running", "waiting")), sort="created", limit=20).items]


def _round(document: Document) -> Round:
    body: Mapping[str, Any] = document.body
    asked = body.get("search") or {}
    what = ", ".join((*asked.get("ranges", ()), *(f"→ {seed}" for seed in asked.get("seeds", ()))))
    problems = (*([body["message"]] if body.get("message") else []), *body.get("problems", ()))
    return Round(
        id=document.id,
        state=str(body.get("state", "")),
        by=str(body.get("by", "")),
        what=f"{body['name']}: {what}" if body.get("name") else what,
        created=times.read(body.get("created")),
        figures={key: int(body[key]) for key in ("asked", "known", "found", "new", "changed", "gone") if key in body},
        problems=problems,
    )


def credentials(store: Store) -> list[str]:
    """The names of all credentials; never what is in them."""
    return [document.id for document in store.documents.find(CREDENTIAL).items]


def sites(assets: Iterable[Asset]) -> list[str]:
    """The sites that assets stand at, most of them first."""
    return [site for site, _ in Counter(asset.site for asset in assets if asset.site).most_common()]


def likely_site(one: Candidate, assets: Iterable[Asset]) -> str:
    """The site at which most assets with addresses next to it (the same /24) stand; empty when there are none."""
    nets = {address.rpartition(".")[0] for address in one.addresses if "." in address}
    near = Counter(asset.site for asset in assets if asset.site and asset.address.rpartition(".")[0] in nets)
    return near.most_common(1)[0][0] if near else ""


def words_of(text: str) -> list[str]:
    """Ranges or seeds as they are typed: parted by commas, spaces or lines."""
    return [part for part in text.replace(",", " ").replace("，", " ").split() if part]


def numbers_of(text: str) -> list[int]:
    """Ports as they are typed; what is no number is left out."""
    return [int(part) for part in words_of(text) if part.isdecimal()]


def shared(one: Candidate, every: Sequence[Candidate]) -> list[tuple[Candidate | None, str, tuple[str, ...]]]:
    """Who is in conflict with it: the other candidate where it is still known, its address, and the marks."""
    by_address = {address: other for other in every for address in other.addresses}
    return [(by_address.get(clash.address), clash.address, clash.why) for clash in one.conflicts]
