"""The map of the network: which assets and cables to draw, how they are, where they stand. Pure but for the readers at the top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from console.text import shorten
from console.words import ASSET, LINKS, look
from core.records import Sample
from inventory.asset import Asset
from inventory.topology.evidence import short_port
from inventory.topology.history import LINK, Known, known_of
from inventory.topology.layout import Point, bend, layout
from inventory.topology.links import End
from store.base import Selector, Store
from store.every import every

PIN: Final = "map-pin"
FRESH: Final = timedelta(minutes=15)
LOST: Final = frozenset({"down", "gone"})
SHOWN_GONE: Final = timedelta(days=1)
BUSY: Final = 80.0
ERRORS: Final = 0.1
GEAR: Final = frozenset({"switch", "router", "firewall", "ap", "wlc", "loadbalancer", "gateway", "bridge", "waf", "vpn", "ips"})
SHAPES: Final[Mapping[str, str]] = {"critical": "circle", "high": "triangle", "warning": "diamond", "info": "rect", "good": "roundRect", "unknown": "rect"}
PROPORTION: Final = 1.9
CROWD: Final = 80  # with more nodes than these they are drawn smaller
LABELLED: Final = 70  # with more lines than these none carries a text: they say it when pointed at
BENT: Final = 160  # with more lines than these none goes around what stands in its way
ROOM: Final = 0.022  # of the width of the picture: how near a line may pass by a node
_METRICS: Final = ("network.interface.utilization", "network.interface.errors", "network.interface.oper", "network.interface.admin")
_GRAVEST: Final = ("down", "removed", "gone", "added", "errors", "busy", "stale", "doubtful", "up")

Port = tuple[str, str]


@dataclass(slots=True)
class Figures:
    """What an interface measured last: load and errors of the busier direction; ``is_up`` None: not known."""

    load: float | None = None
    errors: float | None = None
    is_up: bool | None = None
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class Cable:
    """One link as the map shows it."""

    known: Known
    state: str
    load: float | None = None
    errors: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """All cables between two nodes, as one line with the gravest state."""

    a: str
    b: str
    cables: tuple[Cable, ...]

    @property
    def state(self) -> str:
        """One spare cable left is not the end: a line is down when all of its cables are, and half when some of them are down or gone."""
        states = [cable.state for cable in self.standing]
        if LOST & set(states) and set(states) - LOST:
            return "half"
        if {"added", "removed"} <= set(states):
            return "moved"
        return min(states, key=_GRAVEST.index)

    @property
    def standing(self) -> tuple[Cable, ...]:
        """The cables without those that were moved to another port: one that is gone where another now uses the port of its end."""
        used = {port for cable in self.cables if cable.state != "gone" for port in _ports(cable.known)}
        return tuple(cable for cable in self.cables if cable.state != "gone" or not used & set(_ports(cable.known)))

    @property
    def load(self) -> float | None:
        """Of the busiest cable."""
        return max((cable.load for cable in self.cables if cable.load is not None), default=None)

    @property
    def vlans(self) -> frozenset[int]:
        """What was seen on any of its cables."""
        return frozenset(vlan for cable in self.cables for vlan in cable.known.link.vlans)


@dataclass(frozen=True, slots=True)
class Node:
    """An asset, or what a device calls its neighbour when that is none."""

    id: str
    title: str
    state: str = "unknown"
    asset: Asset | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to draw: ``layer`` gear, all or routing; ``since`` compares with that moment; ``vlan`` fades all that does not carry it."""

    layer: str = "all"
    site: str = ""
    vlan: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, in the order of the chart's data."""

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    places: Mapping[str, Point] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()

    def lines_of(self, node: str) -> list[Line]:
        """The lines that end at a node."""
        return [line for line in self.lines if node in (line.a, line.b)]


def read_links(store: Store) -> list[Known]:
    """Every link on record; what cannot be read is left out."""
    found: list[Known] = []
    for document in every(store.documents, LINK):
        with suppress(KeyError, TypeError, ValueError):
            found.append(known_of(document.id, document.body))
    return found


def read_pins(store: Store) -> dict[str, Point]:
    """Asset -> where a person put it."""
    return {document.id: (float(document.body["x"]), float(document.body["y"])) for document in store.documents.find(PIN, limit=10_000).items}


def read_figures(store: Store, now: datetime) -> dict[Port, Figures]:
    """(Asset, comparable name of the interface) -> what it measured last."""
    return figures_of(store.metrics.latest(Selector(metric=_METRICS), FRESH, now))


def figures_of(samples: Iterable[Sample]) -> dict[Port, Figures]:
    """Samples of interfaces by interface."""
    found: dict[Port, Figures] = defaultdict(Figures)
    for sample in samples:
        figures = found[sample.asset, short_port(sample.labels.get("interface", ""))]
        match sample.metric.rpartition(".")[2]:
            case "utilization":
                figures.load = max(sample.value, figures.load or 0.0)
            case "errors":
                figures.errors = max(sample.value, figures.errors or 0.0)
            case "oper":
                figures.is_up = sample.value > 0
            case "admin":
                figures.is_off = sample.value == 0
    return dict(found)


def drawing(
    links: Iterable[Known], assets: Mapping[str, Asset], states: Mapping[str, str], figures: Mapping[Port, Figures], wish: Wish, now: datetime
) -> Drawing:
    """What to draw, without places."""
    cables: dict[tuple[str, str], list[Cable]] = defaultdict(list)
    for known in links:
        state = _state(known, figures, wish, now)
        if state in ("up", "busy", "errors") and "unreachable" in {states.get(known.link.a.asset), states.get(known.link.b.asset)}:
            state = "stale"  # what was measured is from before
        a, b = _node_id(known.link.a), _node_id(known.link.b)
        if state and (known.link.layer == 3) == (wish.layer == "routing") and _is_wanted(a, b, assets, wish):
            cables[min(a, b), max(a, b)].append(_cable(known, state, figures))
    lines = tuple(Line(a, b, tuple(sorted(each, key=lambda cable: cable.known.link.key))) for (a, b), each in sorted(cables.items()))
    ids = {end for line in lines for end in (line.a, line.b)}
    if not wish.vlan and wish.layer != "routing":
        ids |= {asset.id for asset in assets.values() if asset.kind in GEAR and wish.site in ("", asset.site)}
    return Drawing(tuple(_node(id_, assets, states) for id_ in sorted(ids)), lines)


def placed(drawn: Drawing, pins: Mapping[str, Point]) -> Drawing:
    """The same with places."""
    places = layout((node.id for node in drawn.nodes), ((line.a, line.b) for line in drawn.lines), pins)
    return Drawing(drawn.nodes, drawn.lines, places, frozenset(pins) & places.keys())


def _node_id(end: End) -> str:
    return end.asset or f"?{end.name}"


def _node(id_: str, assets: Mapping[str, Asset], states: Mapping[str, str]) -> Node:
    asset = assets.get(id_)
    return Node(id_, asset.title if asset else id_.removeprefix("?"), states.get(id_, "unknown"), asset)


def _is_wanted(a: str, b: str, assets: Mapping[str, Asset], wish: Wish) -> bool:
    ends = [assets.get(a), assets.get(b)]
    if wish.layer == "gear" and any(end is not None and end.kind not in GEAR for end in ends):
        return False
    return not wish.site or any(end is not None and end.site == wish.site for end in ends)


def _state(known: Known, figures: Mapping[Port, Figures], wish: Wish, now: datetime) -> str:
    """How a link is drawn; empty: not at all."""
    state = known.state(now)
    if wish.since is not None and known.was_there(wish.since) != (state in ("there", "stale")):
        return {"there": "added", "stale": "added", "gone": "removed"}.get(state, "")
    if state == "gone":
        return "gone" if wish.since is None and known.gone is not None and now - known.gone <= SHOWN_GONE else ""
    if is_lost(known):
        return "down"
    measured = _measured([figures[port] for port in _ports(known) if port in figures])
    if measured == "down" or state == "there":
        return measured
    return "" if state == "doubtful" else state


def is_lost(known: Known) -> bool:
    """Whether it is a routing session of which an end says that it is not up."""
    return known.link.layer == 3 and bool(known.link.against)


def _measured(ends: Sequence[Figures]) -> str:
    """What the interfaces at the ends say."""
    if any(one.is_up is False or one.is_off for one in ends):
        return "down"
    if any((one.errors or 0.0) >= ERRORS for one in ends):
        return "errors"
    return "busy" if any((one.load or 0.0) >= BUSY for one in ends) else "up"


def _ports(known: Known) -> Iterator[Port]:
    for end in known.link.ends:
        if end.asset and end.port:
            yield end.asset, short_port(end.port)


def _cable(known: Known, state: str, figures: Mapping[Port, Figures]) -> Cable:
    ends = [figures[port] for port in _ports(known) if port in figures]
    loads, errors = [one.load for one in ends if one.load is not None], [one.errors for one in ends if one.errors is not None]
    return Cable(known, state, max(loads, default=None), max(errors, default=None))


def vlans_of(links: Iterable[Known]) -> list[int]:
    """Every VLAN that was seen on a cable."""
    return sorted({vlan for known in links if known.gone is None for vlan in known.link.vlans})


def doubtful(links: Iterable[Known], now: datetime) -> list[Known]:
    """Links that something speaks against, the surest first: they are not drawn."""
    return sorted((known for known in links if known.state(now) == "doubtful" and not is_lost(known)), key=lambda known: -known.link.confidence)


def behind(drawn: Drawing, states: Mapping[str, str]) -> int:
    """How many of the drawn assets cannot be reached because of something else."""
    return sum(states.get(node.id) == "unreachable" for node in drawn.nodes)


def chart(drawn: Drawing, word: Callable[[Node], str], wish: Wish, selected: str = "") -> dict[str, Any]:
    """ECharts options: places fixed, states by colour, shape and word."""
    number = {node.id: index for index, node in enumerate(drawn.nodes)}
    carrying = {end for line in drawn.lines if wish.vlan in line.vlans for end in (line.a, line.b)} if wish.vlan else set(number)
    places = _filled(drawn.places)
    nodes = [_chart_node(node, drawn, places[node.id], word(node), is_faded=node.id not in carrying, is_selected=node.id == selected) for node in drawn.nodes]
    with_text = len(drawn.lines) <= LABELLED
    bends = _bends(drawn.lines, places)
    links = [
        _chart_line(line, number, with_text=with_text, is_faded=bool(wish.vlan) and wish.vlan not in line.vlans, by=by)
        for line, by in zip(drawn.lines, bends, strict=True)
    ]
    return {
        "animation": False,
        "tooltip": {"confine": True, "formatter": "{c}"},
        "series": [
            {
                "type": "graph",
                "layout": "none",
                "roam": True,
                "selectedMode": "single",
                "emphasis": {"focus": "adjacency", "label": {"show": True}},
                "blur": {"itemStyle": {"opacity": 0.3}, "lineStyle": {"opacity": 0.15}, "label": {"opacity": 0.3}},
                "edgeLabel": {"show": True, "position": "middle", "formatter": ""},
                "select": {"itemStyle": {"borderColor": "#17527a", "borderWidth": 4}},
                "zoom": 1.05,
                "data": nodes,
                "links": links,
                **({} if with_text else {"labelLayout": {"hideOverlap": True}}),  # ECharts then misplaces the texts of lines
            }
        ],
    }


def _filled(places: Mapping[str, Point]) -> dict[str, Point]:
    """The same picture, stretched sideways or upwards to the proportions of the page; symbols keep their shape."""
    xs, ys = [x for x, _ in places.values()], [y for _, y in places.values()]
    width, height = max(xs, default=1) - min(xs, default=0), max(ys, default=1) - min(ys, default=0)
    if not width or not height:
        return dict(places)
    across, down = max(1.0, PROPORTION * height / width), max(1.0, width / height / PROPORTION)
    return {id_: (x * across, y * down) for id_, (x, y) in places.items()}


def _bends(lines: Sequence[Line], places: Mapping[str, Point]) -> list[float]:
    """How much each line bends, so that none seems to end at a node that it only passes."""
    if len(lines) > BENT:
        return [0.0] * len(lines)
    points = list(places.values())
    xs, ys = [x for x, _ in points], [y for _, y in points]
    room = ROOM * max(max(xs, default=0) - min(xs, default=0), PROPORTION * (max(ys, default=0) - min(ys, default=0)))
    return [bend(places[line.a], places[line.b], points, room) for line in lines]


def _chart_node(node: Node, drawn: Drawing, place: Point, text: str, *, is_faded: bool, is_selected: bool) -> dict[str, Any]:
    seen, is_gear = look(ASSET, node.state), node.asset is not None and node.asset.kind in GEAR
    style: dict[str, Any] = {"color": seen.colour, "opacity": 0.15 if is_faded else 1}
    if node.state in ("unreachable", "unknown"):  # hollow: nothing is known of it at first hand
        style |= {"color": "#f3f3f3", "borderColor": seen.colour, "borderWidth": 2, "borderType": "dashed"}
    if is_selected:
        style |= {"borderColor": "#17527a", "borderWidth": 4, "borderType": "solid"}
    return {
        "id": node.id,
        "name": node.id,
        "value": _braces(text),
        "x": place[0],
        "y": place[1],
        "symbol": SHAPES.get(node.state, "rect"),
        "symbolSize": round((20 if is_gear else 11) * max(0.4, min(1.0, (CROWD / len(drawn.nodes)) ** 0.5))),
        "itemStyle": style,
        "label": {
            "show": not is_faded,
            "position": "bottom",
            "fontSize": 11 if is_gear else 9,
            "formatter": _braces(f"{seen.shape if node.state == 'good' else seen.text} {shorten(node.title, 16)}"),
        },
    }


def _chart_line(line: Line, number: Mapping[str, int], *, with_text: bool, is_faded: bool, by: float = 0.0) -> dict[str, Any]:
    seen = look(LINKS, line.state)
    is_usual, is_quiet = line.state == "up", line.state in ("up", "stale")
    load = f"{line.load:.0f} %" if line.load is not None else ""
    sessions = ", ".join(sorted({cable.known.link.protocol.upper() for cable in line.cables}))
    shown = {"up": sessions or (load if (line.load or 0) >= 1 else ""), "stale": "", "busy": f"{seen.text} {load}"}
    text = shown.get(line.state, seen.text) if with_text else ""
    return {
        "source": number[line.a],
        "target": number[line.b],
        "value": _braces("; ".join(cable_text(cable) for cable in line.cables[:6]) + (f" … {len(line.cables)}" if len(line.cables) > 6 else "")),
        "lineStyle": {
            "color": seen.colour,
            "width": (1.5 if is_quiet else 3) + min(3, len(line.cables) - 1),
            "type": "dashed" if line.state in ("gone", "stale", "doubtful", "removed", "down") else "solid",
            "opacity": 0.1 if is_faded else 0.6 if is_quiet else 1,
            "curveness": by,
        },
        "label": {"show": bool(text) and not is_faded, "formatter": _braces(text), "fontSize": 9, "color": seen.colour if not is_usual else "#616161"},
    }


def _braces(text: str) -> str:
    """No template of ECharts in collected text."""
    return text.replace("{", "(").replace("}", ")")


def cable_text(cable: Cable) -> str:
    """Ports, state, load and errors in one line."""
    link = cable.known.link
    parts = [link.protocol.upper() or f"{link.a.port or '?'} – {link.b.port or '?'}", look(LINKS, cable.state).text]
    parts += [f"{cable.load:.0f} %"] if cable.load is not None else []
    parts += [f"{cable.errors:.1f} err/s"] if cable.errors else []
    return " · ".join(parts)


def ailing(drawn: Drawing) -> list[Line]:
    """Lines that are not as they should be; what only differs from another day is no ailment."""
    return [line for line in drawn.lines if line.state in ("down", "half", "errors", "busy", "gone")]


def differences(drawn: Drawing) -> list[Cable]:
    """Cables that are there and were not, or were and are not."""
    return [cable for line in drawn.lines for cable in line.cables if cable.state in ("added", "removed")]


def other_end(link_ends: Sequence[End], here: str) -> tuple[End, End]:
    """(the end at ``here``, the other one)."""
    a, b = link_ends
    return (a, b) if _node_id(a) == here else (b, a)
