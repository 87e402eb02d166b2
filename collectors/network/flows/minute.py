"""Flows of one span of time (a minute) added up: conversations while it lasts, top lists and totals at its end. No I/O.

Memory is bounded: when more conversations than ``2 * MOST`` are open, the smaller half is folded into a rest that is counted, so what is
large stays exact however many small ones a scan makes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from collectors.network.flows.applications import application, serving_port
from collectors.network.flows.flow import Flow, text_of

MOST: Final = 20_000  # conversations of one exporter in one minute
TOP_TALKERS: Final = 50
TOP_CONVERSATIONS: Final = 100
TOP_APPLICATIONS: Final = 50
TOP_ZONES: Final = 100
TOP_ASSETS: Final = 500

Key = tuple[bytes, bytes, int, int]
BYTES, PACKETS, FLOWS, INPUT, OUTPUT = range(5)


@dataclass(frozen=True, slots=True)
class Total:
    """A line of a list: what it is about, bytes and packets. Of talkers and assets ``sent`` says how many of the bytes they sent."""

    names: tuple[str, ...]
    bytes: int
    packets: int
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What one exporter reported between ``start`` and ``end``. Lists hold the largest first and are cut; the totals count everything.

    talkers: (address, asset or ""); conversations: (source, destination, application, input, output); applications: (application,);
    zones: (from, to); assets: (asset,).
    """

    exporter: str
    address: str
    protocol: str
    start: datetime
    end: datetime
    rate: int
    datagrams: int
    records: int
    lost: int
    unknown: int
    bad: int
    bytes: int
    packets: int
    flows: int
    rest: int
    talkers: Sequence[Total]
    conversations: Sequence[Total]
    applications: Sequence[Total]
    zones: Sequence[Total]
    assets: Sequence[Total]


@dataclass(slots=True)
class Window:
    """What is open of one exporter."""

    conversations: dict[Key, list[int]] = field(default_factory=dict)
    bytes: int = 0
    packets: int = 0
    flows: int = 0
    rest: int = 0

    def add(self, flows: Iterable[Flow]) -> None:
        """Take in flows."""
        open_ = self.conversations
        for source, destination, protocol, source_port, destination_port, size, packets, inlet, outlet in flows:
            key = (source, destination, protocol, serving_port(protocol, source_port, destination_port))
            known = open_.get(key)
            if known is None:
                open_[key] = [size, packets, 1, inlet, outlet]
            else:
                known[BYTES] += size
                known[PACKETS] += packets
                known[FLOWS] += 1
            self.bytes += size
            self.packets += packets
            self.flows += 1
        if len(open_) > 2 * MOST:
            self._fold()

    def _fold(self) -> None:
        kept = heapq.nlargest(MOST, self.conversations.items(), key=lambda item: item[1][BYTES])
        self.rest += sum(each[BYTES] for each in self.conversations.values()) - sum(each[BYTES] for _key, each in kept)
        self.conversations = dict(kept)


@dataclass(frozen=True, slots=True)
class Lists:
    """The top lists of a window."""

    talkers: list[Total]
    conversations: list[Total]
    applications: list[Total]
    zones: list[Total]
    assets: list[Total]


Sums = dict[tuple[str, ...], list[int]]


def lists_of(window: Window, asset_of: Callable[[str], str], zone_of: Callable[[str], str]) -> Lists:
    """Add up by address, application, pair of zones and asset; every address is looked up once."""
    ends: dict[bytes, tuple[str, str, str]] = {}
    uses: dict[tuple[int, int], tuple[str]] = {}
    talkers, applications, zones, assets = Sums(), Sums(), Sums(), Sums()
    for (source, destination, protocol, port), (size, packets, *_rest) in window.conversations.items():
        for end in (source, destination):
            if end not in ends:
                address = text_of(end)
                ends[end] = (address, asset_of(address), zone_of(address))
        if (protocol, port) not in uses:
            uses[protocol, port] = (application(protocol, port),)
        (first, first_asset, first_zone), (second, second_asset, second_zone) = ends[source], ends[destination]
        _add(talkers, (first, first_asset), size, packets, size)
        _add(talkers, (second, second_asset), size, packets, 0)
        _add(applications, uses[protocol, port], size, packets, 0)
        _add(zones, (first_zone, second_zone), size, packets, 0)
        if first_asset:
            _add(assets, (first_asset,), size, packets, size)
        if second_asset and second_asset != first_asset:
            _add(assets, (second_asset,), size, packets, 0)
    return Lists(
        talkers=_top(talkers, TOP_TALKERS),
        conversations=_conversations(window, ends),
        applications=_top(applications, TOP_APPLICATIONS),
        zones=_top(zones, TOP_ZONES),
        assets=_top(assets, TOP_ASSETS),
    )


def _add(sums: Sums, key: tuple[str, ...], size: int, packets: int, sent: int) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = [size, packets, sent]
    else:
        known[0] += size
        known[1] += packets
        known[2] += sent


def _top(sums: Sums, most: int) -> list[Total]:
    largest = heapq.nlargest(most, sums.items(), key=lambda item: item[1][0])
    return [Total(names, size, packets, sent) for names, (size, packets, sent) in largest]


def _conversations(window: Window, ends: dict[bytes, tuple[str, str, str]]) -> list[Total]:
    largest = heapq.nlargest(TOP_CONVERSATIONS, window.conversations.items(), key=lambda item: item[1][BYTES])
    return [
        Total((ends[source][0], ends[destination][0], application(protocol, port), str(v[INPUT] or ""), str(v[OUTPUT] or "")), v[BYTES], v[PACKETS])
        for (source, destination, protocol, port), v in largest
    ]
