"""Many metrics of one host: two voices, what they say together, and what is remembered."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest

from core.errors import ConfigError
from core.records import Severity
from detectors.series.host import Host, Options, opinion
from detectors.series.offload import Inline, Offload
from detectors.series.scorers import PYOD, Pyod
from tests.detectors.series import START, polls, run, sample

pytestmark = pytest.mark.slow

CPU, MEMORY, NETWORK = "system.cpu.utilization", "system.memory.utilization", "system.network.io"
TROUBLE = 1500


def broken(row: int, metric: str, value: float) -> float:
    """From row 1500 on for an hour: the processor is busy although the network is silent, and memory jumps."""
    if not TROUBLE <= row < TROUBLE + 60:
        return value
    return {CPU: 95 + row % 3, MEMORY: 90 + row % 2, NETWORK: 1e3}.get(metric, value)


def host(model: str = "iforest", offload: Offload | None = None) -> Host:
    return Host(Options(model=model), offload or Inline())


def test_a_usual_day_is_no_finding() -> None:
    assert run(host(), polls(2400)) == []


def test_it_speaks_within_minutes_and_ends_when_the_host_is_usual_again() -> None:
    found = run(host(), polls(2000, broken))
    assert found[0].firing
    assert found[0].time - START <= timedelta(minutes=TROUBLE + 5)
    assert not found[-1].firing
    assert timedelta(minutes=TROUBLE + 55) <= found[-1].time - START <= timedelta(minutes=TROUBLE + 90)


def test_a_host_that_stays_different_is_taken_as_usual_after_a_day() -> None:
    def for_good(row: int, metric: str, value: float) -> float:
        return {CPU: 95 + row % 3, MEMORY: 90 + row % 2, NETWORK: 1e3}.get(metric, value) if row >= TROUBLE else value

    first, last = run(host(model=""), polls(4000, for_good))
    assert (first.firing, last.firing) == (True, False)
    assert last.time - first.time == timedelta(days=1)


def test_what_was_an_alarm_is_not_learned_and_is_told_again() -> None:
    def twice(row: int, metric: str, value: float) -> float:
        return broken(TROUBLE + row % 700 if row >= TROUBLE else row, metric, value)  # 60 rows, and the same 700 rows later: a fit lies between

    assert [finding.firing for finding in run(host(model=""), polls(2900, twice))] == [True, False, True, False]


def nightly(row: int, metric: str, value: float) -> float:
    """From the second day on the hour of trouble comes each day 100 minutes after midnight, and once more at another time of the third."""
    if 3600 <= row < 3660:
        return broken(TROUBLE + row - 3600, metric, value)
    return broken(TROUBLE + row % 1440 - 100, metric, value) if row >= 1440 and row % 1440 >= 100 else value


def test_what_comes_each_day_at_the_same_time_is_told_once_and_hides_nothing_at_another_time() -> None:
    found = [(finding.time - START) // timedelta(minutes=1) for finding in run(host(model=""), polls(4 * 1440, nightly)) if finding.firing]
    assert [minute for minute in found if 95 <= minute % 1440 <= 130] == [1543]
    assert [minute for minute in found if 3600 <= minute < 3660] == [3603]


def test_both_voices_make_a_warning_of_an_information() -> None:
    found = [finding for finding in run(host(), polls(2000, broken)) if finding.firing]
    assert [finding.severity for finding in found] == [Severity.INFO, Severity.WARNING]
    assert found[1].evidence["second"] == "iforest"
    assert found[1].evidence["second_score"] > 1
    assert "iforest 模型也认为异常" in found[1].evidence["zh"]
    assert "the iforest model agrees" in found[1].evidence["en"]
    assert found[0].fingerprint == found[1].fingerprint


def test_without_a_second_voice_it_stays_an_information() -> None:
    assert {finding.severity for finding in run(host(model=""), polls(2000, broken))} == {Severity.INFO}


def test_it_names_the_metrics_that_stand_out() -> None:
    first = run(host(), polls(2000, broken))[0]
    assert {part["metric"] for part in first.evidence["top"]} == {CPU, MEMORY, NETWORK}
    assert first.evidence["top"][0]["metric"] == MEMORY  # 80 of its usual spreads
    assert "spreads" in first.evidence["en"]
    assert "偏离" in first.evidence["zh"]


def test_the_second_voice_speaks_from_a_process_of_its_own() -> None:
    offload = Offload()
    judged = host(offload=offload)
    found = run(judged, polls(TROUBLE + 30, broken))
    try:
        for second in range(600):
            now = START + timedelta(minutes=TROUBLE + 30, seconds=second / 100)
            found += judged.observe([sample("collector.up", 1, now)])
            if found[-1].severity is Severity.WARNING:
                break
            time.sleep(0.05)
    finally:
        offload.close()
    assert [finding.severity for finding in found] == [Severity.INFO, Severity.WARNING]


@pytest.mark.parametrize("model", sorted(PYOD))
def test_each_pyod_model_agrees_on_a_plain_fault_and_on_nothing_else(model: str) -> None:
    rng = np.random.default_rng(1)
    past = rng.normal(size=(600, 3))
    assert opinion(model, past, rng.normal(size=(15, 3)) * 0.5) < 1
    assert opinion(model, past, np.array([[9.0, 9.0, -9.0]])) > 1


def test_an_unknown_model_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ConfigError, match="no PyOD model is called 'magic' here; there are: hbos, iforest"):
        Pyod("magic")


def test_an_unknown_model_is_refused_before_anything_is_judged() -> None:
    with pytest.raises(ConfigError, match="no PyOD model"):
        host(model="magic")


@pytest.mark.parametrize("made", [Inline, Offload])
def test_work_that_fails_is_gone_and_other_work_goes_on(made: type[Offload]) -> None:
    offload = made()
    assert offload.submit("bad", opinion, "iforest", np.zeros((0, 3)), np.zeros((1, 3)))
    assert offload.submit("good", opinion, "pca", np.random.default_rng(1).normal(size=(50, 3)), np.zeros((1, 3)))
    found: dict[str, float] = {}
    for _ in range(600):
        found |= offload.collect()
        if found:
            break
        time.sleep(0.05)
    offload.close()
    assert list(found) == ["good"]


def test_a_metric_that_goes_missing_is_not_a_fault_by_itself() -> None:
    found = run(host(), polls(1900, lambda row, metric, value: None if metric == NETWORK and row > TROUBLE else value))
    assert found == []


def test_a_host_with_two_metrics_is_left_to_the_baseline() -> None:
    batches = ([one for one in batch if one.metric != NETWORK] for batch in polls(2000, broken))
    assert run(host(), batches) == []


def test_more_hosts_than_it_may_watch_are_marked() -> None:
    judged = Host(Options(limit=1), Inline())
    judged.observe([sample(CPU, 1, START, asset="a")])
    (mark,) = judged.observe([sample(CPU, 1, START, asset="b")])
    assert (mark.source, mark.firing) == ("host.admission", True)
