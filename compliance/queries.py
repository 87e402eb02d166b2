"""What pages and reports ask of stored verdicts: by layer and control point, by asset, and the evidence. Pure functions over bodies.

The bodies are those of the documents of kind "verdict" (see docs/compliance.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance.framework import Framework, Grade, Item, Layer
from compliance.rollup import Answer, Book, Conformity, ItemResult, Point, assess, combined, on_asset, points
from compliance.scoring import Risks, Score, Scored, score
from compliance.verdict import Outcome, Verdict, verdict_from
from store.base import Body

RANK: Mapping[str, int] = {Outcome.FAIL: 0, Outcome.UNKNOWN: 1, Outcome.PASS: 2, Outcome.NOT_APPLICABLE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """One layer with its control points in order; ``counts`` counts items by result."""

    layer: Layer
    conformity: Conformity
    counts: Mapping[Conformity, int]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetView:
    """One asset: how many checks of each outcome, and its verdicts, the failures first."""

    asset: str
    counts: Mapping[Outcome, int]
    verdicts: tuple[Body, ...]


def verdicts_of(bodies: Iterable[Body]) -> dict[str, dict[str, Verdict]]:
    """Asset -> check id -> verdict."""
    found: dict[str, dict[str, Verdict]] = defaultdict(dict)
    for body in bodies:
        found[body["asset"]][body["check"]] = verdict_from(body)
    return dict(found)


def by_layer(framework: Framework, items: Sequence[Item], results: Mapping[str, ItemResult]) -> list[LayerView]:
    """The layers that have applicable items, in the order of the standard."""
    grouped: dict[str, list[Point]] = defaultdict(list)
    for point in points(items, results):
        grouped[point.layer].append(point)
    return [_layer(layer, grouped[layer.zh]) for layer in framework.layers if grouped.get(layer.zh)]


def _layer(layer: Layer, found: Sequence[Point]) -> LayerView:
    words = [result.conformity for point in found for result in point.items]
    return LayerView(layer=layer, conformity=combined(words), counts=Counter(words), points=tuple(found))


def estate(book: Book, bodies: Iterable[Body], answers: Sequence[Answer], now: datetime) -> dict[str, ItemResult]:
    """Item -> result over all assets."""
    return assess(book, verdicts_of(bodies), answers, now)


def of_asset(book: Book, asset: str, bodies: Iterable[Body], answers: Sequence[Answer], now: datetime) -> dict[str, ItemResult]:
    """Item -> result on one asset, for the items that a check or an answer speaks about."""
    found = verdicts_of(bodies).get(asset, {})
    results = {name: on_asset(book, item, asset, found, [one for one in answers if one.item == name], now) for name, item in book.items.items()}
    return {name: result for name, result in results.items() if result.by != "nobody"}


def by_asset(bodies: Iterable[Body]) -> list[AssetView]:
    """Assets with the most failures first."""
    grouped: dict[str, list[Body]] = defaultdict(list)
    for body in bodies:
        grouped[body["asset"]].append(body)
    views = [
        AssetView(
            asset=asset,
            counts=Counter(Outcome(body["outcome"]) for body in found),
            verdicts=tuple(sorted(found, key=lambda body: (RANK[body["outcome"]], body["severity"], body["check"]))),
        )
        for asset, found in grouped.items()
    ]
    return sorted(views, key=lambda view: (-view.counts.get(Outcome.FAIL, 0), view.asset))


def of_item(item: str, bodies: Iterable[Body]) -> list[Body]:
    """The verdicts that speak for an item, the failures first."""
    return sorted((body for body in bodies if item in body["items"]), key=lambda body: (RANK[body["outcome"]], body["asset"], body["check"]))


def evidence_ids(body: Body) -> list[str]:
    """The ids of the evidence documents that a verdict rests on."""
    return [str(read["evidence"]) for read in body["read"]]


def scored(items: Sequence[Item], results: Mapping[str, ItemResult], scheme: str, risks: Risks = Risks()) -> Score:  # noqa: B008 - a frozen value
    """The score of a grade's items."""
    rows = [Scored(conformity=results[item.id].conformity, is_technical=item.is_technical, weight=item.importance or "一般") for item in items]
    return score(scheme, rows, risks)


def coverage(framework: Framework, grade: Grade, book: Book) -> list[tuple[Item, str, tuple[str, ...]]]:
    """How each applicable item comes to its verdict: decided, evidence (a person has the last word) or manual, and by which checks."""
    rows = []
    for item in framework.applicable(grade):
        checks = book.checks.get(item.id, ())
        way = "manual" if not checks else "decided" if item.id in book.decided else "evidence"
        rows.append((item, way, checks))
    return rows
