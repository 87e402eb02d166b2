"""Evaluate: check x host -> verdict. Pure: the same snapshots and the same ``now`` give the same verdict.

Three answers are kept apart all the way: it holds, it does not, it cannot be told. A group of ``any`` holds
when one part holds, even when another cannot be told; it fails only when every part is known to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from compliance.check import Check, Expectation, Rows, Test, Text
from compliance.host import CONFIGURATION, SYSTEMS, Host
from compliance.kinds import Row, Unreadable, form_of
from compliance.verdict import Outcome, Verdict
from core.patterns import compiled
from core.records import Snapshot
from inventory.configuration.blocks import Block

SHOWN = 10
WIDTH = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """``holds`` is None when it cannot be told, then ``why`` says the reason; ``seen`` is what was found."""

    holds: bool | None
    seen: tuple[str, ...] = ()
    why: Text | None = None


def evaluate(check: Check, asset: str, snapshots: Iterable[Snapshot], now: datetime) -> Verdict:
    """What ``check`` says of ``asset`` judged by ``snapshots`` (the newest of each kind counts)."""
    return judge(check, Host(asset, snapshots, now))


def judge(check: Check, host: Host) -> Verdict:
    """The same over a prepared host, so that many checks parse each text once."""

    def verdict(outcome: Outcome, reason: Text, seen: tuple[str, ...] = ()) -> Verdict:
        read = tuple(found for kind in sorted(check.kinds) if (found := host.read(kind)))
        return Verdict(check=check.id, asset=host.asset, time=host.now, outcome=outcome, reason=reason, observed=seen[:SHOWN], read=read)

    try:
        platforms = host.platforms()
    except Unreadable as err:
        return verdict(Outcome.UNKNOWN, Text(zh=err.zh, en=str(err)))
    if "any" not in check.platforms and not host.worked_out() & set(check.platforms):
        if not platforms - host.worked_out():
            return verdict(
                Outcome.UNKNOWN,
                Text(zh="尚不能得知是什么平台（操作系统或设备配置）", en="the platform (its system, or a device's configuration) is not known yet"),
            )
        if not platforms & set(check.platforms):
            return verdict(Outcome.NOT_APPLICABLE, Text(zh=f"只适用于 {'、'.join(check.platforms)}", en=f"applies to {', '.join(check.platforms)} alone"))
    place = _Place(check, host, platforms)
    applies = place.combine("all", check.applies)
    if applies.holds is False:
        return verdict(Outcome.NOT_APPLICABLE, Text(zh="该主机不具备此项的前提", en="the host lacks what this check is about"), applies.seen)
    if not any(place.is_meant(part) for part in check.expect):
        return verdict(Outcome.UNKNOWN, Text(zh="此检查没有针对该平台的判据", en="the check expects nothing of this platform"))
    answer = place.combine(check.match, check.expect) if applies.holds else applies
    return verdict(*_said(check, answer), answer.seen)


def _said(check: Check, answer: Answer) -> tuple[Outcome, Text]:
    if answer.holds is None:
        return Outcome.UNKNOWN, answer.why or Text(zh="无法判断", en="cannot be told")
    if answer.holds:
        return Outcome.PASS, Text(zh=f"符合：{check.title.zh}", en=f"conforms: {check.title.en}")
    return Outcome.FAIL, Text(zh=f"不符合：{check.title.zh}", en=f"does not conform: {check.title.en}")


@dataclass(frozen=True, slots=True)
class _Place:
    check: Check
    host: Host
    platforms: frozenset[str]

    def is_meant(self, part: Expectation) -> bool:
        """Whether the part is for this platform."""
        return not part.platforms or bool(self.platforms & set(part.platforms))

    def combine(self, match: str, parts: Iterable[Expectation], kind: str = "") -> Answer:
        """``all``, ``any`` or ``none`` of the parts that are meant for this platform."""
        answers = [self.answer(part, kind or self.check.reads) for part in parts if self.is_meant(part)]
        holding = [answer.holds for answer in answers]
        if (match != "all") in holding:
            holds: bool | None = match == "any"
        else:
            holds = None if None in holding else (match != "any" or not answers)
        return Answer(holds, _seen(answers, holds, match), next((answer.why for answer in answers if answer.holds is None), None))

    def answer(self, part: Expectation, kind: str) -> Answer:
        """Whether one expectation holds."""
        own = part.read or kind
        if part.first is not None:
            return self.answer(next((one for one in part.first if all(self.host.has(name) for name in one.reads(own))), part.first[-1]), own)
        for match, group in (("any", part.any), ("all", part.all), ("none", part.none)):
            if group is not None:
                return self.combine(match, group, own)
        try:
            if missing := self._missing(part, own):
                return missing
            return self._leaf(part, own)
        except Unreadable as err:
            return Answer(None, (), Text(zh=err.zh, en=str(err)))

    def _missing(self, part: Expectation, kind: str) -> Answer | None:
        limit = timedelta(hours=self.check.limit_age_h)
        try:
            found = self.host.snapshot(kind, limit)
        except Unreadable:
            if part.missing != "empty":
                raise
            found = None
        if found is not None:
            return None
        if form_of(kind).needs_root and not self.host.saw_everything():
            return Answer(None, (), Text(zh=f"采集账号无权读取 {kind}", en=f"the collecting account may not read {kind}"))
        if part.missing != "unknown" and any(self.host.snapshot(name, limit) is not None for name in (*SYSTEMS, CONFIGURATION)):
            return self._absent(part, kind)
        return Answer(None, (), Text(zh=f"没有读到 {kind}", en=f"{kind} was not read"))

    def _absent(self, part: Expectation, kind: str) -> Answer:
        if part.setting is not None:
            return _of(part, part.default, f"{kind}: {part.setting}")
        if part.capture is not None:
            return _of(part, part.default, f"{kind}")
        return _counted(part, 0, (f"{kind}: -",))

    def _leaf(self, part: Expectation, kind: str) -> Answer:
        if part.setting is not None:
            found = self.host.settings(kind, part.files).get(part.setting.lower(), part.default)
            return _of(part, found, f"{kind}: {part.setting}")
        if part.lines is not None:
            pattern, besides = compiled(part.lines), compiled(part.besides) if part.besides else None
            hits = [line for line in self.host.plain(kind, part.files) if pattern.search(line) and not (besides and besides.search(line))]
            return _counted(part, len(hits), tuple(f"{kind}: {line[:WIDTH]}" for line in hits) or (f"{kind}: 0",))
        if part.capture is not None:
            pattern = compiled(part.capture)
            caught = [match.group(1) for line in self.host.plain(kind, part.files) if (match := pattern.search(line))]
            return _of(part, caught[-1] if caught else part.default, kind)
        if part.blocks is not None:
            hits = [f"{kind}: {block.text[:WIDTH]}" for block in _matching(part, self.host.blocks(kind))]
            return _counted(part, len(hits), tuple(hits) or (f"{kind}: 0",))
        return self._table(part, kind)

    def _table(self, part: Expectation, kind: str) -> Answer:
        table = self.host.rows(kind)
        if unsure := [row for row in table if part.unsure and _fits(row, part.unsure)]:
            told = f"{kind} has parts that cannot be told (not read, not permitted, or too old)"
            why = part.why or Text(zh=f"{kind} 中有不能得知的内容（没有读到、无权读取或过旧）", en=told)
            return Answer(None, _shown(kind, unsure), why)
        if part.duplicates is not None:
            values = [row.get(part.duplicates, "") for row in table]
            twice = sorted({value for value in values if values.count(value) > 1})
            return _counted(part, len(twice), tuple(f"{kind}: {part.duplicates} {value}" for value in twice))
        hits = [row for row in table if _fits(row, part.rows or ())]
        return _counted(part, len(hits), _shown(kind, hits) or (f"{kind}: 0",))


def _seen(answers: Iterable[Answer], holds: bool | None, match: str) -> tuple[str, ...]:
    """What decided: the parts that failed when it fails, all of them otherwise."""
    telling = [answer for answer in answers if holds is not False or match == "any" or (answer.holds is not True if match == "all" else answer.holds)]
    return tuple(dict.fromkeys(line for answer in telling for line in answer.seen))


def _matching(part: Expectation, blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, at any depth, that an expectation means."""
    header, having, lacking = compiled(part.blocks or ""), [compiled(text) for text in part.having], [compiled(text) for text in part.lacking]
    for block in blocks:
        if header.search(block.text) and not (part.besides and compiled(part.besides).search(block.text)):
            inside = [line for depth, line in block.walk(banners=False) if depth]
            if all(any(one.search(line) for line in inside) for one in having) and not any(one.search(line) for one in lacking for line in inside):
                yield block
        yield from _matching(part, block.inside)


def _shown(kind: str, rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(f"{kind}: {' '.join(value for value in row.values() if value)[:WIDTH]}" for row in rows)


def _fits(row: Row, alternatives: Rows) -> bool:
    return not alternatives or any(all(holds(test, row.get(name, "")) for name, test in tests.items()) for tests in alternatives)


def _counted(part: Test, count: int, seen: tuple[str, ...]) -> Answer:
    return Answer(holds(part, str(count)), seen[:SHOWN])


def _of(part: Expectation, value: str | None, name: str) -> Answer:
    if value is None:
        return Answer(part.blank is True, (f"{name}: -",))
    if value in part.cannot_tell:
        return Answer(None, (f"{name} = {value}",), part.why or Text(zh=f"采集端无法得知 {name}", en=f"the collector could not tell {name}"))
    return Answer(holds(part, value), (f"{name} = {value[:WIDTH]}",))


def holds(test: Test, value: str) -> bool:
    """Whether ``value`` passes every test given; a limit on something that is no number does not hold."""
    word = value.strip().lower()
    return (
        (test.equals is None or word == test.equals.lower())
        and (test.one_of is None or word in {one.lower() for one in test.one_of})
        and (test.none_of is None or word not in {one.lower() for one in test.none_of})
        and (test.matches is None or compiled(test.matches).search(value) is not None)
        and (test.lacks is None or compiled(test.lacks).search(value) is None)
        and (test.blank is None or (word == "") is test.blank)
        and _number_holds(test, word)
        and _mode_holds(test, word)
    )


def _number_holds(test: Test, word: str) -> bool:
    if test.at_least is None and test.at_most is None:
        return True
    try:
        number = float(word)
    except ValueError:
        return False
    return (test.at_least is None or number >= test.at_least) and (test.at_most is None or number <= test.at_most)


def _mode_holds(test: Test, word: str) -> bool:
    """``mode_within``: no permission beyond these; ``mode_covers``: takes away at least these (a umask)."""
    if test.mode_within is None and test.mode_covers is None:
        return True
    try:
        mode = int(word, 8)
    except ValueError:
        return False
    within = test.mode_within is None or not mode & ~int(test.mode_within, 8)
    return within and (test.mode_covers is None or int(test.mode_covers, 8) & ~mode == 0)
