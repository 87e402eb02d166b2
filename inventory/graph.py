"""The graph of assets: neighbours, ways between two, and what breaks when something stops.

An edge of kind ``any`` leads over one of several assets (redundant), ``all`` needs each of them. Pure: built
from assets, answers questions, knows nothing of the store.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory.asset import Asset, Ways

RELATIONS: Final = ("reached_by", "runs_on", "depends_on", "powered_by", "cooled_by", "collected_by", "connected_to", "member_of", "protected_by")
CUTTING: Final = ("reached_by", "runs_on", "depends_on", "powered_by")


@dataclass(frozen=True, slots=True)
class Edge:
    """One typed relation from ``source`` to ``target``; ``redundant`` when others could take over."""

    source: str
    relation: str
    target: str
    redundant: bool = False


@dataclass(frozen=True, slots=True)
class Impact:
    """One asset that breaks (or is weakened) because something stopped.

    ``via`` is the relation and asset that failed it, ``hops`` how far from the cause. ``lost`` False: it goes
    on, but one of its redundant ways is gone.
    """

    asset: str
    relation: str
    via: str
    hops: int
    lost: bool = True


@dataclass(frozen=True)
class Graph:
    """All assets with their relations, indexed both ways."""

    assets: Mapping[str, Asset]
    outgoing: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)
    incoming: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)

    def neighbours(self, asset: str) -> tuple[Edge, ...]:
        """Every relation that begins or ends at ``asset``."""
        return (*self.outgoing.get(asset, ()), *self.incoming.get(asset, ()))

    def path(self, start: str, end: str) -> tuple[Edge, ...] | None:
        """The fewest relations that join two assets, whatever their direction; None when none do."""
        if start == end:
            return ()
        came_by: dict[str, Edge] = {}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for edge in self.neighbours(here):
                there = edge.target if edge.source == here else edge.source
                if there == start or there in came_by:
                    continue
                came_by[there] = edge
                if there == end:
                    return _trace(came_by, start, end)
                queue.append(there)
        return None

    def impact(self, stopped: Iterable[str], relations: Iterable[str] = CUTTING) -> list[Impact]:
        """What breaks if ``stopped`` stop, nearest first; assets that only lose redundancy come with lost=False."""
        wanted = frozenset(relations)
        failed = dict.fromkeys(stopped, 0)
        weakened: dict[str, Impact] = {}
        lost: list[Impact] = []
        queue = deque(failed)
        while queue:
            here = queue.popleft()
            for edge in self.incoming.get(here, ()):
                if edge.source in failed or edge.relation not in wanted:
                    continue
                ways: Ways = getattr(self.assets[edge.source], edge.relation)
                hit = Impact(edge.source, edge.relation, here, failed[here] + 1, lost=_is_cut(ways, failed))
                if not hit.lost:
                    weakened.setdefault(edge.source, hit)
                    continue
                failed[edge.source] = hit.hops
                lost.append(hit)
                queue.append(edge.source)
        return lost + [hit.__class__(hit.asset, hit.relation, hit.via, hit.hops, lost=False) for hit in weakened.values() if hit.asset not in failed]

    def single_points(self, relations: Iterable[str] = CUTTING, at_least: int = 1) -> list[tuple[str, int]]:
        """Assets whose stop alone breaks others, with how many, most first."""
        wanted = tuple(relations)
        counted = ((asset, sum(hit.lost for hit in self.impact([asset], wanted))) for asset in self.incoming)
        return sorted(((asset, count) for asset, count in counted if count >= at_least), key=lambda pair: (-pair[1], pair[0]))


def build_graph(assets: Iterable[Asset]) -> Graph:
    """The graph of ``assets``; relations to unknown assets are left out (see ``dangling``)."""
    known = {asset.id: asset for asset in assets}
    outgoing: dict[str, list[Edge]] = defaultdict(list)
    incoming: dict[str, list[Edge]] = defaultdict(list)
    for asset in known.values():
        for edge in edges_of(asset):
            if edge.target in known:
                outgoing[edge.source].append(edge)
                incoming[edge.target].append(edge)
    return Graph(known, {k: tuple(v) for k, v in outgoing.items()}, {k: tuple(v) for k, v in incoming.items()})


def edges_of(asset: Asset) -> list[Edge]:
    """Every relation written on ``asset``, its room included."""
    edges = [
        Edge(asset.id, relation, target, redundant=len(ways.any) > 1) for relation in RELATIONS if (ways := getattr(asset, relation)) for target in ways.ids
    ]
    if asset.located_in:
        edges.append(Edge(asset.id, "located_in", asset.located_in))
    return edges


def dangling(assets: Iterable[Asset]) -> list[Edge]:
    """Relations that name an asset which does not exist."""
    known = {asset.id: asset for asset in assets}
    return [edge for asset in known.values() for edge in edges_of(asset) if edge.target not in known]


def _is_cut(ways: Ways, failed: Mapping[str, int]) -> bool:
    if ways.any and all(way in failed for way in ways.any):
        return True
    return any(way in failed for way in ways.all)


def _trace(came_by: Mapping[str, Edge], start: str, end: str) -> tuple[Edge, ...]:
    edges: list[Edge] = []
    here = end
    while here != start:
        edge = came_by[here]
        edges.append(edge)
        here = edge.source if edge.target == here else edge.target
    return tuple(reversed(edges))
