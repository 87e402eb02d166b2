"""A rule that counts events, played over the past with other numbers: what a higher count would have done. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from detectors.rules.window import Window
from detectors.tuning import Effect, Span, compared, mildest

TIMES: Final = (1.5, 2.0, 3.0, 5.0)
Events = Sequence[tuple[float, str]]
"""(second, value of the field that must differ) in order of time."""


@dataclass(frozen=True, slots=True)
class Counting:
    """``at_least`` events (or, with ``distinct``, different values) ``within`` seconds; an alarm lasts until no event came for ``lasts_s``."""

    at_least: int
    within: float
    distinct: bool = False
    apart: float = 0.0
    lasts_s: float = 900.0


def counted(events: Events, rule: Counting) -> list[Span]:
    """The alarms that the rule raises over the events of one key; as in the running rule, events during an alarm only prolong it."""
    found: list[Span] = []
    window = Window()
    for at, value in events:
        if found and at <= found[-1].end:
            found[-1] = replace(found[-1], end=at + rule.lasts_s)
            continue
        complete = window.add(at, value, within=rule.within, at_least=rule.at_least, distinct=rule.distinct, apart=rule.apart)
        if complete:
            found.append(Span(complete[0], at, at + rule.lasts_s))
    return found


def better_count(events: Mapping[str, Events], judged: Mapping[str, Sequence[tuple[float, str]]], now: Counting) -> tuple[int, Effect] | None:
    """The mildest of the best higher counts; ``judged``: key -> (second of the alarm, verdict). None when none is good enough to be proposed."""
    before = {key: counted(found, now) for key, found in events.items()}
    higher = sorted({max(now.at_least + 1, math.ceil(now.at_least * times)) for times in TIMES})
    tried = []
    for at_least in higher:
        after = {key: counted(found, replace(now, at_least=at_least)) for key, found in events.items()}
        tried.append((at_least, compared({key: (before[key], after[key]) for key in events}, judged)))
    return mildest(tried)
