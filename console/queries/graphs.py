"""Relations as a drawing: plain ECharts options, positions fixed so that a redraw moves nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from console.text import shorten
from console.words import ASSET, look
from inventory.graph import Edge

SHOWN: Final = 40
_SHAPES: Final[Mapping[str, str]] = {"critical": "circle", "high": "triangle", "warning": "diamond", "info": "rect", "good": "roundRect", "unknown": "rect"}


def around(edges: Sequence[Edge], centre: str) -> list[str]:
    """The centre and everything that touches it, each once."""
    return list(dict.fromkeys([centre, *(end for edge in edges for end in (edge.source, edge.target))]))


def drawing(centre: str, edges: Sequence[Edge], title: Callable[[str], str], states: Mapping[str, str], relation: Callable[[str], str]) -> dict[str, Any]:
    """What the centre needs above, what needs it below; at most SHOWN neighbours."""
    ends = around(edges, centre)[: SHOWN + 1]
    above = [end for end in ends[1:] if any(edge.source == centre and edge.target == end for edge in edges)]
    below = [end for end in ends[1:] if end not in above]
    places = {centre: (0.0, 0.0), **_row(above, -150), **_row(below, 150)}
    nodes = [_node(end, title(end), states.get(end, "unknown"), place, is_centre=end == centre) for end, place in places.items()]
    links = [
        {
            "source": edge.source,
            "target": edge.target,
            "lineStyle": {"type": "dashed" if edge.redundant else "solid"},
            "label": {"show": len(edges) < 12, "formatter": relation(edge.relation), "fontSize": 10},
        }
        for edge in edges
        if edge.source in places and edge.target in places
    ]
    return {
        "animation": False,
        "tooltip": {"confine": True},
        "series": [{"type": "graph", "layout": "none", "roam": True, "edgeSymbol": ["none", "arrow"], "edgeSymbolSize": 7, "data": nodes, "links": links}],
    }


def _row(ids: Sequence[str], y: float) -> dict[str, tuple[float, float]]:
    """Side by side, in two staggered lines when there are many."""
    width = max(1, math.ceil(len(ids) / (1 if len(ids) <= 8 else 2)))
    return {end: ((index % width - (width - 1) / 2) * 90, y + math.copysign(70, y) * (index // width)) for index, end in enumerate(ids)}


def _node(id: str, title: str, state: str, place: tuple[float, float], *, is_centre: bool) -> dict[str, Any]:
    seen = look(ASSET, state)
    return {
        "id": id,
        "name": f"{title} · {seen.text}",
        "x": place[0],
        "y": place[1],
        "symbol": _SHAPES.get(state, "rect"),
        "symbolSize": 26 if is_centre else 18,
        "itemStyle": {"color": seen.colour},
        "label": {"show": True, "position": "bottom", "fontSize": 11, "formatter": f"{seen.shape} {shorten(title, 18)}"},
    }
