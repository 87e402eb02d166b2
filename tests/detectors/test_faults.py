"""Test faults on copies of series: they are what they are called, and a detector's recall is measured honestly."""

from __future__ import annotations

import random

import numpy as np
import pytest

from core.records import Sample
from detectors.faults import FAULTS, LASTS_S, Trial, recall, size_of, spoiled, trials
from detectors.replay import fresh
from tests.detectors.series import polls

MEMORY = "system.memory.utilization"


def history(days: int) -> list[Sample]:
    return [sample for batch in polls(days * 1440) for sample in batch if sample.metric == MEMORY]


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_changes_copies_within_its_time_alone(kind: str) -> None:
    samples = history(1)
    before = [sample.value for sample in samples]
    at = samples[300].time.timestamp()
    changed = spoiled(samples, kind, 10.0, at, (0.0, 100.0))
    moved = [number for number, (old, new) in enumerate(zip(samples, changed, strict=True)) if old.value != new.value]
    assert [sample.value for sample in samples] == before
    assert moved
    assert moved[0] >= 300
    assert moved[-1] < 300 + LASTS_S / 60
    assert all(0 <= sample.value <= 100 for sample in changed)


def test_a_quiet_series_gets_a_small_fault_but_never_one_that_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    assert size_of(rng.normal(0, 10, 5000), 1.0) == pytest.approx(80, rel=0.1)
    assert size_of(np.full(100, 5.0), 5.0) == 20.0


def test_the_baseline_tells_most_test_faults_of_a_plain_series() -> None:
    found = trials(lambda: fresh("baseline"), history(4), 5.0, (0.0, 100.0), random.Random(2))
    assert {trial.kind for trial in found} == set(FAULTS)
    rows = recall(found)
    assert rows["step"]["recall"] == 1.0
    assert rows["all"]["found"] >= 3
    assert 0 <= rows["step"]["minutes"] < 30


def test_a_detector_that_never_speaks_has_no_recall_and_one_that_always_speaks_no_cases() -> None:
    deaf = trials(lambda: fresh("expiry"), history(2), 5.0, (0.0, 100.0), random.Random(2))
    assert recall(deaf)["all"] == {"cases": 5, "found": 0, "recall": 0.0, "minutes": None}
    loud = [Trial("step", MEMORY, found=True, delay_s=0.0, was_quiet=False)]
    assert recall(loud)["all"]["recall"] is None
