"""Zones: in which one each asset lies, what stands between it and the outside, and what passes the border of a zone. Pure.

The zones are those of the site's address plan; a protection object may put assets without an address of the plan into one by hand.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from compliance.measured.records import class_of
from compliance.measured.sources import Source
from compliance.objects import ProtectionObject
from inventory.asset import Asset
from inventory.graph import Graph, build_graph
from inventory.networks import Plan, Prefix, Zone

KIND: Final = "zone.record"
PLACED: Final = frozenset({"network", "host", "other"})
"""Classes of assets that lie in a zone; a room, a UPS or a business system does not, unless it has an address of the plan."""
FILTERS: Final = frozenset({"firewall", "gap", "utm"})
"""Kinds that part networks; another asset that does (a switch with rules between its VLANs) carries the tag."""
FILTERS_TAG: Final = "filters"
OUTSIDE_KINDS: Final = frozenset({"internet", "carrier", "isp", "wan"})
WIRED: Final = frozenset({"reached_by", "connected_to", "runs_on", "member_of"})
LISTED: Final = 20
NO_ZONE: Final = "none\t\t\t\t\t\t\n"


def is_declared(plan: Plan, objects: Iterable[ProtectionObject] = ()) -> bool:
    """Whether the site says anything of zones at all."""
    return bool(plan.zones) or any(network.zone for network in plan.networks) or any(one.zones for one in objects)


def zones_of(asset: Asset, plan: Plan, objects: Iterable[ProtectionObject]) -> dict[str, Zone]:
    """The zones that an asset lies in, by its address and by hand; one is as it should be.

    The first address counts: further ones of a firewall or a router lie in every zone that it joins, as they must.
    """
    found = [zone for address in (asset.address or next(iter(asset.addresses), ""),) if address and (zone := plan.zone_of(address))]
    found += [plan.zone(zone.name) for one in objects for zone in one.zones if asset.id in zone.assets]
    return {zone.name: zone for zone in found}


def is_placed(asset: Asset) -> bool:
    """Whether an asset ought to lie in a zone."""
    return class_of(asset.kind) in PLACED


def texts(
    assets: Sequence[Asset], plan: Plan, objects: Sequence[ProtectionObject], sources: Callable[[str], Sequence[Source]] = lambda _asset: ()
) -> dict[str, str]:
    """Asset -> text; empty for what lies in no zone by its nature, and for all when the site declares no zones.

    ``sources`` are the networks from which a device lets itself be managed; none where that is not known.
    """
    if not is_declared(plan, objects):
        return {asset.id: "" for asset in assets}
    placed = {asset.id: zones_of(asset, plan, objects) for asset in assets}
    border = _border(assets, placed, objects)
    management = [network.prefix for network in plan.networks if network.zone and plan.zone(network.zone).role == "management"]
    found = {asset.id: _text(asset, placed[asset.id], border) for asset in assets}
    for asset in assets if management else ():
        if found[asset.id] and class_of(asset.kind) == "network":
            found[asset.id] += _table(_managed(asset, placed[asset.id], management, sources(asset.id)))
    return found


def _text(asset: Asset, zones: Mapping[str, Zone], border: Border) -> str:
    if not is_placed(asset) and not zones:
        return ""
    rows = [("asset", asset.kind, asset.address)]
    rows += [("zone", zone.name, zone.role) for zone in sorted(zones.values(), key=lambda zone: zone.name)]
    if any(zone.role == "important" for zone in zones.values()):
        rows.append(("guard", *border.guard(asset)))
    return _table(rows)


def _managed(asset: Asset, zones: Mapping[str, Zone], management: Iterable[Prefix], sources: Sequence[Source]) -> Iterator[tuple[str, str, str]]:
    """Whether a device is managed in the management zone, and whether it lets nobody else in (no row where its configuration does not tell)."""
    inside = any(zone.role == "management" for zone in zones.values())
    yield "management", "yes" if inside else "no" if asset.address else "unclear", asset.address
    stray = [str(one) for one in sources if not any(_lies_in(one, prefix) for prefix in management)]
    if sources:
        yield "sources", "no" if stray else "yes", " ".join((stray or [str(one) for one in sources])[:LISTED])


def _lies_in(source: Source, prefix: Prefix) -> bool:
    return source.version == prefix.version and source.prefixlen >= prefix.prefixlen and source.network_address in prefix


@dataclass(frozen=True, slots=True)
class Border:
    """``bare`` are assets with the asset that traffic from outside comes from without having passed a filter, ``filtered`` those behind one."""

    graph: Graph
    filters: frozenset[str]
    bare: Mapping[str, str]
    filtered: Mapping[str, str]

    def guard(self, asset: Asset) -> tuple[str, str]:
        """``yes``, ``no`` or ``unclear``, and the way that shows it.

        A bare way is a fault only where no filter hangs beside it: one whose cables all end on the bare side may well be sent the packets by the switch
        that it hangs on, which a graph of cables does not tell.
        """
        guards = [name for name in asset.protected_by.ids if name in self.filters]
        if asset.id in self.bare:
            way = self._way(asset.id, self.bare)
            beside = sorted({*self._beside(way), *guards})
            shown = " > ".join(way)
            return ("unclear", f"{shown} | {' '.join(beside)}") if beside else ("no", shown)
        if guards:
            return "yes", f"protected_by {' '.join(guards)}"
        if asset.id in self.filtered:
            way = self._way(asset.id, self.filtered)
            return "unclear" if self._may_be_outside(way) else "yes", " > ".join(way)
        return "unclear", "no way from the outside is known"

    def _may_be_outside(self, way: Sequence[str]) -> bool:
        """Whether a way that begins at a filter may lead out of it: behind a router, which often stands on the far side, one cannot tell."""
        return way[0] in self.filters and len(way) > 1 and self.graph.assets[way[1]].kind == "router"

    def _beside(self, way: Sequence[str]) -> list[str]:
        near = {*way, *(name for step in way for name in _wired(self.graph, step))}
        return [name for name in self.filters if (ends := set(_wired(self.graph, name))) & near and ends <= self.bare.keys()]

    def _way(self, asset: str, came: Mapping[str, str]) -> list[str]:
        way, here = [asset], asset
        while came[here]:
            here = came[here]
            way.append(here)
        return way[::-1]


def _border(assets: Sequence[Asset], placed: Mapping[str, Mapping[str, Zone]], objects: Iterable[ProtectionObject]) -> Border:
    graph = build_graph(assets)
    filters = frozenset(asset.id for asset in assets if asset.kind in FILTERS or FILTERS_TAG in asset.tags)
    edge = {name for one in objects for name in one.boundary}
    outside = {asset.id for asset in assets if asset.kind in OUTSIDE_KINDS or asset.id in edge or any(z.role == "outside" for z in placed[asset.id].values())}
    return Border(graph, filters, _spread(graph, outside - filters, filters), _spread(graph, outside, frozenset()))


def _spread(graph: Graph, start: Iterable[str], stop: frozenset[str]) -> dict[str, str]:
    """Every asset that is reached from ``start`` without going through one of ``stop``, with the one before it on a shortest way."""
    came = dict.fromkeys(sorted(name for name in start if name in graph.assets), "")
    queue = deque(came)
    while queue:
        here = queue.popleft()
        for there in _wired(graph, here):
            if there not in came and there not in stop:
                came[there] = here
                queue.append(there)
    return came


def _wired(graph: Graph, asset: str) -> list[str]:
    """What an asset is joined to, by cable or as a guest to its host, in order."""
    joined = {edge.target if edge.source == asset else edge.source for edge in graph.neighbours(asset) if edge.relation in WIRED}
    return sorted(joined)


def estate(plan: Plan, networks: Collection[Mapping[str, Any]], vlans: Iterable[Mapping[str, Any]], objects: Sequence[ProtectionObject] = ()) -> str:
    """The zones of the site, and what is in use without a zone; ``networks`` and ``vlans`` are the documents of the survey. Empty without zones."""
    if not is_declared(plan, objects):
        return ""
    names = [*(zone.name for zone in plan.zones), *(network.zone for network in plan.networks if network.zone), *(z.name for one in objects for z in one.zones)]
    rows: list[tuple[str, str, str, str]] = []
    for zone in map(plan.zone, dict.fromkeys(names)):
        prefixes = [str(network.prefix) for network in plan.networks if network.zone == zone.name]
        rows.append(("zone", zone.name, zone.role, " ".join(prefixes[:LISTED])))
        rows += _nodes(plan, zone, networks) if zone.role == "sensing" else ()
    rows += [("unzoned", str(network.prefix), "", network.name) for network in plan.networks if not network.zone]
    rows += [("unplanned", str(body["prefix"]), "", "") for body in networks if not body["planned"]]
    rows += [("vlan", str(body["vlan"]), "", " ".join(body["names"])) for body in vlans if body["verdict"] == "unplanned"]
    return _table(rows)


def _nodes(plan: Plan, zone: Zone, networks: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Per prefix of a zone of sensors how many machines in it are no asset; ``unread`` where the survey saw nobody."""
    known = {str(body["prefix"]): body for body in networks if body["planned"] and body["used"]}
    rows: list[tuple[str, str, str, str]] = []
    for network in (one for one in plan.networks if one.zone == zone.name):
        body = known.get(str(network.prefix))
        strangers = "unread" if body is None else str(sum(body["verdicts"].get(name, 0) for name in ("unknown", "dynamic")))
        rows.append(("nodes", str(network.prefix), zone.role, strangers))
    return rows


CLOSED: Final = frozenset({"control", "sensing", "wireless"})
"""Roles of zones whose borders are looked at conversation by conversation."""


def has_closed(plan: Plan) -> bool:
    """Whether the site has such a zone."""
    return any(zone.role in CLOSED for zone in plan.zones)


def crossings(conversations: Iterable[tuple[str, str, str]], plan: Plan, allowed: Callable[[str, str], str]) -> str:
    """What passes the border of a zone of wireless clients, sensors or industrial control, or ends outside it.

    ``conversations`` are (source address, target address, application); ``allowed`` says ``yes``, ``no`` or ``ended`` of a pair of zones. Rows that begin
    with ``zone`` name the zones that were looked at, so a text without more rows says that all was quiet; ``none`` says that the site has no such zone.
    """
    closed = sorted((zone for zone in plan.zones if zone.role in CLOSED), key=lambda zone: zone.name)
    rows = set()
    for source, target, application in conversations if closed else ():
        one, other = plan.zone_of(source), plan.zone_of(target)
        roles = (one.role if one else "", other.role if other else "")
        names = (one.name if one else _general(plan, source), other.name if other else _general(plan, target))
        if CLOSED & set(roles) and names[0] != names[1] and "" not in names:
            rows.add(("passes", names[0], roles[0], names[1], roles[1], application, allowed(*names)))
    return _table([*(("zone", zone.name, zone.role, "", "", "", "") for zone in closed), *sorted(rows)]) or NO_ZONE


def _general(plan: Plan, address: str) -> str:
    """What flows call the place of an address that lies in no zone; empty for one that is many machines or none."""
    if network := plan.of(address):
        return network.name or str(network.prefix)
    place = ipaddress.ip_address(address)
    if place.is_multicast or place.is_link_local or place.is_unspecified or str(place) == "255.255.255.255":
        return ""
    return "outside" if place.is_global else "inside"


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
