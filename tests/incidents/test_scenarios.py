"""Every shipped scenario passes, and so do the public examples when they are at hand."""

import os
from pathlib import Path

import pytest

from service.alerting.scenario import Outcome, files_of, run_text

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("WANGLOU_SHARED", ROOT.parent / "shared")) / "scenarios"


def outcomes() -> list[Outcome]:
    paths = files_of([ROOT / "tests" / "scenarios", *([SHARED] if SHARED.is_dir() else [])])
    return [outcome for path in paths for outcome in run_text(path.read_text(encoding="utf-8"), path.name)]


@pytest.mark.parametrize("outcome", outcomes(), ids=lambda outcome: f"{outcome.file}: {outcome.scenario}")
def test_a_scenario_passes(outcome: Outcome) -> None:
    assert outcome.passed, outcome.message


def test_there_are_at_least_120_of_our_own() -> None:
    assert sum(1 for path in files_of([ROOT / "tests" / "scenarios"]) for _ in run_text(path.read_text(encoding="utf-8"), path.name)) >= 120
