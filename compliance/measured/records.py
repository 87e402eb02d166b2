"""What the inventory knows of an asset as a text that checks read (kind ``inventory.record``). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from compliance.objects import ProtectionObject
from inventory.asset import Asset, Ways
from inventory.graph import Graph, build_graph

KIND: Final = "inventory.record"
CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "network": frozenset({"switch", "router", "firewall", "loadbalancer", "gateway", "bridge", "waf", "vpn", "ips", "wlc", "ap", "gap", "utm"}),
    "host": frozenset({"server", "host", "vm", "storage", "database", "bmc"}),
    "room": frozenset({"sensor", "environment", "ac", "door", "camera"}),
    "power": frozenset({"ups", "pdu"}),
    "place": frozenset({"room", "site", "rack"}),
    "system": frozenset({"system", "business", "service", "website", "software", "cloud"}),
}
"""What checks ask of an asset follows from its class; a kind that stands nowhere here is of the class "other"."""
WORTH: Final = ("critical", "high")


def texts(assets: Sequence[Asset], objects: Iterable[ProtectionObject], states: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Asset -> text; ``states`` are the documents on configurations (kind ``config-state``) by asset."""
    graph, registered = build_graph(assets), tuple(objects)
    return {asset.id: _text(asset, graph, registered, states.get(asset.id, {})) for asset in assets}


def class_of(kind: str) -> str:
    """The class of a kind of asset."""
    return next((name for name, kinds in CLASSES.items() if kind in kinds), "other")


def _text(asset: Asset, graph: Graph, objects: Sequence[ProtectionObject], state: Mapping[str, object]) -> str:
    mine = [one for one in objects if one.has(asset)]
    lines = {
        "kind": asset.kind,
        "class": class_of(asset.kind),
        "owner": asset.owner or next((one.people.owner for one in mine if one.people.owner), ""),
        "place": " ".join(word for word in (asset.site, asset.room, asset.rack, asset.unit) if word) or asset.located_in,
        "importance": asset.importance if "importance" in asset.model_fields_set or asset.level else "",
        "level": str(asset.level or max((one.grade.level for one in mine), default="")),
        "object": " ".join(sorted(one.id for one in mine)),
        "vendor": asset.vendor,
        "model": asset.model,
        "version": asset.version,
        "collectors": " ".join(sorted(asset.collect)),
        "stops": str(_stops(asset, graph)),
        "rests_on": str(len(_hosts(asset, graph, (*asset.runs_on.ids, *asset.depends_on.ids)))),
        "single": str(len(_hosts(asset, graph, (*_alone(asset.runs_on), *_alone(asset.depends_on))))),
        "saved": {None: "", True: "yes", False: "no"}[_saved(state)],
        "deviations": str(_deviations(state)),
    }
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in lines.items())


def _stops(asset: Asset, graph: Graph) -> int:
    """How many assets of high importance break when this network device stops alone."""
    if class_of(asset.kind) != "network" or asset.id not in graph.incoming:
        return 0
    return sum(hit.lost and graph.assets[hit.asset].importance in WORTH for hit in graph.impact([asset.id]))


def _hosts(asset: Asset, graph: Graph, ids: Iterable[str]) -> frozenset[str]:
    """Those that are hosts, of what a business system rests on."""
    if class_of(asset.kind) != "system":
        return frozenset()
    return frozenset(one for one in ids if one in graph.assets and class_of(graph.assets[one].kind) == "host")


def _alone(ways: Ways) -> tuple[str, ...]:
    """What nothing could take the place of."""
    return ways.all or (ways.any if len(ways.any) == 1 else ())


def _saved(state: Mapping[str, object]) -> bool | None:
    """Whether the device starts with what it runs; None when the start configuration was not read."""
    return not state.get("unsaved") if state.get("has_startup") else None


def _deviations(state: Mapping[str, object]) -> int:
    templates = state.get("templates")
    return sum(len(found) for found in templates.values()) if isinstance(templates, Mapping) else 0
