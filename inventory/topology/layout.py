"""Places for a drawing of the network: the same graph always gives the same picture. Pure.

The most connected devices (a redundant pair counts as one) stand at the top, what hangs on them below, packed into boxes of about
the proportions of a screen, so that five hundred nodes stay readable. Pinned nodes stand where people put them.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

STEP_X: Final = 110.0
STEP_Y: Final = 90.0
RATIO: Final = 2.0  # width by height of a box of boxes
ALIKE: Final = 0.5  # two devices that share so much of their neighbours are a redundant pair

Point = tuple[float, float]
Around = Mapping[str, frozenset[str]]


@dataclass(slots=True)
class _Box:
    """A node with everything below it: its size, and the places relative to its upper left corner."""

    width: float
    height: float
    places: dict[str, Point] = field(default_factory=dict)


def layout(nodes: Iterable[str], links: Iterable[tuple[str, str]], pinned: Mapping[str, Point] | None = None) -> dict[str, Point]:
    """A place for every node; ``links`` to unknown nodes are ignored."""
    around = _around(nodes, links)
    groups = sorted(_components(around), key=lambda group: (-len(group), group[0]))
    boxes = [_tree(group, around) for group in groups if len(group) > 1]
    boxes += [_Box(STEP_X, STEP_Y, {group[0]: (STEP_X / 2, STEP_Y / 2)}) for group in groups if len(group) == 1]
    return {**_packed(boxes).places, **{node: place for node, place in (pinned or {}).items() if node in around}}


BENDS: Final = (0.15, 0.3, 0.5)
_BETWEEN: Final = tuple(number / 16 for number in range(1, 16))


def bend(a: Point, b: Point, others: Iterable[Point], room: float) -> float:
    """How far a line from ``a`` to ``b`` must bend (share of its length, to one side or the other) to come no nearer than ``room`` to others.

    The arc is the quadratic curve whose middle point is so far from the straight line, first towards the middle of the others; where every
    arc meets something, the straight line stays.
    """
    points = list(others)
    x, y, reach = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, math.hypot(b[0] - a[0], b[1] - a[1]) + room
    near = [one for one in points if one not in (a, b) and math.hypot(one[0] - x, one[1] - y) <= reach]
    if not near or not _meets(a, b, 0.0, near, room):
        return 0.0
    centre = sum(one[0] for one in points) / len(points) - x, sum(one[1] for one in points) / len(points) - y
    inward = math.copysign(1.0, (b[1] - a[1]) * centre[0] - (b[0] - a[0]) * centre[1])
    return next((by for size in BENDS for by in (inward * size, -inward * size) if not _meets(a, b, by, near, room)), 0.0)


def _meets(a: Point, b: Point, by: float, others: Sequence[Point], room: float) -> bool:
    middle = ((a[0] + b[0]) / 2 - (a[1] - b[1]) * by, (a[1] + b[1]) / 2 - (b[0] - a[0]) * by)
    for t in _BETWEEN:
        x, y = (sum(share * point[axis] for share, point in zip(((1 - t) ** 2, 2 * t * (1 - t), t * t), (a, middle, b), strict=True)) for axis in (0, 1))
        if any(math.hypot(x - one[0], y - one[1]) < room for one in others):
            return True
    return False


def _around(nodes: Iterable[str], links: Iterable[tuple[str, str]]) -> Around:
    found: dict[str, set[str]] = {node: set() for node in nodes}
    for a, b in links:
        if a != b and a in found and b in found:
            found[a].add(b)
            found[b].add(a)
    return {node: frozenset(others) for node, others in sorted(found.items())}


def _components(around: Around) -> list[list[str]]:
    left, groups = dict.fromkeys(around), []
    while left:
        start = next(iter(left))
        group, waiting = {start}, deque([start])
        while waiting:
            fresh = around[waiting.popleft()] - group
            group |= fresh
            waiting.extend(fresh)
        for node in group:
            del left[node]
        groups.append(sorted(group))
    return groups


def _roots(group: Sequence[str], around: Around) -> list[str]:
    """The most connected node, and those that are its twins."""
    weight = {node: sum(len(around[other]) > 1 for other in around[node]) for node in group}
    first = max(group, key=lambda node: (weight[node], len(around[node]), [-ord(letter) for letter in node]))
    return [first, *(node for node in group if node != first and _alike(first, node, around) >= ALIKE)]


def _alike(a: str, b: str, around: Around) -> float:
    one, two = around[a] - {b}, around[b] - {a}
    return len(one & two) / len(one | two) if len(one | two) > 1 else 0.0


def _tree(group: Sequence[str], around: Around) -> _Box:
    """Pack a component: every node above what was first reached through it."""
    roots = _roots(group, around)
    children: dict[str, list[str]] = defaultdict(list)
    seen, order = set(roots), list(roots)
    for node in order:
        for other in sorted(around[node] - seen):
            seen.add(other)
            children[node].append(other)
            order.append(other)
    boxes: dict[str, _Box] = {}
    for node in reversed(order):
        if node not in roots:
            boxes[node] = _under([node], [boxes.pop(child) for child in _sorted(children[node], around, children)])
    below = [child for root in roots for child in children[root]]
    return _under(roots, [boxes[child] for child in _sorted(below, around, children)])


def _sorted(nodes: Sequence[str], around: Around, children: Mapping[str, Sequence[str]]) -> list[str]:
    """Those with something below them first; those with the same neighbours side by side."""
    return sorted(nodes, key=lambda node: (not children.get(node), sorted(other for other in around[node] if len(around[other]) > 1), node))


def _under(heads: Sequence[str], boxes: Sequence[_Box]) -> _Box:
    """``heads`` side by side over the packed ``boxes``."""
    below = _packed(boxes)
    width = max(below.width, len(heads) * STEP_X)
    apart = width / (len(heads) + 1)
    places = {head: (apart * (number + 1), STEP_Y / 2) for number, head in enumerate(heads)}
    shift = (width - below.width) / 2
    return _Box(width, below.height + STEP_Y, places | {node: (x + shift, y + STEP_Y) for node, (x, y) in below.places.items()})


def _packed(boxes: Sequence[_Box]) -> _Box:
    """Boxes in rows, left to right in their order, each row centred."""
    if not boxes:
        return _Box(0, 0)
    room = max(*(box.width for box in boxes), math.sqrt(sum(box.width * box.height for box in boxes) * RATIO))
    rows: list[list[_Box]] = [[]]
    for box in boxes:
        if rows[-1] and sum(one.width for one in rows[-1]) + box.width > room + 1e-6:
            rows.append([])
        rows[-1].append(box)
    width = max(sum(box.width for box in row) for row in rows)
    whole, y = _Box(width, 0), 0.0
    for row in rows:
        x = (width - sum(box.width for box in row)) / 2
        for box in row:
            whole.places |= {node: (x + px, y + py) for node, (px, py) in box.places.items()}
            x += box.width
        y += max(box.height for box in row)
    whole.height = y
    return whole
