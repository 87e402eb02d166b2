"""Dossier: everything about one protection object on one day, gathered once for pages, reports and the evidence package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from compliance import evidence
from compliance.answers import answers, counting
from compliance.exemptions import Exemption, exemptions
from compliance.framework import Framework, Item, Speaking, load_framework
from compliance.history import as_of
from compliance.kinds import PARSER_VERSION, form_of
from compliance.objects import ProtectionObject, Step, steps
from compliance.queries import scored, verdicts_of
from compliance.register import WHOLE
from compliance.risk import Ground, Risk, counted, decisions, decisions_at, rate
from compliance.rollup import Answer, Book, Conformity, ItemResult, Point, book_of, on_asset, over_assets, points
from compliance.run import COMMON, OBJECT_ASSET, every, is_own
from compliance.scoring import Score, scheme_for
from compliance.signs import Standing, standings
from core.names import VERDICT
from inventory.asset import Asset
from store.base import Body, Store

Tell = Callable[[float, str], None]
"""Told how far the work is (0..1) and with what it is busy."""
NOW_ENOUGH: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One text that verdicts of the object rest on: a line of the evidence index."""

    id: str
    asset: str
    kind: str
    command: str
    parser: str
    taken: datetime
    sha256: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """See the module. ``moment`` is the state's time, ``made`` when it was gathered; ``by_asset`` is item -> asset -> result where something speaks."""

    subject: ProtectionObject
    moment: datetime
    made: datetime
    zone: ZoneInfo
    framework: Framework
    scheme: str
    items: tuple[Item, ...]
    results: Mapping[str, ItemResult]
    by_asset: Mapping[str, Mapping[str, ItemResult]]
    assets: tuple[Asset, ...]
    verdicts: tuple[Body, ...]
    answers: tuple[Answer, ...]
    steps: tuple[Step, ...]
    risks: tuple[Risk, ...]
    exemptions: tuple[Exemption, ...]
    score: Score
    exhibits: tuple[Exhibit, ...]
    head: tuple[int, str]
    decided: frozenset[str] = frozenset()
    is_dark: bool = False
    standings: tuple[Standing, ...] = ()

    @property
    def points(self) -> list[Point]:
        """Control points in the order of the standard."""
        return points(self.items, self.results)

    def conforming(self, word: Conformity) -> int:
        """How many items came out as ``word``."""
        return self.score.counts.get(word, 0)


def gather(
    store: Store,
    checks: Sequence[Speaking],
    subject: ProtectionObject,
    assets: Sequence[Asset],
    *,
    moment: datetime,
    now: datetime,
    zone: ZoneInfo,
    tell: Tell = lambda _share, _what: None,
    framework: Framework | None = None,
) -> Dossier:
    """Read and judge; ``moment`` may be any past time. Raises ConfigError when no scoring scheme was in force."""
    framework = framework or load_framework()
    mine = tuple(assets) if subject.id == WHOLE else tuple(subject.members(assets))
    tell(0.05, "verdicts")
    bodies, given, is_dark = _state(store, speaks_for(subject, (asset.id for asset in mine)), moment, now)
    given = counting(given, subject.id)
    bodies = [_speaking(framework, body) for body in bodies]
    tell(0.3, "items")
    items = framework.applicable(subject.grade)
    book = book_of(framework, items, checks)
    results, by_asset = _judged(book, items, bodies, given, moment)
    tell(0.7, "risks")
    today = moment.astimezone(zone).date()
    work, allowed, scheme = tuple(steps(subject, today)), tuple(exemptions(store)), scheme_for(today, family=framework.family)
    ground = Ground(
        subject=subject,
        items=items,
        results=results,
        verdicts=bodies,
        cases=framework.cases_at(today),
        steps=work,
        exemptions=allowed,
        decisions=decisions(store) if now - moment <= NOW_ENOUGH else decisions_at(store.documents, moment),
        now=moment,
    )
    risks = tuple(rate(ground))
    tell(0.8, "evidence")
    return Dossier(
        subject=subject,
        moment=moment,
        made=now,
        zone=zone,
        framework=framework,
        scheme=scheme,
        items=items,
        results=results,
        by_asset=by_asset,
        assets=mine,
        verdicts=tuple(bodies),
        answers=tuple(one for one in given if one.expires > moment),
        steps=work,
        risks=risks,
        exemptions=tuple(one for one in allowed if one.object == subject.id and one.requested <= moment),
        score=scored(items, results, scheme, counted(risks)),
        exhibits=tuple(exhibits(bodies)),
        head=evidence.head(store.documents),
        decided=book.decided,
        is_dark=is_dark,
        standings=tuple(standings(ground)),
    )


def speaks_for(subject: ProtectionObject, assets: Iterable[str]) -> Callable[[str], bool]:
    """Whether a verdict on an asset counts for an object: its own assets, what no collector speaks for, and the register's record of the object itself."""
    names = {*assets, *COMMON, f"{OBJECT_ASSET}{subject.id}"}
    return lambda asset: asset in names or (subject.id == WHOLE and is_own(asset))


def _state(store: Store, counts: Callable[[str], bool], moment: datetime, now: datetime) -> tuple[list[Body], list[Answer], bool]:
    """Verdicts of the object's assets and answers: the newest ones for now, those of the chain for the past."""
    if now - moment <= NOW_ENOUGH:
        return [document.body for document in every(store, VERDICT) if counts(document.body["asset"])], answers(store), False
    past = as_of(store.documents, moment)
    return [body for body in past.verdicts if counts(body["asset"])], list(past.answers), past.is_dark


def _speaking(framework: Framework, body: Body) -> Body:
    """A verdict that names the items of this framework."""
    return body if framework.is_mlps else {**body, "items": list(framework.own(body["check"], body["items"]))}


def _judged(
    book: Book, items: Sequence[Item], bodies: Sequence[Body], given: Sequence[Answer], moment: datetime
) -> tuple[dict[str, ItemResult], dict[str, dict[str, ItemResult]]]:
    found = verdicts_of(bodies)
    results, by_asset = {}, {}
    for item in items:
        mine = [one for one in given if one.item == item.id]
        one_by_one = {asset: on_asset(book, item, asset, verdicts, mine, moment) for asset, verdicts in found.items()}
        results[item.id] = over_assets(item, list(one_by_one.values())) if one_by_one else on_asset(book, item, "", {}, mine, moment)
        by_asset[item.id] = {asset: result for asset, result in one_by_one.items() if result.checks}
    return results, by_asset


def exhibits(bodies: Sequence[Body]) -> list[Exhibit]:
    """The texts that the verdicts rest on, by asset and kind, each with the checks that read it."""
    found: dict[str, tuple[Body, Body]] = {}
    used: dict[str, set[str]] = {}
    for body in bodies:
        for read in body["read"]:
            found[read["evidence"]] = (body, read)
            used.setdefault(read["evidence"], set()).add(body["check"])
    rows = [
        Exhibit(
            id=name,
            asset=body["asset"],
            kind=read["kind"],
            command=form_of(read["kind"]).command,
            parser=read.get("parser") or PARSER_VERSION,
            taken=datetime.fromisoformat(read["time"]),
            sha256=read["sha256"],
            checks=tuple(sorted(used[name])),
        )
        for name, (body, read) in found.items()
    ]
    return sorted(rows, key=lambda row: (row.asset, row.kind, row.id))
