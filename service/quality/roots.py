"""Where did it begin: for each live incident the ranking of ``detectors.roots`` over the graph and the stored series, kept as a document for its page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import structlog

from core.catalogue import catalogue
from core.errors import NotFound, StoreError
from core.names import INCIDENT, ROOTS
from detectors.roots.rank import Edges, Suspect, Trace, candidates_of, chance, leans_of, rank
from detectors.series.baseline import LEAST
from inventory.asset import Asset
from inventory.graph import build_graph
from store.base import Body, Selector, Series, Store
from store.filter import Terms

log = structlog.get_logger("roots")
BEFORE: Final = timedelta(hours=6)
AFTER: Final = timedelta(minutes=15)
STEP: Final = timedelta(minutes=1)
MOST_ASSETS: Final = 60
OF_ONE: Final = 150  # series of one asset
A_ROUND: Final = 3  # incidents looked at in one round; the newest first
SHOWN: Final = 5
DOWN_IS_BAD: Final = (".up", ".oper", ".listening", ".valid")
LEAST_STATE: Final = 0.1  # up or down
PASSED_OVER: Final = (
    "collector.duration", "system.uptime", "wanglou.", "process.", "network.interface.io", "network.interface.packets", "network.interface.speed",
)  # fmt: skip
"""These say nothing about what is wrong, or follow everything else."""


class Roots:
    """``assets`` gives the estate."""

    def __init__(self, store: Store, assets: Callable[[], Sequence[Asset]]) -> None:
        self._store, self._assets = store, assets
        self._seen: dict[str, tuple[int, bool]] = {}

    def round(self, now: datetime) -> int:
        """Look at incidents that are new or have grown; returns how many. Raises StoreError."""
        live = self._store.documents.find(INCIDENT, Terms("state", ("open", "acknowledged")), sort="-opened", limit=200).items
        self._seen = {document.id: self._seen[document.id] for document in live if document.id in self._seen}
        due = [document for document in live if self._mark(document.body, now) != self._seen.get(document.id)][:A_ROUND]
        if not due:
            return 0
        edges = edges_of(self._assets())
        for document in due:
            body = self.look(document.body, edges, now)
            if body is not None:
                self._store.documents.put(ROOTS, document.id, body)
            self._seen[document.id] = self._mark(document.body, now)
        return len(due)

    @staticmethod
    def _mark(body: Body, now: datetime) -> tuple[int, bool]:
        """What must differ for another look: more alerts, or the window being over."""
        opened = datetime.fromisoformat(body["opened"]) if body.get("opened") else now
        return len(body.get("members", ())), now >= opened + AFTER

    def look(self, incident: Body, edges: Edges, now: datetime) -> Body | None:
        """The ranking for one incident as JSON values; None when no alert of it stands on an asset."""
        hit = hit_of(incident)
        if not hit:
            return None
        opened = datetime.fromisoformat(incident["opened"]).timestamp() if incident.get("opened") else math.inf
        at = min(opened, *hit.values())  # an alert that fired again tells a later beginning than the incident's own
        leans = leans_of(edges)
        wanted = _nearest(candidates_of(hit, leans), hit)
        begin = datetime.fromtimestamp(at, UTC)
        until = min(now, begin + AFTER)
        traces = traces_of(self._store, wanted, begin - BEFORE, until)
        ranked = rank(traces, edges, hit, at, until.timestamp())
        told = [one for one in ranked if one.own > 0 or one.explains][:SHOWN]
        return {
            "incident": incident["id"],
            "candidates": len(ranked),
            "series": len(traces),
            "begin": begin.isoformat(),
            "until": until.isoformat(),
            "suspects": [_body(one) for one in told],
            "chance_1": round(chance(len(ranked), 1), 3),
            "chance_3": round(chance(len(ranked), 3), 3),
            "updated": now.isoformat(),
        }

    def forget_old(self, now: datetime, age: timedelta) -> None:
        """Rankings of incidents long closed go."""
        for document in self._store.documents.find(ROOTS, sort="updated", limit=500).items:
            if now - document.updated > age:
                try:
                    self._store.documents.delete(ROOTS, document.id)
                except (NotFound, StoreError) as err:
                    log.warning("an old ranking could not be removed", incident=document.id, reason=str(err))


def edges_of(assets: Iterable[Asset]) -> list[tuple[str, str, str]]:
    """What leans on what: the relations of the inventory, the place an asset stands in, and the sensors that speak for a place."""
    known = list(assets)
    graph = build_graph(known)
    found = [(edge.source, edge.relation, edge.target) for edges in graph.outgoing.values() for edge in edges if edge.relation != "collected_by"]
    for asset in known:
        if asset.located_in:
            found.append((asset.id, "located_in", asset.located_in))
            if asset.kind == "sensor":
                found.append((asset.located_in, "sensed_by", asset.id))
    return found


def hit_of(incident: Body) -> dict[str, float]:
    """Assets with an alert of this incident, and when their first one began."""
    found: dict[str, float] = {}
    for member in incident.get("members", ()):
        if member.get("start") and member.get("asset"):
            at = datetime.fromisoformat(member["start"]).timestamp()
            found[str(member["asset"])] = min(at, found.get(str(member["asset"]), at))
    return found


def traces_of(store: Store, assets: Sequence[str], since: datetime, until: datetime) -> list[Trace]:
    """The telling series of these assets by the minute, at most 150 of one asset, those of states first. Raises StoreError."""
    known = {sample.metric for sample in store.metrics.series(Selector(asset=tuple(assets)))}
    wanted = tuple(sorted(metric for metric in known if not metric.startswith(PASSED_OVER) and not metric.endswith(".days_left")))
    if not wanted:
        return []
    found = store.metrics.range(Selector(asset=tuple(assets), metric=wanted), since, until + STEP, STEP)
    counts: Counter[str] = Counter()
    traces = []
    for trace in sorted(map(_trace, found), key=lambda one: not one.is_state):
        counts[trace.asset] += 1
        if counts[trace.asset] <= OF_ONE:
            traces.append(trace)
    return traces


def _trace(series: Series) -> Trace:
    row = catalogue().get(series.metric)
    is_state = bool(row and row.unit == "1")
    least = LEAST_STATE if is_state else LEAST.get(row.unit, 0.0) if row else 0.0
    times = np.array([time.timestamp() for time, _ in series.points], float)
    return Trace(
        series.asset,
        series.metric,
        times,
        np.array([value for _, value in series.points], float),
        dict(series.labels),
        least,
        is_state,
        -1 if series.metric.endswith(DOWN_IS_BAD) else 0,
    )


def _nearest(candidates: Sequence[str], hit: Iterable[str]) -> list[str]:
    """Those with an alert first, then as found, no more than can be looked at."""
    first = [asset for asset in hit if asset in set(candidates)]
    return list(dict.fromkeys([*first, *candidates]))[:MOST_ASSETS]


def _body(suspect: Suspect) -> dict[str, Any]:
    body = suspect.body()
    for one in [body, *body["shifts"]]:
        since = one["since"]
        one["since"] = datetime.fromtimestamp(since, UTC).isoformat() if isinstance(since, float) and since < 1e11 else None
    return body
