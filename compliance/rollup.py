"""Roll-up: verdicts of checks -> item on one asset -> item over assets -> control point -> layer. Pure.

The rules are those of GB/T 28449-2018 8.2.1 and 8.2.2. What a machine could not see stays UNKNOWN; it is never
counted as conforming. A failing check decides by itself, a passing one only where telemetry may decide the item.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from compliance.attachments import Attachment
from compliance.check import Text
from compliance.framework import Framework, Item, Speaking
from compliance.variants import settled
from compliance.verdict import Outcome, Verdict


class Conformity(StrEnum):
    """The result of an item, a control point or a layer."""

    CONFORMS = "conforms"
    PARTIAL = "partial"
    FAILS = "fails"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"

    @property
    def text(self) -> Text:
        """The standard's word and the English one."""
        return _WORDS[self]


_WORDS: Mapping[Conformity, Text] = {
    Conformity.CONFORMS: Text(zh="符合", en="conforms"),
    Conformity.PARTIAL: Text(zh="部分符合", en="partly conforms"),
    Conformity.FAILS: Text(zh="不符合", en="does not conform"),
    Conformity.NOT_APPLICABLE: Text(zh="不适用", en="not applicable"),
    Conformity.UNKNOWN: Text(zh="待核实", en="to be verified"),
}
_OF_OUTCOME: Mapping[Outcome, Conformity] = {
    Outcome.PASS: Conformity.CONFORMS,
    Outcome.FAIL: Conformity.FAILS,
    Outcome.NOT_APPLICABLE: Conformity.NOT_APPLICABLE,
    Outcome.UNKNOWN: Conformity.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an officer decided about an item (of one asset, or of all when ``asset`` is empty; of one protection object or of all), until ``expires``.

    ``day`` is the date of the evidence (ISO, empty when none was given), ``files`` what was attached.
    """

    item: str
    asset: str = ""
    object: str = ""
    day: str = ""
    files: tuple[Attachment, ...] = ()
    conformity: Conformity
    who: str
    time: datetime
    comment: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """One item on one asset, or over assets (``asset`` empty). ``proposed`` awaits an officer's word."""

    item: str
    asset: str = ""
    conformity: Conformity
    proposed: Conformity | None = None
    by: str = "telemetry"
    reason: Text
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A control point: its result and those of its items."""

    layer: str
    name: str
    conformity: Conformity
    items: tuple[ItemResult, ...]


def combined(parts: Iterable[Conformity]) -> Conformity:
    """All conform, all fail, none applies, otherwise partly; unknown unless a failure is known already."""
    found = set(parts)
    asked = found - {Conformity.NOT_APPLICABLE}
    if not asked:
        return Conformity.NOT_APPLICABLE if found else Conformity.UNKNOWN
    if len(asked) == 1:
        return asked.pop()
    if asked == {Conformity.CONFORMS, Conformity.UNKNOWN}:
        return Conformity.UNKNOWN
    return Conformity.PARTIAL


@dataclass(frozen=True, slots=True)
class Book:
    """Framework and checks made ready: which checks speak for which item, and where a person has the last word."""

    items: Mapping[str, Item]
    checks: Mapping[str, tuple[str, ...]]
    decided: frozenset[str]


def book_of(framework: Framework, items: Sequence[Item], checks: Iterable[Speaking]) -> Book:
    """Prepared once for many assets."""
    all_checks = tuple(checks)
    by_item: dict[str, list[str]] = defaultdict(list)
    for check in all_checks:
        for name in framework.own(check.id, check.items):
            by_item[name].append(check.id)
    measured = frozenset(item.id for item in framework.items if item.auto == "auto" and not framework.unmet_drafts(item, all_checks))
    said = frozenset(name for check in all_checks if check.decides for name in check.items)
    decided = frozenset(settled(measured | said, by_item))
    return Book({item.id: item for item in items}, {name: tuple(ids) for name, ids in by_item.items()}, decided)


def on_asset(book: Book, item: Item, asset: str, verdicts: Mapping[str, Verdict], answers: Iterable[Answer], now: datetime) -> ItemResult:
    """One item on one asset from its verdicts by check id; a valid answer of an officer wins over a proposal."""
    checks = tuple(name for name in book.checks.get(item.id, ()) if name in verdicts)
    seen = combined(_OF_OUTCOME[verdicts[name].outcome] for name in checks)
    mine = [one for one in answers if one.item == item.id and one.asset in ("", asset)]
    answer = next((one for one in mine if one.expires > now), None)
    failing = seen in (Conformity.FAILS, Conformity.PARTIAL)
    if answer and not (failing and answer.conformity is Conformity.CONFORMS):
        reason = Text(zh=f"{answer.who} 核定：{answer.comment}", en=f"{answer.who} decided: {answer.comment}")
        return ItemResult(item=item.id, asset=asset, conformity=answer.conformity, by="officer", reason=reason, checks=checks)
    why = _ended(mine) if mine and not answer else item.question
    if not checks:
        return ItemResult(item=item.id, asset=asset, conformity=Conformity.UNKNOWN, by="nobody", reason=why)
    if failing or item.id in book.decided or seen is not Conformity.CONFORMS:
        return ItemResult(item=item.id, asset=asset, conformity=seen, reason=_counted(checks, verdicts), checks=checks)
    return ItemResult(item=item.id, asset=asset, conformity=Conformity.UNKNOWN, proposed=seen, reason=why, checks=checks)


def _ended(answers: Sequence[Answer]) -> Text:
    last = max(answers, key=lambda one: one.expires)
    day = f"{last.expires:%Y-%m-%d}"
    return Text(zh=f"{last.who} 的核定已于 {day} 到期，须重新核实", en=f"the decision of {last.who} ended on {day}: look again")


def _counted(checks: Sequence[str], verdicts: Mapping[str, Verdict]) -> Text:
    numbers = [sum(verdicts[name].outcome is outcome for name in checks) for outcome in Outcome]
    return Text(
        zh="通过 {} 项，不通过 {} 项，不适用 {} 项，无法判断 {} 项".format(*numbers),
        en="{} checks pass, {} fail, {} not applicable, {} cannot tell".format(*numbers),
    )


def over_assets(item: Item, results: Sequence[ItemResult]) -> ItemResult:
    """One item over several assets; those on which nothing speaks for it are left out while others speak."""
    telling = [result for result in results if result.by != "nobody"] or list(results)
    conformity = combined(result.conformity for result in telling)
    waiting = [result for result in telling if result.proposed]
    proposed = None
    if conformity is Conformity.UNKNOWN and waiting and len(waiting) == sum(r.conformity is Conformity.UNKNOWN for r in telling):
        proposed = combined(result.proposed or result.conformity for result in telling)
    numbers = {word: sum(result.conformity is word for result in telling) for word in Conformity}
    reason = Text(
        zh="，".join(f"{word.text.zh} {count} 个" for word, count in numbers.items() if count) or item.question.zh,
        en=", ".join(f"{word.text.en}: {count}" for word, count in numbers.items() if count) or item.question.en,
    )
    if {result.by for result in telling} in ({"nobody"}, {"officer"}):
        reason = telling[0].reason
    by = "nobody" if not telling else telling[0].by
    return ItemResult(item=item.id, conformity=conformity, proposed=proposed, by=by, reason=reason, checks=telling[0].checks if telling else ())


def points(items: Sequence[Item], results: Mapping[str, ItemResult]) -> list[Point]:
    """Control points in the order of the standard, each with its result (GB/T 28449-2018 8.2.2)."""
    grouped: dict[tuple[str, str], list[ItemResult]] = {}
    for item in items:
        grouped.setdefault((item.layer, item.control_point), []).append(results[item.id])
    return [Point(layer=layer, name=name, conformity=combined(r.conformity for r in found), items=tuple(found)) for (layer, name), found in grouped.items()]


def assess(book: Book, verdicts: Mapping[str, Mapping[str, Verdict]], answers: Sequence[Answer], now: datetime) -> dict[str, ItemResult]:
    """Every item over every asset of ``verdicts`` (asset -> check id -> verdict)."""
    by_item: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_item[answer.item].append(answer)
    return {
        name: over_assets(item, [on_asset(book, item, asset, found, by_item[name], now) for asset, found in verdicts.items()])
        if verdicts
        else on_asset(book, item, "", {}, by_item[name], now)
        for name, item in book.items.items()
    }
