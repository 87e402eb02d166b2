"""Every detector and every scorer of the registries keeps the promises of its protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from core.records import Sample
from core.registry import resolve
from detectors import DETECTORS, SCORERS
from detectors.base import Detector, Floats, Scorer
from detectors.benchmark import detect
from detectors.series.bank import Bank
from detectors.series.host import Host, Options
from detectors.series.memory import pack
from detectors.series.scorers import Pyod
from tests.detectors.series import START, polls, run, sample

ROWS = np.random.default_rng(7).normal(size=(400, 4))
ODD = {
    "constant": np.ones((400, 4)),
    "huge": ROWS * 1e18,
    "spike": np.vstack([ROWS[:-1], np.full((1, 4), 1e12)]),
}


def detector(name: str) -> Detector:
    made: Detector = resolve(DETECTORS, name, "detector")()
    return made


def scorer(name: str) -> Scorer:
    made: Scorer = resolve(SCORERS, name, "scorer")()
    return made


def trouble(row: int, metric: str, value: float) -> float | None:
    if row > 1600 and metric == "system.memory.utilization":
        return value + 40
    if row > 1700 and metric == "system.cpu.utilization":
        return None
    return value + row / 60 if metric == "system.filesystem.utilization" else value


@pytest.mark.parametrize("name", sorted(DETECTORS))
class TestDetector:
    def test_its_name_is_that_of_the_registry(self, name: str) -> None:
        assert detector(name).name == name

    def test_it_takes_up_where_its_state_left_off(self, name: str) -> None:
        batches = list(polls(1800, trouble))
        whole, first = detector(name), detector(name)
        before = [whole.observe(batch) for batch in batches[:1500]]
        assert [first.observe(batch) for batch in batches[:1500]] == before
        second = detector(name)
        second.restore(first.state())
        assert [second.observe(batch) for batch in batches[1500:]] == [whole.observe(batch) for batch in batches[1500:]]

    def test_the_past_is_not_judged_by_the_future(self, name: str) -> None:
        batches = list(polls(1700, trouble))
        cut = detector(name)
        short = [cut.observe(batch) for batch in batches[:1620]]
        whole = detector(name)
        assert [whole.observe(batch) for batch in batches][:1620] == short

    def test_clones_know_nothing_of_each_other(self, name: str) -> None:
        one, other = detector(name), detector(name)
        empty = other.state()
        run(one, polls(400))
        assert other.state() == empty

    def test_odd_numbers_break_nothing(self, name: str) -> None:
        judged = detector(name)
        for batch in odd_batches():
            for finding in judged.observe(batch):
                assert json.dumps(dict(finding.evidence), allow_nan=False)
        judged.restore(judged.state())

    def test_an_empty_batch_is_nothing(self, name: str) -> None:
        assert detector(name).observe([]) == []

    @pytest.mark.parametrize("damage", [b"", b"\x80\x04rubbish", b"PK\x03\x04" + bytes(200)], ids=["empty", "rubbish", "half a zip"])
    def test_a_damaged_state_is_refused_and_changes_nothing(self, name: str, damage: bytes) -> None:
        judged = detector(name)
        run(judged, polls(50))
        before = judged.state()
        with pytest.raises(ConfigError, match="damaged"):
            judged.restore(damage)
        assert judged.state() == before

    def test_a_cut_state_is_refused(self, name: str) -> None:
        judged = detector(name)
        run(judged, polls(800, trouble))
        state = judged.state()
        with pytest.raises(ConfigError):
            judged.restore(state[: len(state) // 2])

    def test_a_state_of_a_newer_version_is_refused_in_words(self, name: str) -> None:
        with pytest.raises(ConfigError, match="newer version"):
            detector(name).restore(pack(name, 99, {}))

    def test_a_state_of_another_detector_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="not of"):
            detector(name).restore(pack("something", 1, {}))

    def test_a_state_with_the_wrong_inside_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError):
            detector(name).restore(pack(name, 1, {"keys": [3], "tracks": [[1]], "hosts": [[1]], "polls": [[1]], "told": [1], "levels": [[1]]}))

    def test_findings_speak_both_languages(self, name: str) -> None:
        found = [finding for finding in run(detector(name), polls(1800, trouble)) if finding.firing]
        assert all(finding.evidence["zh"] and finding.evidence["en"] and " / " in finding.title for finding in found)


def odd_batches() -> Iterator[list[Sample]]:
    """Not a number, infinite, out of order, repeated, huge, a year's gap, counters reset each minute, another interval."""
    metrics = ("system.cpu.utilization", "system.memory.utilization", "system.filesystem.utilization", "system.network.io", "hw.temperature")
    odd = (math.nan, math.inf, -math.inf, 1e18, -1e18, 0.0, 1e308)
    for row in range(900):
        time = START + timedelta(seconds=60 * row)
        yield [sample(metric, float(row % 7), time) for metric in metrics] + [sample("collector.up", 1, time, labels={"collector": "host"})]
        if row % 100 == 99:
            yield [sample(metric, odd[row // 100 % 7], time - timedelta(hours=row % 3)) for metric in metrics]
    late = START + timedelta(days=400)
    for row in range(100):
        yield [sample(metric, 1e18 if row % 2 else 0.0, late + timedelta(seconds=row)) for metric in metrics]
        yield [sample("disk.days_left", math.nan, late), sample("disk.days_left", -1e18, late)]


class Widest:
    """A new detector in ten lines: the metric that is furthest outside the range learned."""

    def fit(self, rows: Floats) -> None:
        self.low, self.high = rows.min(axis=0), rows.max(axis=0)

    def score(self, rows: Floats) -> Floats:
        room = self.high - self.low + 1e-3 * (1 + np.abs(self.high))
        out: Floats = np.maximum((rows - self.high) / room, (self.low - rows) / room).max(axis=1)
        return np.maximum(out, 0)

    def state(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def restore(self, state: dict[str, Any]) -> None:
        self.low, self.high = state["low"], state["high"]


@pytest.fixture(autouse=True)
def ten_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry line of the new detector."""
    monkeypatch.setitem(SCORERS, "widest", f"{__name__}:Widest")


@pytest.mark.slow
def test_a_new_scorer_of_ten_lines_finds_a_fault_by_its_name_alone() -> None:
    def fault(row: int, metric: str, value: float) -> float:
        return value + 40 if 1900 <= row < 1930 and metric != "system.network.io" else value

    found = run(Host(Options(scorer="widest", model="", fit_rows=1440)), polls(2100, fault))
    assert [finding.firing for finding in found] == [True, False]
    assert timedelta(0) <= found[0].time - START - timedelta(minutes=1900) <= timedelta(minutes=5)


@pytest.mark.parametrize("name", [*sorted(SCORERS), "widest"])
class TestScorer:
    def test_scoring_is_pure_and_by_row(self, name: str) -> None:
        made = scorer(name)
        made.fit(ROWS)
        together = made.score(ROWS[:20])
        assert np.allclose(together, [made.score(ROWS[number : number + 1])[0] for number in range(20)])
        assert np.array_equal(together, made.score(ROWS[:20]))

    def test_what_is_far_scores_higher(self, name: str) -> None:
        made = scorer(name)
        made.fit(ROWS)
        assert made.score(np.full((1, 4), 9.0))[0] > made.score(ROWS[:200]).max()

    @pytest.mark.parametrize("odd", sorted(ODD))
    def test_scores_are_finite_and_not_negative(self, name: str, odd: str) -> None:
        made = scorer(name)
        made.fit(ODD[odd])
        scores = made.score(ODD[odd])
        assert scores.shape == (400,)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()

    def test_it_repeats_itself(self, name: str) -> None:
        one, other = scorer(name), scorer(name)
        one.fit(ROWS)
        other.fit(ROWS)
        assert np.array_equal(one.score(ROWS[:50]), other.score(ROWS[:50]))

    def test_state_is_plain_arrays_and_comes_back(self, name: str) -> None:
        one, other = scorer(name), scorer(name)
        one.fit(ROWS)
        state: dict[str, Any] = one.state()
        assert all(isinstance(value, np.ndarray) and value.dtype != object for value in state.values())
        other.restore(state)
        assert np.allclose(one.score(ROWS[:20]), other.score(ROWS[:20]), rtol=1e-3)


@pytest.mark.parametrize("model", ["knn", "pca", "hbos", "lof", "iforest"])
def test_pyod_models_are_pluggable_by_name(model: str) -> None:
    made = Pyod(model)
    made.fit(ROWS)
    assert made.score(np.full((1, 4), 9.0))[0] > np.median(made.score(ROWS))


def test_an_unknown_pyod_model_is_refused_with_the_list() -> None:
    with pytest.raises(ConfigError, match="hbos, iforest, knn"):
        Pyod("magic")


def series(kind: str) -> tuple[Floats, Floats]:
    times: Floats = np.arange(3000, dtype=np.float64) * 300.0
    rng = np.random.default_rng(3)
    wave: Floats = 10 * np.sin(times / 86400 * 2 * np.pi) + rng.normal(0, 1, len(times))
    many = np.stack([wave, rng.normal(5, 1, len(times)), np.ones(len(times))], axis=1)
    shapes: dict[str, Floats] = {"one": wave, "many": many, "constant": np.ones(len(times)), "missing": np.where(rng.random(len(times)) < 0.1, np.nan, wave)}
    shapes["many missing"] = np.where(rng.random(many.shape) < 0.1, np.nan, many)
    shapes["huge"] = wave * 1e18
    return times, shapes[kind]


@pytest.mark.parametrize("kind", ["one", "many", "constant", "missing", "many missing", "huge"])
def test_the_benchmark_entry_is_finite_in_range_and_never_looks_ahead(kind: str) -> None:
    times, values = series(kind)
    whole = detect(times, values, 600)
    assert np.isfinite(whole).all()
    assert whole.min() >= 0
    assert whole.max() <= 1
    for cut in (601, 1300, 2222):
        assert np.array_equal(whole[:cut], detect(times[:cut], values[:cut], 600))


def test_late_and_repeated_times_are_no_alarm() -> None:
    times, values = series("one")
    times[1000:1010] = times[999]
    values[1000:1010] = 500
    assert (detect(times, values, 600)[1000:1010] < 0.5).all()


LIMITED = {
    "baseline": "system.cpu.utilization", "change": "system.cpu.utilization", "forecast": "system.filesystem.utilization", "host": "system.cpu.utilization",
    "lost": "network.interface.oper", "rate": "hw.temperature", "no_data": "system.cpu.utilization",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LIMITED))
def test_a_flood_of_new_series_is_refused_with_one_visible_mark(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = detector(name)
    monkeypatch.setattr(judged._bank, "_limit", 10)  # type: ignore[attr-defined]
    flood = [sample(LIMITED[name], 1.0, START + timedelta(seconds=number), f"a{number}", {"interface": "p"}) for number in range(1000)]
    marks = [sample("collector.up", 1.0, one.time, one.asset, {"collector": "host"}) for one in flood]
    found = [finding for pair in zip(flood, marks, strict=True) for finding in judged.observe(pair)]
    assert [(one.source, one.asset, one.firing, one.evidence["limit"]) for one in found] == [(f"{name}.admission", "wanglou", True, 10)]
    assert len(judged._bank) == 10  # type: ignore[attr-defined]


def test_a_million_new_series_take_no_more_room_than_the_limit() -> None:
    bank: Bank[bytes] = Bank("x", 1000)
    for number in range(1_000_000):
        bank.get(str(number), 1.0, bytes)
    assert (len(bank), bank.refused) == (1000, 999_000)
    assert [finding.firing for finding in bank.mark(START)] == [True]
    bank.get("0", 2.0, bytes)
    assert [finding.firing for finding in bank.mark(START)] == [False]


def test_one_column_is_one_metric() -> None:
    times, values = series("one")
    assert np.array_equal(detect(times, values[:, None], 600), detect(times, values, 600))


@pytest.mark.parametrize("metrics", [0, 1, 2, 60])
@pytest.mark.parametrize(("rows", "probation"), [(0, 0), (1, 0), (10, 3), (200, 0), (200, 500)])
def test_short_series_and_no_probation_are_scored_all_the_same(rows: int, probation: int, metrics: int) -> None:
    values = np.random.default_rng(3).integers(0, 9, (rows, metrics) if metrics else rows)
    scores = detect(np.arange(rows) * 86_400, values, probation)
    assert scores.shape == (rows,)
    assert np.isfinite(scores).all()
    assert not scores[:32].any()


def test_times_that_are_no_numbers_are_passed_over() -> None:
    times, values = series("one")
    times[900:1000:9] = np.nan
    times[1500] = np.inf
    scores = detect(times, values, 600)
    assert np.isfinite(scores).all()
    assert scores[2000:].max() > 0
