"""Graded protection as the page shows it: layers, control points and items from the stored verdicts and decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from compliance.answers import answers, counting
from compliance.framework import Framework, Grade, Item, load_framework
from compliance.load import SHIPPED, load_checks
from compliance.queries import RANK, by_layer, estate, of_item
from compliance.register import WHOLE
from compliance.rollup import Book, ItemResult, book_of
from core.names import VERDICT
from store.base import Body, Store

__all__ = ["Overview", "of_item", "overview", "sorted_verdicts", "verdicts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """A control point with how many of its items are met."""

    zh: str
    en: str
    conformity: str
    met: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """A layer with its control points."""

    code: str
    zh: str
    en: str
    conformity: str
    counts: Mapping[str, int]
    points: tuple[PointRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """A requirement and its result."""

    zh: str
    en: str
    conformity: str
    proposed: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything about one grade."""

    layers: tuple[LayerRow, ...]
    items: Mapping[str, ItemRow]
    counts: Counter[str]
    total: int
    failed_checks: int
    failing_assets: int


def verdicts(store: Store) -> list[Body]:
    """The newest verdict of every check on every asset."""
    found: list[Body] = []
    cursor: str | None = None
    while True:
        page = store.documents.find(VERDICT, limit=5000, cursor=cursor)
        found += [document.body for document in page.items]
        if (cursor := page.cursor) is None:
            return found


def overview(
    store: Store, bodies: list[Body], grade: Grade, site_folder: Path, now: datetime, framework: Framework | None = None, subject: str = WHOLE
) -> Overview:
    """The requirements of a grade as they stand, of GB/T 22239 unless another framework is given."""
    framework = framework or load_framework()
    items, book = _prepared(grade, site_folder) if framework.is_mlps else _book(framework, grade, site_folder)
    results = estate(book, bodies, counting(answers(store), subject), now)
    fails = [body for body in bodies if body["outcome"] == "fail"]
    counts = Counter(str(results[item.id].conformity) for item in items)
    return Overview(
        layers=tuple(_layers(framework, items, results)),
        items={item.id: _item(item, results[item.id]) for item in items},
        counts=counts,
        total=len(items),
        failed_checks=len({body["check"] for body in fails}),
        failing_assets=len({body["asset"] for body in fails}),
    )


def sorted_verdicts(bodies: Iterable[Body]) -> list[Body]:
    """The failures first, then by asset and check."""
    return sorted(bodies, key=lambda body: (RANK[body["outcome"]], body["asset"], body["check"]))


@lru_cache(maxsize=8)
def _prepared(grade: Grade, site_folder: Path) -> tuple[tuple[Item, ...], Book]:
    return _book(load_framework(), grade, site_folder)


def _book(framework: Framework, grade: Grade, site_folder: Path) -> tuple[tuple[Item, ...], Book]:
    items = framework.applicable(grade)
    checks = load_checks((SHIPPED, site_folder / "checks"))
    return items, book_of(framework, items, checks.checks.values())


def _layers(framework: Framework, items: Iterable[Item], results: Mapping[str, ItemResult]) -> list[LayerRow]:
    every = tuple(items)
    english = {(item.layer, item.control_point): item.control_point_en for item in every}
    return [
        LayerRow(
            code=view.layer.code,
            zh=view.layer.zh,
            en=view.layer.en,
            conformity=str(view.conformity),
            counts={str(key): count for key, count in view.counts.items()},
            points=tuple(
                PointRow(
                    zh=point.name,
                    en=english[point.layer, point.name],
                    conformity=str(point.conformity),
                    met=sum(result.conformity == "conforms" for result in point.items),
                    total=len(point.items),
                )
                for point in view.points
            ),
        )
        for view in by_layer(framework, every, results)
    ]


def _item(item: Item, result: ItemResult) -> ItemRow:
    return ItemRow(
        zh=item.zh, en=item.en, conformity=str(result.conformity), proposed=str(result.proposed or ""), reason_zh=result.reason.zh, reason_en=result.reason.en
    )
