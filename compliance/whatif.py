"""What the score would be if some gaps were closed, and the cheapest way to a conclusion. Pure.

Hours are estimates (frameworks/efforts.yaml, or the site's) that only order the work. For the rate of 2025 every item counts the same, so
taking the cheapest first is the best there is; for the deductions of 2021 gain per hour is close to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from compliance.check import Model
from compliance.framework import Item
from compliance.queries import scored
from compliance.risk import Risk, counted
from compliance.rollup import Conformity, ItemResult
from compliance.scoring import Score, load_schemes
from core.files import build, read_yaml
from store.base import Body

SHIPPED: Final = Path(__file__).parent / "frameworks" / "efforts.yaml"


class Efforts(Model):
    """Hours; ``layers`` for items without a failing check."""

    check_h: float
    asset_h: float
    verify_h: float
    layers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What closing one item asks for: hours, the failing checks, the assets; ``verify``: nobody knows yet whether it is a gap."""

    item: str
    hours: float
    checks: tuple[str, ...]
    assets: tuple[str, ...]
    verify: bool
    must: bool
    figure: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The work in order; ``works[n].figure`` is the score after it. ``reached`` says whether the wanted conclusion stands at its end."""

    works: tuple[Work, ...]
    before: Score
    after: Score
    reached: bool

    @property
    def hours(self) -> float:
        """Of everything."""
        return sum(work.hours for work in self.works)


@lru_cache(maxsize=4)
def load_efforts(path: Path = SHIPPED) -> Efforts:
    """The estimates; raises ConfigError."""
    return build(read_yaml(path), Efforts)


def what_if(items: Sequence[Item], results: Mapping[str, ItemResult], risks: Iterable[Risk], mended: Collection[str], scheme: str) -> Score:
    """The score when the items of ``mended`` conform and their risks are gone."""
    changed = {name: replace(result, conformity=Conformity.CONFORMS) if name in mended else result for name, result in results.items()}
    return scored(items, changed, scheme, counted(risk for risk in risks if risk.item not in mended))


def works(items: Sequence[Item], results: Mapping[str, ItemResult], risks: Sequence[Risk], verdicts: Sequence[Body], efforts: Efforts) -> list[Work]:
    """One for each item that does not conform or is not verified: first what must go (major or high risk), then the cheapest."""
    failing: dict[str, list[Body]] = {}
    for body in verdicts:
        if body["outcome"] == "fail":
            for name in body["items"]:
                failing.setdefault(name, []).append(body)
    must = {risk.item for risk in risks if risk.major or risk.level == "high"}
    found = [_work(item, results[item.id], failing.get(item.id, []), item.id in must, efforts) for item in items if _is_open(results[item.id], item.id in must)]
    return sorted(found, key=lambda work: (not work.must, work.hours / _weight(items, work.item), work.item))


def _is_open(result: ItemResult, must: bool) -> bool:
    return must or result.conformity in (Conformity.FAILS, Conformity.PARTIAL, Conformity.UNKNOWN)


def _weight(items: Sequence[Item], name: str) -> float:
    importance = next(item.importance for item in items if item.id == name)
    return {"重要": 2.0, "关键": 3.0}.get(importance or "", 1.0)


def _work(item: Item, result: ItemResult, failing: Sequence[Body], must: bool, efforts: Efforts) -> Work:
    checks, assets = tuple(sorted({body["check"] for body in failing})), tuple(sorted({body["asset"] for body in failing}))
    verify = result.conformity is Conformity.UNKNOWN and not failing and not must
    if failing:
        hours = efforts.check_h * len(checks) + efforts.asset_h * len(failing)
    else:
        hours = efforts.verify_h if verify else efforts.layers.get(item.layer, efforts.check_h)
    return Work(item=item.id, hours=hours, checks=checks, assets=assets, verify=verify, must=must)


def cheapest(
    items: Sequence[Item], results: Mapping[str, ItemResult], risks: Sequence[Risk], verdicts: Sequence[Body], scheme: str, efforts: Efforts, wanted: str = ""
) -> Way:
    """The shortest work to the conclusion ``wanted`` (its Chinese word; the best one when empty)."""
    goal = wanted or load_schemes()[scheme].conclusions[0].zh
    before = now = what_if(items, results, risks, (), scheme)
    done: list[Work] = []
    for work in works(items, results, risks, verdicts, efforts):
        if now.conclusion.zh == goal:
            break
        now = what_if(items, results, risks, {one.item for one in done} | {work.item}, scheme)
        done.append(replace(work, figure=now.figure))
    return Way(works=tuple(done), before=before, after=now, reached=now.conclusion.zh == goal)
