"""Traffic totals as documents of kind "flows": one per exporter and minute, hour and day, each with its lists of the largest.

A minute is added to the three spans it lies in, once: what is offered again (``start`` before ``end`` of what is there) changes nothing.
Lists are cut, so a sum over many spans is exact for what is always large and a lower bound for the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.errors import Conflict, NotFound
from core.records import utc
from store.base import ABSENT, Body, Document, Documents
from store.filter import And, Filter, Range, Term

KIND: Final = "flows"
SPANS: Final[Mapping[str, timedelta]] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
KEPT: Final[Mapping[str, timedelta]] = {"minute": timedelta(hours=6), "hour": timedelta(days=60), "day": timedelta(days=400)}
LONGEST_LIST: Final[Mapping[str, int]] = {"minute": 100, "hour": 200, "day": 300}
LISTS: Final = ("talkers", "conversations", "applications", "zones", "assets")
COUNTS: Final = ("datagrams", "records", "lost", "unknown", "bad", "bytes", "packets", "flows", "rest")
_TRIES: Final = 5
_PAGE: Final = 500


class Line(NamedTuple):
    """One line of a list; ``sent`` is the part of ``bytes`` that a talker or asset sent.

    talkers: (address, asset or ""); conversations: (source, destination, application, input, output); applications: (application,);
    zones: (from, to); assets: (asset,).
    """

    names: tuple[str, ...]
    bytes: int
    packets: int
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one exporter (``exporter`` is an asset's id or an address) reported from ``start`` until ``end``."""

    exporter: str
    address: str
    protocol: str
    start: datetime
    end: datetime
    rate: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Line]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """All of it, also what stands in no list."""
        return self.counts.get("bytes", 0)


def added(parts: Sequence[Traffic], most: int) -> Traffic:
    """The sum of parts of one exporter (at least one), lists cut to ``most`` lines."""
    newest = max(parts, key=lambda part: part.end)
    return replace(
        newest,
        start=min(part.start for part in parts),
        counts={name: sum(part.counts.get(name, 0) for part in parts) for name in COUNTS},
        lists={name: _longest(_summed(line for part in parts for line in part.lists.get(name, ())), most) for name in LISTS},
    )


def across(exporters: Iterable[Traffic]) -> dict[str, list[Line]]:
    """One set of lists for several exporters: traffic that several of them saw counts once, as the one that saw most of it says."""
    found: dict[str, dict[tuple[str, ...], Line]] = {name: {} for name in LISTS}
    for traffic in exporters:
        for name in LISTS:
            for line in _without_interfaces(name, traffic.lists.get(name, ())):
                before = found[name].get(line.names)
                if before is None or line.bytes > before.bytes:
                    found[name][line.names] = line
    return {name: sorted(lines.values(), key=lambda line: -line.bytes) for name, lines in found.items()}


def _without_interfaces(name: str, lines: Sequence[Line]) -> Iterable[Line]:
    """Interfaces are each exporter's own."""
    return _summed(line._replace(names=line.names[:3]) for line in lines) if name == "conversations" else lines


def _summed(lines: Iterable[Line]) -> list[Line]:
    sums: dict[tuple[str, ...], Line] = {}
    for line in lines:
        known = sums.get(line.names)
        sums[line.names] = Line(line.names, known.bytes + line.bytes, known.packets + line.packets, known.sent + line.sent) if known else line
    return list(sums.values())


def _longest(lines: list[Line], most: int) -> list[Line]:
    return sorted(lines, key=lambda line: -line.bytes)[:most]


def save_traffic(documents: Documents, traffic: Traffic) -> None:
    """Add what one exporter reported to its minute, hour and day."""
    for span in SPANS:
        for _ in range(_TRIES):
            try:
                _add(documents, span, traffic)
                break
            except Conflict:
                continue
        else:
            raise Conflict(f"the {span} of flows of {traffic.exporter} was written by somebody else again and again")


def read_traffic(documents: Documents, since: datetime, until: datetime, exporter: str = "") -> list[Traffic]:
    """Per exporter the sum over [since, until), the largest first; in minutes up to two hours, in hours up to three days, else in days."""
    length = until - since
    span = "minute" if length <= timedelta(hours=2) else "hour" if length <= timedelta(days=3) else "day"
    parts: list[Filter] = [Term("span", span), Range("start", gte=_begin(span, since).isoformat(), lt=utc(until).isoformat())]
    if exporter:
        parts.append(Term("exporter", exporter))
    by_exporter: dict[str, list[Traffic]] = {}
    for document in _all(documents, And(tuple(parts))):
        traffic = _traffic(document.body)
        by_exporter.setdefault(traffic.exporter, []).append(traffic)
    return sorted((added(found, LONGEST_LIST["day"]) for found in by_exporter.values()), key=lambda traffic: -traffic.bytes)


def prune_traffic(documents: Documents, now: datetime) -> int:
    """Delete what is past its age; returns how many documents."""
    count = 0
    for span, age in KEPT.items():
        where = And((Term("span", span), Range("start", lt=utc(now - age).isoformat())))
        for document in list(_all(documents, where)):
            try:
                documents.delete(KIND, document.id)
            except NotFound:
                continue
            count += 1
    return count


def _all(documents: Documents, where: Filter) -> Iterable[Document]:
    cursor: str | None = None
    while True:
        page = documents.find(KIND, where, sort="start", limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _begin(span: str, time: datetime) -> datetime:
    """The start of the span that ``time`` lies in, in UTC."""
    begin = utc(time).replace(second=0, microsecond=0)
    if span != "minute":
        begin = begin.replace(minute=0)
    return begin.replace(hour=0) if span == "day" else begin


def _add(documents: Documents, span: str, traffic: Traffic) -> None:
    begin = _begin(span, traffic.start)
    name = f"{span}/{begin.isoformat()}/{traffic.exporter}"
    try:
        there: Document | None = documents.get(KIND, name)
    except NotFound:
        there = None
    before = _traffic(there.body) if there else None
    if before is not None and traffic.start < before.end:
        return
    whole = added([before, traffic] if before else [traffic], LONGEST_LIST[span])
    documents.put(KIND, name, _body(span, replace(whole, start=begin)), there.version if there else ABSENT)


def _body(span: str, traffic: Traffic) -> Body:
    return {
        "span": span,
        "exporter": traffic.exporter,
        "address": traffic.address,
        "protocol": traffic.protocol,
        "start": utc(traffic.start).isoformat(),
        "end": utc(traffic.end).isoformat(),
        "rate": traffic.rate,
        "counts": dict(traffic.counts),
        "lists": json.dumps(traffic.lists, ensure_ascii=False, separators=(",", ":")),  # one text: nobody searches in it
    }


def _traffic(body: Body) -> Traffic:
    lists = {name: [Line(tuple(names), *numbers) for names, *numbers in lines] for name, lines in json.loads(body["lists"]).items()}
    return Traffic(
        exporter=body["exporter"],
        address=body["address"],
        protocol=body["protocol"],
        start=datetime.fromisoformat(body["start"]),
        end=datetime.fromisoformat(body["end"]),
        rate=body["rate"],
        counts=body["counts"],
        lists=lists,
    )
