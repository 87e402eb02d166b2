"""Root cause: which asset of an incident began it. Pure; every figure in the answer can be checked on the charts.

An asset's own strangeness is the largest robust shift of its metrics, (value - median before) / spread before, less what the same metric did
everywhere else, as one busy morning moves all hosts alike. Then the graph: what an abnormal asset leans on (over ``depends_on``, ``runs_on``,
``powered_by`` ...) and is abnormal too, and not later, explains it; the deepest such asset that explains most ranks first. Two that lean on
each other (a cable) do not explain one another away. The walk along a topology to the deepest abnormal node follows MonitorRank (Kim et al.,
SIGMETRICS 2013) and MicroScope (Lin et al., ICSOC 2018).
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np

from detectors.base import Floats

WEIGHTS: Final[Mapping[str, float]] = {
    "depends_on": 1.0, "runs_on": 1.0, "powered_by": 1.0, "reached_by": 1.0, "cooled_by": 0.9, "located_in": 0.7, "sensed_by": 1.0,
    "member_of": 0.6, "connected_to": 0.3,
}  # fmt: skip
HOPS: Final = 4
ABNORMAL: Final = 6.0  # spreads
FULL: Final = 60.0  # spreads that count as all there is
SLACK_S: Final = 180.0  # polls of two assets may lie so far apart
LEAST_ROWS: Final = 8
SHOWN: Final = 3
THROUGH: Final = 0.5  # of the weight goes on through an asset that looks usual: a slow link does not show on the server behind it
UNSEEN: Final = 0.25  # strangeness of an asset that nothing measures


@dataclass(frozen=True, slots=True)
class Trace:
    """One series around the incident: ``times`` in seconds, ``least`` the smallest change that matters in its unit.

    ``is_state``: up or down, good or bad; many going down together are no common tide, but what is asked about. ``bad`` is the
    direction that is one (-1 down, 1 up, 0 either): a port that comes up explains nothing.
    """

    asset: str
    metric: str
    times: Floats
    values: Floats
    labels: Mapping[str, str] = field(default_factory=dict)
    least: float = 0.0
    is_state: bool = False
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    """``size`` in spreads (signed), ``since`` when it left the usual, in seconds."""

    metric: str
    labels: Mapping[str, str]
    before: float
    value: float
    size: float
    since: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """``score`` orders; ``own`` strangeness 0..1; ``explains`` the abnormal assets that lean on it, with the relation that leads there."""

    asset: str
    score: float
    own: float
    is_deepest: bool
    since: float
    shifts: tuple[Shift, ...]
    explains: tuple[tuple[str, str], ...]

    def body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "asset": self.asset,
            "score": round(self.score, 4),
            "own": round(self.own, 4),
            "deepest": self.is_deepest,
            "since": None if math.isinf(self.since) else self.since,
            "shifts": [
                {"metric": one.metric, "labels": dict(one.labels), "before": one.before, "value": one.value, "size": round(one.size, 1), "since": one.since}
                for one in self.shifts
            ],
            "explains": [list(pair) for pair in self.explains],
        }


Edges = Iterable[tuple[str, str, str]]
"""(asset, relation, what it leans on)."""


def shift_of(trace: Trace, at: float, until: float) -> Shift | None:
    """The largest shift in [at - slack, until] against the rows before; None with too few rows on either side."""
    is_before = trace.times < at - SLACK_S
    before, after, times = trace.values[is_before], trace.values[~is_before], trace.times[~is_before]
    if len(before) < LEAST_ROWS or not len(after) or not np.isfinite(trace.values).all():
        return None
    centre = float(np.median(before))
    low, high = np.quantile(before, (0.05, 0.95))
    spread = max(float(high - low) / 3.29, trace.least / ABNORMAL, 0.005 * abs(centre), 1e-9)
    sizes = (after - centre) / spread
    if trace.bad:
        sizes = np.where(sizes * trace.bad > 0, sizes, 0.0)
    inside = times <= until
    if not inside.any():
        return None
    place = int(np.argmax(np.abs(sizes[inside])))
    left = np.flatnonzero(np.abs(sizes[inside]) >= ABNORMAL)
    since = float(times[inside][left[0]]) if len(left) else math.inf
    return Shift(trace.metric, trace.labels, centre, float(after[inside][place]), float(sizes[inside][place]), since)


def rank(traces: Sequence[Trace], edges: Edges, hit: Mapping[str, float], at: float, until: float) -> list[Suspect]:
    """Suspects, the likeliest first. ``hit``: assets with an alarm and when it began (seconds); ``at`` the incident's begin."""
    leans = leans_of(edges)
    candidates = candidates_of(hit, leans)
    shifts = _own_shifts(traces, candidates, at, until)
    measured = {trace.asset for trace in traces}
    own = {asset: max([_strength(one.size) for one in shifts.get(asset, ())] + [0.5 if asset in hit else 0.0]) for asset in candidates}
    since = {asset: min([one.since for one in shifts.get(asset, ())] + [hit.get(asset, math.inf)]) for asset in candidates}
    is_strange = {asset for asset in candidates if own[asset] >= _strength(ABNORMAL)}
    behind = {asset: _behind(asset, leans, is_strange, measured, since) for asset in candidates}
    explained: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)
    for asset, roots in behind.items():
        if asset in is_strange:
            for root, found in roots.items():
                explained[root][asset] = found
    late = {asset: 1.0 - 0.5 * min(1.0, max(0.0, since[asset] - at - SLACK_S) / max(until - at, 1.0)) if asset in is_strange else 1.0 for asset in candidates}
    suspects = [_suspect(asset, late[asset], own, since, shifts, explained, behind, is_strange, measured) for asset in candidates]
    return sorted(suspects, key=lambda one: (-one.score, one.since, one.asset))


def chance(candidates: int, top: int) -> float:
    """How often the true root stands among the first ``top`` when the order is thrown."""
    return min(1.0, top / candidates) if candidates else 0.0


def leans_of(edges: Edges) -> dict[str, list[tuple[str, str]]]:
    """Asset -> (relation, what it leans on); a cable leads both ways."""
    leans: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for source, relation, target in edges:
        leans[source].append((relation, target))
        if relation == "connected_to":
            leans[target].append((relation, source))
    return leans


def candidates_of(hit: Iterable[str], leans: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """The assets with an alarm and everything that they lean on, up to four steps away (one over a bare cable)."""
    steps = dict.fromkeys(hit, 0)
    queue = deque(steps)
    while queue:
        here = queue.popleft()
        for relation, target in leans.get(here, ()):
            if target not in steps and steps[here] < HOPS and (relation != "connected_to" or steps[here] == 0):
                steps[target] = steps[here] + 1
                queue.append(target)
    return sorted(steps)


def _own_shifts(traces: Sequence[Trace], candidates: Sequence[str], at: float, until: float) -> dict[str, tuple[Shift, ...]]:
    """The strangest shifts of each candidate, less the usual one of the same metric on all assets given."""
    found = [(trace.asset, shift) for trace in traces if (shift := shift_of(trace, at, until))]
    same: dict[str, dict[str, float]] = defaultdict(dict)
    for asset, shift in found:
        same[shift.metric][asset] = max(same[shift.metric].get(asset, 0.0), abs(shift.size))
    states = {trace.metric for trace in traces if trace.is_state}
    common = {metric: 0.0 if metric in states or len(sizes) < 4 else median(sizes.values()) for metric, sizes in same.items()}
    wanted = set(candidates)
    kept: dict[str, list[Shift]] = defaultdict(list)
    for asset, shift in found:
        if asset in wanted and abs(shift.size) - common[shift.metric] >= max(ABNORMAL, 0.3 * common[shift.metric]):
            kept[asset].append(shift)
    return {asset: tuple(sorted(shifts, key=lambda one: -abs(one.size))[:SHOWN]) for asset, shifts in kept.items()}


def _strength(size: float) -> float:
    return min(1.0, math.log1p(abs(size)) / math.log1p(FULL))


def _behind(
    asset: str, leans: Mapping[str, Sequence[tuple[str, str]]], is_strange: set[str], measured: set[str], since: Mapping[str, float]
) -> dict[str, tuple[str, float]]:
    """What may be behind an asset: root -> (first relation on the way, weight), over abnormal assets, or ones that nothing measures."""
    found: dict[str, tuple[str, float]] = {}
    best = {asset: 1.0}
    queue: deque[tuple[str, str, float, int]] = deque([(asset, "", 1.0, 0)])
    latest = since.get(asset, math.inf) + SLACK_S
    while queue:
        here, first, weight, steps = queue.popleft()
        for relation, target in leans.get(here, ()):
            is_quiet = target in measured and target not in is_strange
            way = weight * WEIGHTS.get(relation, 0.3) * (THROUGH if is_quiet else 0.95)
            is_later = target in is_strange and since.get(target, math.inf) > latest
            if is_later or way <= best.get(target, 0.0):
                continue
            best[target] = way
            if not is_quiet:
                found[target] = (first or relation, way)
            if steps + 1 < HOPS and relation != "connected_to":
                queue.append((target, first or relation, way, steps + 1))
    return found


def _suspect(
    asset: str,
    late: float,
    own: Mapping[str, float],
    since: Mapping[str, float],
    shifts: Mapping[str, tuple[Shift, ...]],
    explained: Mapping[str, Mapping[str, tuple[str, float]]],
    behind: Mapping[str, Mapping[str, tuple[str, float]]],
    is_strange: set[str],
    measured: set[str],
) -> Suspect:
    below = explained.get(asset, {})
    total = max(1, len(is_strange - {asset}))
    share = sum(weight for _, weight in below.values()) / total
    deeper = max((weight for root, (_, weight) in behind[asset].items() if root in is_strange and asset not in behind[root]), default=0.0)
    strength = own[asset] if asset in measured or own[asset] else UNSEEN
    score = strength * (1.0 + share) * (1.0 - 0.7 * deeper) * late
    pairs = tuple(sorted((name, relation) for name, (relation, _) in below.items()))
    return Suspect(asset, score, own[asset], not deeper and asset in is_strange, since[asset], shifts.get(asset, ()), pairs)
