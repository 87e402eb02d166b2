"""Links over time: what was there when, what is gone, and what to keep of it. Pure; the bodies are those of documents of kind "link"."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from inventory.topology.evidence import short_port
from inventory.topology.links import End, Link

LINK: Final = "link"
SURVEY: Final = "survey"  # its one document "newest" says when the last look was and what it found
SURE: Final = 0.5  # a link that is less sure is doubtful: listed, not drawn
PATIENCE: Final = timedelta(hours=1)  # forwarding tables forget who is silent; only a link that nobody names waits so long
STALE: Final = timedelta(hours=2)
KEPT: Final = timedelta(days=190)
SPANS: Final = 50

Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Known:
    """A link with its past: the times from when to when it was there, oldest first; the last one is open (None) while it is there."""

    id: str
    link: Link
    spans: tuple[Span, ...]

    @property
    def first(self) -> datetime:
        """When it was seen for the first time that is on record."""
        return self.spans[0][0]

    @property
    def gone(self) -> datetime | None:
        """Since when it is not there any more."""
        return self.spans[-1][1]

    def was_there(self, moment: datetime) -> bool:
        """Whether it was there at ``moment``."""
        return any(since <= moment and (until is None or moment < until) for since, until in self.spans)

    def state(self, now: datetime) -> str:
        """``gone``, ``doubtful`` (the evidence speaks against it), ``stale`` (not confirmed lately) or ``there``."""
        if self.gone is not None:
            return "gone"
        if self.link.confidence < SURE:
            return "doubtful"
        return "stale" if now - self.link.seen > STALE else "there"


def fold(known: Iterable[Known], found: Iterable[Link], now: datetime) -> list[Known]:
    """What is known after ``found`` was seen; links that were gone too long are left out."""
    before = list(known)
    kept: list[Known] = []
    taken: set[str] = set()
    fresh = list(found)
    partner = _matched(before, fresh)
    for link in fresh:
        old = partner.get(link.key)
        if old is None:
            kept.append(Known(identity(link), link, ((link.seen, None),)))
            continue
        taken.add(old.id)
        spans = old.spans if old.gone is None else (*old.spans, (link.seen, None))[-SPANS:]
        kept.append(Known(old.id, link, spans))
    kept += [_missing(old, now) for old in before if old.id not in taken and (old.gone is None or now - old.gone < KEPT)]
    return kept


def _missing(old: Known, now: datetime) -> Known:
    """A link that nothing speaks for any more."""
    if old.gone is not None or (not old.link.told_by and now - old.link.seen < PATIENCE):
        return old
    return replace(old, spans=(*old.spans[:-1], (old.spans[-1][0], max(old.spans[-1][0], now))))


def _matched(before: Iterable[Known], found: Iterable[Link]) -> dict[str, Known]:
    """Key of a link -> what was known of it: the same ports, else the same assets with a port that was not known then or is not now."""
    by_key = {old.link.key: old for old in before}
    result = {link.key: by_key[link.key] for link in found if link.key in by_key}
    used = {old.id for old in result.values()}
    by_assets: dict[tuple[str, str, str], list[Known]] = defaultdict(list)
    for old in by_key.values():
        if old.id not in used:
            by_assets[_pair(old.link)].append(old)
    for link in found:
        if link.key in result:
            continue
        rest = by_assets[_pair(link)]
        fitting = next((old for old in rest if _fits(old.link.a, link.a) and _fits(old.link.b, link.b)), None)
        if fitting is not None:
            rest.remove(fitting)
            result[link.key] = fitting
    return result


def _pair(link: Link) -> tuple[str, str, str]:
    return f"{link.layer}{link.protocol}", link.a.asset, link.b.asset or link.b.name


def _fits(old: End, new: End) -> bool:
    return not old.port or not new.port or short_port(old.port) == short_port(new.port)


def identity(link: Link) -> str:
    """The id of a link's document."""
    return hashlib.sha256(link.key.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def neighbours(known: Iterable[Known]) -> dict[str, tuple[str, ...]]:
    """Asset -> the assets it is cabled to, as far as the evidence is sure."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in known:
        a, b = one.link.a.asset, one.link.b.asset
        if one.gone is None and one.link.layer == 2 and one.link.confidence >= SURE and a and b:
            found[a].add(b)
            found[b].add(a)
    return {asset: tuple(sorted(others)) for asset, others in found.items()}


def body_of(known: Known) -> dict[str, Any]:
    """As a document."""
    link = asdict(known.link)
    return {
        **link,
        "seen": known.link.seen.isoformat(),
        "spans": [[since.isoformat(), until.isoformat() if until else None] for since, until in known.spans],
        "assets": sorted({end.asset for end in known.link.ends if end.asset}),
    }


def known_of(id: str, body: Mapping[str, Any]) -> Known:
    """Out of a document; raises KeyError, TypeError or ValueError when it is none."""
    link = Link(
        a=End(**body["a"]),
        b=End(**body["b"]),
        layer=int(body["layer"]),
        sources=tuple(body["sources"]),
        confidence=float(body["confidence"]),
        seen=datetime.fromisoformat(body["seen"]),
        told_by=tuple(body["told_by"]),
        against=tuple(body["against"]),
        group=body["group"],
        vlans=tuple(body["vlans"]),
    )
    return Known(id, link, tuple((datetime.fromisoformat(since), datetime.fromisoformat(until) if until else None) for since, until in body["spans"]))
