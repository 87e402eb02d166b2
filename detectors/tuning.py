"""What another setting of a limit would have done to the past: alarms played again over stored points, set against what people said. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np

from detectors.base import Floats

T = TypeVar("T")
HOLDS_S: Final = (300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0)
PERCENT_STEPS: Final = (2.0, 3.0, 5.0)
PART_STEPS: Final = (0.1, 0.25, 0.5)
NEAR_S: Final = 900.0  # an alarm put down so near to a played one is that one
LEAST_REMOVED: Final = 0.3  # a proposal takes away at least this part of the alarms
MOST_LOST: Final = 0.1  # and at most this part of the useful ones
PRICE: Final = 5  # a useful alarm lost weighs as much as so many taken away


@dataclass(frozen=True, slots=True)
class Setting:
    """A limit with hysteresis and hold, as a threshold rule has it; times in seconds."""

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None
    for_s: float = 0.0

    def changes(self, other: Setting) -> dict[str, float]:
        """What differs in ``other``, by the key that a rule file has."""
        keys = {"above": "above", "below": "below", "clear_below": "clear_below", "clear_above": "clear_above", "for_s": "for"}
        return {key: getattr(other, name) for name, key in keys.items() if getattr(self, name) != getattr(other, name)}


@dataclass(frozen=True, slots=True)
class Span:
    """One alarm: the limit passed at ``start``, fired at ``fired``, over at ``end`` (seconds; infinite while it lasts)."""

    start: float
    fired: float
    end: float


@dataclass(frozen=True, slots=True)
class Effect:
    """``before`` alarms become ``before - removed``; how many of the removed were judged useful or false; ``later_s`` the rest fire later."""

    before: int
    removed: int
    lost_useful: int
    removed_false: int
    useful: int
    later_s: float

    @property
    def worth(self) -> float:
        """What speaks for it."""
        return self.removed - PRICE * self.lost_useful

    @property
    def is_good(self) -> bool:
        """Whether it may be proposed."""
        return self.removed >= LEAST_REMOVED * self.before and self.removed > 0 and self.lost_useful <= MOST_LOST * self.useful

    def body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "before": self.before, "removed": self.removed, "lost_useful": self.lost_useful, "removed_false": self.removed_false,
            "useful": self.useful, "later_s": round(self.later_s),
        }  # fmt: skip


def played(times: Floats, values: Floats, setting: Setting) -> list[Span]:
    """The alarms that ``setting`` raises over the points in order of time; an unfinished one ends at infinity."""
    if not len(times):
        return []
    state = _active(values, setting)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], state, [0]])))
    found = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        inside = times[first:after]
        ready = int(np.searchsorted(inside, inside[0] + setting.for_s))
        if ready < len(inside):
            end = float(times[after]) if after < len(times) else float("inf")
            found.append(Span(float(inside[0]), float(inside[ready]), end))
    return found


def _active(values: Floats, setting: Setting) -> Any:
    """1 where the limit is passed and not yet cleared (NaN changes nothing)."""
    with np.errstate(invalid="ignore"):
        if setting.above is not None:
            on, off = values > setting.above, values < (setting.above if setting.clear_below is None else setting.clear_below)
        elif setting.below is not None:
            on, off = values < setting.below, values > (setting.below if setting.clear_above is None else setting.clear_above)
        else:
            return np.zeros(len(values), int)
    marks = np.where(on, 1, np.where(off, -1, 0))
    last = np.maximum.accumulate(np.where(marks != 0, np.arange(len(marks)), -1))
    return np.where(last >= 0, (marks[np.maximum(last, 0)] == 1).astype(int), 0)


def effect(series: Mapping[str, tuple[Floats, Floats]], judged: Mapping[str, Sequence[tuple[float, str]]], now: Setting, then: Setting) -> Effect:
    """What becomes of the alarms of ``now`` under ``then``; ``judged``: series -> (second of the alarm, verdict)."""
    return compared({key: (played(*points, now), played(*points, then)) for key, points in series.items()}, judged)


def compared(alarms: Mapping[str, tuple[Sequence[Span], Sequence[Span]]], judged: Mapping[str, Sequence[tuple[float, str]]]) -> Effect:
    """What becomes of alarms (key -> those of now, those of another setting); ``judged``: key -> (second of the alarm, verdict)."""
    before = removed = lost = false = useful = 0
    later: list[float] = []
    for key, (now, then) in alarms.items():
        fired = [span.fired for span in then]
        verdicts = list(judged.get(key, ()))
        for span in now:
            before += 1
            said = _said(span, verdicts)
            useful += said == "useful"
            place = bisect_left(fired, span.start)
            if place < len(fired) and fired[place] <= span.end:
                later.append(max(0.0, fired[place] - span.fired))
                continue
            removed += 1
            lost += said == "useful"
            false += said == "false"
    return Effect(before, removed, lost, false, useful, float(np.median(later)) if later else 0.0)


def _said(span: Span, verdicts: Sequence[tuple[float, str]]) -> str:
    near = [(abs(at - span.fired), verdict) for at, verdict in verdicts if span.start - NEAR_S <= at <= min(span.end, span.fired + NEAR_S)]
    return min(near)[1] if near else ""


def candidates(now: Setting, *, is_percent: bool) -> Iterator[Setting]:
    """Other settings worth a look: a longer hold, a limit further out (its clearing limit moves along)."""
    for hold in HOLDS_S:
        if hold > now.for_s:
            yield replace(now, for_s=hold)
    limit = now.above if now.above is not None else now.below
    if limit is None:
        return
    for step in PERCENT_STEPS if is_percent else [part * abs(limit) for part in PART_STEPS]:
        if now.above is not None and not (is_percent and limit + step >= 100):
            yield replace(now, above=limit + step, clear_below=None if now.clear_below is None else now.clear_below + step)
        if now.below is not None and not (is_percent and limit - step <= 0):
            yield replace(now, below=limit - step, clear_above=None if now.clear_above is None else now.clear_above - step)


def best(
    series: Mapping[str, tuple[Floats, Floats]], judged: Mapping[str, Sequence[tuple[float, str]]], now: Setting, *, is_percent: bool
) -> tuple[Setting, Effect] | None:
    """The mildest of the best changes; None when none is good enough to be proposed."""
    return mildest([(then, effect(series, judged, now, then)) for then in candidates(now, is_percent=is_percent)])


def mildest(found: Sequence[tuple[T, Effect]]) -> tuple[T, Effect] | None:
    """The first of the best changes, given from mild to harsh; None when none is good enough to be proposed."""
    good = [pair for pair in found if pair[1].is_good]
    if not good:
        return None
    most = max(one.worth for _, one in good)
    return next(pair for pair in good if pair[1].worth >= 0.9 * most)
