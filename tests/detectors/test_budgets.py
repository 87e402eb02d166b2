"""Budgets of detectors that have no ranges: what each takes away, and that nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.records import Event, Finding, Sample
from detectors.logs.rates import Rates
from detectors.logs.watch import Logs
from detectors.series.budgets import BUDGETS, CLASSES, EVENTS, TOGETHER, VOICES, class_of
from detectors.series.change import Change
from detectors.series.host import Host, Options
from detectors.series.offload import Inline
from tests.detectors.series import polls, run, sample

START = datetime(2026, 3, 2, tzinfo=UTC)
MEMORY = "system.memory.utilization"


def test_every_budget_means_something_to_every_detector() -> None:
    assert list(VOICES) == list(BUDGETS)
    assert {class_of(TOGETHER), class_of(EVENTS)} <= set(CLASSES)


# rates of events


def surges(rates: Rates, budget: str, *, days: int = 10, sizes: tuple[int, ...] = (90,), facility: str = "") -> list[Finding]:
    """Twenty events an hour; from the third day on a surge each second day of so many events in one hour."""
    rates.use_budgets(lambda _asset, what: budget if what == EVENTS else "")
    found: list[Finding] = []
    for hour in range(days * 24):
        size = sizes[min(hour // 48 - 1, len(sizes) - 1)] if hour >= 72 and hour % 48 == 0 else 20
        for number in range(size):
            at = START + timedelta(hours=hour, seconds=number * 3600 / size)
            fields = {"log.syslog.facility.name": facility} if facility and (size > 20 or number % 3 == 0) else {}
            found += rates.read([Event(id=f"{hour}.{number}", time=at, asset="fw", kind="syslog", message="x", fields=fields)], at)
    return found


def fired(found: list[Finding]) -> int:
    return sum(one.firing for one in found)


@pytest.mark.parametrize(("budget", "times"), [("shipped", 3), ("watchful", 3), ("weekly", 1), ("monthly", 1), ("silent", 0)])
def test_surges_keep_their_budget(budget: str, times: int) -> None:
    found = surges(Rates(), budget, sizes=(90, 250, 700))
    assert fired(found) == times
    assert len(found) - fired(found) == times  # each that was told ends, none that was not


def test_a_calm_budget_waits_for_a_surge_that_is_half_as_large_again() -> None:
    assert fired(surges(Rates(), "shipped", days=5, sizes=(70,))) == 1
    assert fired(surges(Rates(), "calm", days=5, sizes=(70,))) == 0
    assert fired(surges(Rates(), "calm", days=5, sizes=(95,))) == 1


def test_both_asks_the_whole_source_to_surge_with_its_facility() -> None:
    def of_a_facility(budget: str, others: int) -> set[str]:
        rates = Rates()
        rates.use_budgets(lambda _asset, _what: budget)
        found: list[Finding] = []
        for hour in range(30):
            for number in range(others + (90 if hour == 29 else 10)):
                at = START + timedelta(hours=hour, seconds=number * 10)
                fields = {"log.syslog.facility.name": "cron" if number < others else "auth"}
                found += rates.read([Event(id=f"{hour}.{number}", time=at, asset="fw", kind="syslog", message="x", fields=fields)], at)
        return {one.labels["by"] for one in found if one.firing}

    assert of_a_facility("shipped", 200) == {"facility"}
    assert of_a_facility("both", 200) == set()
    assert of_a_facility("both", 5) == {"source", "facility"}


def test_a_silence_is_told_by_its_budget_and_ends_only_when_it_was() -> None:
    def silent(budget: str) -> list[Finding]:
        rates = Rates()
        rates.use_budgets(lambda _asset, _what: budget)
        found: list[Finding] = []
        for minute in range(80 * 60):
            at = START + timedelta(minutes=minute)
            if not 74 * 60 <= minute < 77 * 60:
                found += rates.read([Event(id=f"{minute}", time=at, asset="fw", kind="syslog", message="x")], at)
            found += rates.observe([Sample(time=at, asset="fw", metric="m", value=1.0)])
        return found

    assert [one.firing for one in silent("shipped")] == [True, False]
    assert silent("silent") == []


def test_the_rest_of_a_budget_outlives_a_restart() -> None:
    rates = Rates()
    assert fired(surges(rates, "monthly", days=5)) == 1
    again = Rates()
    again.restore(rates.state())
    again.use_budgets(lambda _asset, _what: "monthly")
    at = START + timedelta(days=9)
    events = [Event(id=f"s{number}", time=at, asset="fw", kind="syslog", message="x") for number in range(2000)]
    assert fired(again.read(events, at)) == 0
    later = at + timedelta(days=40)
    assert fired(again.read(events, later)) == 1


# kinds of log lines


def lines(budget: str, code: int) -> list[tuple[str, bool]]:
    """Two days of a usual line, then a kind never seen, a day later another."""
    logs = Logs()
    logs.use_budgets(lambda _asset, _what: budget)
    found: list[Finding] = []
    for hour in range(100):
        at = START + timedelta(hours=hour)
        texts = ["session opened for user root"] * 3 + {60: ["kernel panic somewhere deep"], 90: ["no space left on device"]}.get(hour, [])
        events = [
            Event(id=f"{hour}.{number}", time=at, asset="web", kind="log", message=text, fields={"log.syslog.severity.code": code})
            for number, text in enumerate(texts)
        ]
        found += logs.read(events, at)
    return [(one.labels["what"], one.firing) for one in found]


def test_new_kinds_of_lines_keep_their_budget() -> None:
    once = [("new", True), ("new", False)]
    assert lines("shipped", 6) == once * 2
    assert lines("weekly", 6) == once
    assert lines("silent", 2) == []
    assert lines("both", 6) == []
    assert lines("both", 3) == once * 2


def test_a_flood_that_was_not_told_does_not_end() -> None:
    def flood(budget: str) -> list[bool]:
        logs = Logs()
        logs.use_budgets(lambda _asset, _what: budget)
        found: list[Finding] = []
        for hour in range(60):
            at = START + timedelta(hours=hour)
            count = 40 if hour == 50 else 2
            found += logs.read([Event(id=f"{hour}.{number}", time=at, asset="web", kind="log", message="link is down") for number in range(count)], at)
        return [one.firing for one in found]

    assert flood("shipped") == [True, False]
    assert flood("calm") == []


# changes of level and whole hosts


def steps(budget: str, jump: float) -> int:
    change, rng = Change(offload=Inline()), random.Random(4)
    change.use_budgets(lambda _asset, metric: budget if metric == MEMORY else "")
    found: list[Finding] = []
    for hour in range(24 * 14):
        level = 40 + rng.gauss(0, 1) + (jump if hour >= 240 else 0)
        found += change.observe([sample(MEMORY, level, START + timedelta(hours=hour))])
    return fired(found)


@pytest.mark.slow
def test_changes_of_level_keep_their_budget() -> None:
    assert steps("shipped", 2.7) == 1
    assert steps("calm", 2.7) == 0
    assert steps("both", 2.7) == 0
    assert steps("both", 8) == 1
    assert steps("silent", 8) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("budget", "model", "severities"), [
    ("shipped", "iforest", ["info", "warning"]), ("both", "iforest", ["warning"]), ("both", "", []), ("silent", "iforest", []), ("monthly", "", ["info"]),
])  # fmt: skip
def test_a_whole_host_keeps_its_budget(budget: str, model: str, severities: list[str]) -> None:
    def broken(row: int, metric: str, value: float) -> float:
        hour = row % 300
        busy = {"system.cpu.utilization": 95 + row % 3, MEMORY: 90 + row % 2, "system.network.io": 1e3}
        return busy.get(metric, value) if row >= 1500 and hour < 60 and (row < 1600 or budget == "monthly") else value

    def batches() -> Iterator[list[Sample]]:
        return polls(2200, broken)

    host = Host(Options(model=model), Inline())
    host.use_budgets(lambda _asset, what: budget if what == TOGETHER else "")
    found = run(host, batches())
    assert [one.severity.value for one in found if one.firing] == severities
    assert sum(not one.firing for one in found) == bool(severities)
