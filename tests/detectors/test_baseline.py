"""The seasonal baseline: what it fires on, when it ends, what it learns, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.calendar import load_calendar
from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.benchmark import ALARM, detect
from detectors.series.baseline import Baseline, Options
from detectors.series.budgets import BUDGETS, MONTH_S, SHIPPED, Choice, budget_of, class_of
from detectors.series.memory import pack
from service.memory import Memory
from tests.detectors.series import START, Change, polls, run, sample, told

pytestmark = pytest.mark.slow

CPU, MEMORY = "system.cpu.utilization", "system.memory.utilization"
DAY = 1440


def firing(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.firing]


def after(findings: list[Finding], row: int) -> list[Finding]:
    return [finding for finding in findings if finding.time >= START + timedelta(minutes=row)]


def plain() -> Baseline:
    """Of the two metrics that the tests are about."""
    return Baseline(Options(metrics=(CPU, MEMORY)))


def in_rows(start: int, end: int, metric: str, by: float) -> Change:
    return lambda row, name, value: value + by if name == metric and start <= row < end else value


def test_a_daily_wave_is_usual_from_the_second_day_on() -> None:
    assert told(after(run(plain(), polls(4 * DAY)), 2 * DAY)) == []


def test_a_fresh_install_is_quiet_on_its_first_days() -> None:
    assert [told(firing(run(Baseline(), polls(3 * DAY, seed=seed)))) for seed in range(1, 4)] == [[], [], []]


def test_nothing_is_raised_before_a_day_was_watched() -> None:
    assert told(run(plain(), polls(DAY - 1, in_rows(1000, 1200, MEMORY, 40)))) == []
    assert (MEMORY, True) in told(run(plain(), polls(DAY + 300, in_rows(DAY + 10, DAY + 60, MEMORY, 40))))


def test_a_value_within_the_range_is_told_when_it_is_unusual_at_this_hour() -> None:
    fault = 2 * DAY + DAY * 3 // 4  # the lowest hour: the wave is at 10, the fault lifts it to 35 of 50
    found = after(run(plain(), polls(3 * DAY, in_rows(fault, fault + 60, CPU, 25))), 2 * DAY)
    assert told(found) == [(CPU, True), (CPU, False)]
    begin, end = found
    assert begin.time - (START + timedelta(minutes=fault)) <= timedelta(minutes=10)
    assert "daily" in begin.evidence["signals"]
    assert "value" not in begin.evidence["signals"]
    assert begin.evidence["low"] <= 10 <= begin.evidence["high"] < begin.evidence["value"]
    assert timedelta(minutes=60) < end.time - (START + timedelta(minutes=fault)) <= timedelta(minutes=70)
    assert end.evidence["accepted"] is False


def test_the_sentence_names_the_number_the_band_and_the_rarity() -> None:
    found = firing(run(plain(), polls(2 * DAY + 200, in_rows(2 * DAY, 3 * DAY, MEMORY, 40))))[-1]
    assert found.evidence["zh"].startswith("内存")
    assert "最高" in found.evidence["zh"]
    assert "usual at this hour" in found.evidence["en"]
    assert "the highest in" in found.evidence["en"]
    assert found.severity is Severity.WARNING


def test_a_new_level_is_told_once_and_then_accepted() -> None:
    found = after(run(plain(), polls(4 * DAY, in_rows(2 * DAY, 9 * DAY, MEMORY, 30))), 2 * DAY)
    assert told(found) == [(MEMORY, True), (MEMORY, False)]
    assert found[1].evidence["accepted"] is True
    assert found[1].time - found[0].time == timedelta(minutes=144)


def test_a_lone_step_within_what_matters_is_not_told() -> None:
    assert told(after(run(plain(), polls(3 * DAY, in_rows(2 * DAY, 3 * DAY, MEMORY, 2.5))), DAY)) == []


def test_no_second_alarm_is_raised_during_the_hold() -> None:
    def climbing(row: int, metric: str, value: float) -> float:
        return value + 0.5 * (row - 2 * DAY) if metric == MEMORY and row >= 2 * DAY else value

    found = firing(run(plain(), polls(2 * DAY + 400, climbing)))
    gaps = [later.time - earlier.time for earlier, later in pairwise(found)]
    assert found
    assert min(gaps) >= timedelta(minutes=144)


def test_a_changed_unit_is_told_once_and_learned_anew() -> None:
    def in_bytes(row: int, metric: str, value: float) -> float:
        return value * 10 if metric == MEMORY and row >= 2 * DAY else value

    judged = Baseline()
    found = [one for one in after(run(judged, polls(4 * DAY, in_bytes)), 2 * DAY) if one.labels["metric"] == MEMORY]
    assert len(firing(found)) == 1
    assert not found[-1].firing
    band = judged.expected(sample(MEMORY, 0, START + timedelta(days=4)))
    assert 450 < band.low < 500 < band.high < 550


def test_a_calm_budget_asks_two_signals_to_agree() -> None:
    fault = 2 * DAY + DAY * 3 // 4
    change = in_rows(fault, fault + 2, CPU, 25)
    assert firing(after(run(plain(), polls(3 * DAY, change)), 2 * DAY))
    assert not firing(after(run(Baseline(Options(policy=BUDGETS["calm"])), polls(3 * DAY, change)), 2 * DAY))


def test_history_makes_a_fresh_install_useful_at_once() -> None:
    judged = Baseline()
    past = [one for batch in polls(2 * DAY) for one in batch]
    assert judged.learn(past) == sum(one.metric in (CPU, MEMORY, "system.network.io") for one in past)
    fault = START + timedelta(days=2)
    found = judged.observe([sample(MEMORY, 95, fault)])
    assert told(found) == [(MEMORY, True)]


def test_rows_of_another_interval_or_after_a_year_are_no_alarm() -> None:
    judged = Baseline()
    run(judged, polls(2 * DAY))
    later = [sample(MEMORY, 50 + math.sin(row), START + timedelta(days=2, minutes=15 * row)) for row in range(200)]
    after_a_year = [sample(MEMORY, 50 + math.sin(row), START + timedelta(days=400, minutes=row)) for row in range(200)]
    assert firing(judged.observe([*later, *after_a_year])) == []


def test_late_repeated_and_impossible_rows_change_nothing() -> None:
    judged = Baseline()
    run(judged, polls(800))
    before = judged.state()
    seen = START + timedelta(minutes=700)
    odd = [sample(MEMORY, value, seen) for value in (99.0, math.nan, math.inf)]
    assert judged.observe(odd) == []
    assert judged.observe([sample(MEMORY, math.nan, START + timedelta(minutes=900)), sample(MEMORY, 1e200, START + timedelta(minutes=901))]) == []
    judged.restore(before)  # as it was: a memory that changed would judge the next rows differently
    assert judged.expected(sample(MEMORY, 50, START + timedelta(minutes=902))).high < 99


def flood(series: int, minute: int) -> list[Sample]:
    return [sample("network.interface.io", 1.0, START + timedelta(minutes=minute), labels={"interface": f"if{number}"}) for number in range(series)]


def test_a_flood_of_series_is_refused_with_one_visible_mark() -> None:
    judged = Baseline(Options(limit=100))
    first, second = judged.observe(flood(5000, 0)), judged.observe(flood(5000, 1))
    assert [(one.source, one.asset, one.firing) for one in first] == [("baseline.admission", "wanglou", True)]
    assert first[0].evidence["limit"] == 100
    assert first[0].evidence["refused"] == 4900
    assert second == []
    assert [(one.source, one.firing) for one in judged.observe(flood(100, 2))] == [("baseline.admission", False)]


def test_a_series_that_is_gone_for_a_month_makes_room() -> None:
    judged = Baseline(Options(limit=1))
    judged.observe([sample(CPU, 1.0, START, asset="old")])
    assert judged.observe([sample(CPU, 1.0, START + timedelta(days=1), asset="new")])[0].firing
    assert not judged.observe([sample(CPU, 1.0, START + timedelta(days=32), asset="new")])[0].firing


def test_free_days_and_working_days_have_patterns_of_their_own() -> None:
    def office(days: int) -> Iterator[list[Sample]]:
        for row in range(days * 96):
            time = START + timedelta(minutes=15 * row)
            local = time + timedelta(hours=8)
            busy = 60 if local.weekday() < 5 and 9 <= local.hour < 18 else 10
            yield [sample(CPU, busy + math.sin(row), time)]

    calendar = load_calendar(None)
    judged = Baseline(Options(calendar=calendar))
    run(judged, office(14))
    sunday = START + timedelta(days=20, hours=4)  # noon in Shanghai
    (found,) = judged.observe([sample(CPU, 60, sunday)])
    assert (found.labels["metric"], found.firing) == (CPU, True)
    assert "休息日 12 时通常在" in found.evidence["zh"]
    assert "usual at 12h on free days are" in found.evidence["en"]


def test_a_damaged_memory_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    run(old := Baseline(), polls(800))
    Memory(tmp_path, [old]).save()
    (tmp_path / "baseline.state").write_bytes((tmp_path / "baseline.state").read_bytes()[:500])
    fresh = Baseline()
    Memory(tmp_path, [fresh]).load()
    assert fresh.state() == Baseline().state()
    assert (tmp_path / "baseline.damaged").exists()
    assert not (tmp_path / "baseline.state").exists()


def test_a_series_remembers_less_than_twenty_kilobytes() -> None:
    judged = Baseline(Options(metrics=(CPU,)))
    run(judged, polls(4 * DAY))
    assert len(judged.state()) < 20_000


def test_a_memory_of_an_older_form_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="written by version 1, which this one no longer reads"):
        Baseline().restore(pack("baseline", 1, {"keys": []}))


def test_the_benchmark_scores_the_very_default_that_is_shipped() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=3000).cumsum() / 20 + rng.normal(size=3000)
    values[2000:2050] += 30
    times = START.timestamp() + 60 * np.arange(3000.0)
    scores = detect(times, values, BUDGETS[SHIPPED].warmup_rows)
    shipped = Baseline(Options(least={}))
    alarms = [bool(firing(shipped.observe([sample("hw.power", value, START + timedelta(minutes=row))]))) for row, value in enumerate(values.tolist())]
    assert (scores >= ALARM).tolist() == alarms
    assert any(alarms[2000:2050])


@pytest.mark.parametrize("name", sorted(set(BUDGETS) - {"silent"}))
def test_each_budget_fires_on_a_plain_fault(name: str) -> None:
    found = run(Baseline(Options(policy=BUDGETS[name])), polls(2 * DAY + 60, in_rows(2 * DAY, 3 * DAY, MEMORY, 40)))
    assert (MEMORY, True) in told(after(found, 2 * DAY))


def test_what_version_4_learned_is_taken_over() -> None:
    detector = Baseline()
    detector.restore(Path(__file__).with_name("baseline-4.state").read_bytes())  # 2,500 rows of memory at 50 % with a daily wave of 10
    at = START + timedelta(minutes=2600)
    assert not detector.observe([sample(MEMORY, 42.0, at, asset="a")])
    assert detector.expected(sample(MEMORY, 42.0, at, asset="a")).usual == pytest.approx(42, abs=3)
    (found,) = detector.observe([sample(MEMORY, 95.0, at + timedelta(minutes=1), asset="a")])
    assert found.firing


def noisy(row: int, metric: str, value: float) -> float:
    """A jump of half an hour every six hours, each higher than the ones before."""
    return value + (row // 360) * 8 if metric == MEMORY and row > DAY and row % 360 < 30 else value


def alarms(budget: str) -> list[Finding]:
    detector = Baseline()
    detector.use_budgets(lambda _asset, metric: budget if metric == MEMORY else "")
    rows = ([one for one in batch if one.metric == MEMORY] for batch in polls(4 * DAY, noisy))
    return [one for batch in rows for one in detector.observe(batch) if one.firing]


def test_a_budget_in_words_is_kept() -> None:
    counts = {name: len(alarms(name)) for name in ("watchful", "shipped", "calm", "both", "weekly", "monthly", "silent")}
    assert counts["watchful"] >= counts["shipped"] >= counts["calm"] > 1
    assert counts["shipped"] >= counts["both"] >= 1
    assert (counts["weekly"], counts["monthly"], counts["silent"]) == (1, 1, 0)


def test_a_budget_switched_on_later_holds_at_once_and_outlives_a_restart() -> None:
    detector, said = Baseline(), []
    for row, batch in enumerate(polls(5 * DAY, noisy)):
        if row == 3 * DAY:
            detector.use_budgets(lambda _asset, _metric: "monthly")
        if row == 4 * DAY:
            again = Baseline()
            again.restore(detector.state())
            again.use_budgets(lambda _asset, _metric: "monthly")
            detector = again
        said += [row for one in detector.observe(batch) if one.firing and one.labels["metric"] == MEMORY]
    assert len([row for row in said if row < 3 * DAY]) > 1
    assert [row for row in said if row >= 3 * DAY] == []
    assert BUDGETS["monthly"].rest_s == MONTH_S


def test_the_narrowest_choice_of_a_budget_wins() -> None:
    choices = [Choice("*", "*", "calm"), Choice("*", "room", "both"), Choice("server", "*", "weekly"), Choice("server", "room", "silent")]
    found = [
        budget_of(choices, kind, metric) for kind, metric in (("server", "hw.temperature"), ("server", CPU), ("switch", "hw.temperature"), ("switch", CPU))
    ]
    assert found == ["silent", "weekly", "both", "calm"]
    assert budget_of([], "server", CPU) == ""
    assert class_of("something.else") == "other"
