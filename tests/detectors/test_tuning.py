"""What another setting would have done to the past."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from detectors.base import Floats
from detectors.rules.counting import Counting, better_count, counted
from detectors.rules.threshold import Limits
from detectors.tuning import Setting, Span, best, candidates, effect, played

TIMES: Floats = np.arange(2000, dtype=np.float64) * 60
NOW = Setting(above=90, clear_below=85)


def bursts(lengths: list[int], level: float = 95) -> Floats:
    """Usual is 50; a burst of so many minutes every 60."""
    values: Floats = np.full(2000, 50.0)
    for number, length in enumerate(lengths):
        values[60 * (number + 1) : 60 * (number + 1) + length] = level
    return values


def test_it_plays_what_the_rules_own_limits_do() -> None:
    rng = random.Random(3)
    values = np.array([rng.gauss(87, 4) for _ in range(2000)])
    values[::97] = math.nan
    limits, before, states = Limits(above=90, clear_below=85), False, []
    for value in values:
        before = limits.active(float(value), before)
        states.append(before)
    inside = np.zeros(2000, bool)
    for span in played(TIMES, values, NOW):
        inside |= (span.start <= TIMES) & (span.end > TIMES)
    assert inside.tolist() == states


def test_below_a_limit_is_played_too_and_a_hold_delays() -> None:
    values = np.array([20.0, 9, 9, 9, 12, 16, 20])
    assert played(TIMES[:7], values, Setting(below=10, clear_above=15, for_s=120)) == [Span(60.0, 180.0, 300.0)]


def test_what_lasts_still_has_no_end() -> None:
    (span,) = played(TIMES[:3], np.array([50.0, 95, 95]), NOW)
    assert math.isinf(span.end)


def test_the_effect_counts_what_goes_and_what_useful_is_lost() -> None:
    series = {"a": (TIMES, bursts([5, 5, 5, 30, 5]))}
    judged = {"a": [(3600.0, "useful"), (7200.0, "false"), (4 * 3600.0, "useful")]}
    found = effect(series, judged, NOW, Setting(above=90, clear_below=85, for_s=900))
    assert (found.before, found.removed, found.lost_useful, found.removed_false, found.useful, found.later_s) == (5, 4, 1, 1, 2, 900)


def test_the_mildest_of_the_best_is_proposed() -> None:
    series = {"a": (TIMES, bursts([8] * 10 + [120]))}
    then, found = best(series, {"a": [(11 * 3600.0, "useful")]}, NOW, is_percent=True) or (NOW, None)
    assert NOW.changes(then) == {"for": 600.0}
    assert found is not None
    assert (found.removed, found.lost_useful) == (10, 0)


def test_nothing_is_proposed_that_would_lose_what_was_useful() -> None:
    series = {"a": (TIMES, bursts([8] * 10))}
    assert best(series, {"a": [(3600.0 * number, "useful") for number in range(1, 11)]}, NOW, is_percent=True) is None


@pytest.mark.parametrize("now", [Setting(above=97), Setting(below=2), Setting(above=500.0, for_s=3600)])
def test_candidates_stay_possible(now: Setting) -> None:
    for then in candidates(now, is_percent=now.above != 500):
        assert then != now
        assert then.above is None or then.above < 100 or now.above == 500
        assert then.below is None or then.below > 0


# rules that count events


def clusters(sizes: list[int]) -> list[tuple[float, str]]:
    """So many events ten seconds apart at the beginning of each hour, each of another user."""
    return [(3600.0 * number + 10 * event, f"u{event}") for number, size in enumerate(sizes) for event in range(size)]


def test_a_counting_rule_fires_once_per_run_of_events() -> None:
    spans = counted(clusters([3, 8, 20]), Counting(at_least=5, within=120))
    assert [(span.start, span.fired, span.end) for span in spans] == [(3600.0, 3640.0, 3670.0 + 900), (7200.0, 7240.0, 7390.0 + 900)]


def test_different_values_are_counted_where_the_rule_says_so() -> None:
    same = [(float(number), "root") for number in range(50)]
    assert counted(same, Counting(at_least=5, within=120, distinct=True)) == []
    assert len(counted(clusters([8]), Counting(at_least=5, within=120, distinct=True))) == 1


def test_the_count_that_parts_false_from_useful_is_proposed() -> None:
    sizes = [6] * 9 + [40, 40]
    judged = {"a": [(3600.0 * number, "false" if size == 6 else "useful") for number, size in enumerate(sizes)]}
    at_least, found = better_count({"a": clusters(sizes)}, judged, Counting(at_least=5, within=600)) or (0, None)
    assert found is not None
    assert (at_least, found.before, found.removed, found.removed_false, found.lost_useful) == (8, 11, 9, 9, 0)


def test_no_count_is_proposed_where_the_useful_would_go() -> None:
    judged = {"a": [(3600.0 * number, "useful") for number in range(9)]}
    assert better_count({"a": clusters([6] * 9)}, judged, Counting(at_least=5, within=600)) is None
