"""What the honesty figures say, and when they say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from detectors.honesty import Alarm, Figures, figures, wilson

START = datetime(2026, 3, 2, tzinfo=UTC)


def alarms(verdicts: str, lasting_s: float = 3600) -> list[Alarm]:
    """One alarm an hour; u f k and - for unjudged."""
    words = {"u": "useful", "f": "false", "k": "known", "-": ""}
    return [
        Alarm(rule="r", asset=f"a{n % 2}", group="server", start=(at := START + timedelta(hours=n)), end=at + timedelta(seconds=lasting_s), verdict=words[one])
        for n, one in enumerate(verdicts)
    ]


def only(verdicts: str, days: float = 7, lasting_s: float = 3600) -> Figures:
    (row,) = figures(alarms(verdicts, lasting_s), days, lambda alarm: alarm.rule)
    return row


def test_precision_counts_useful_and_false_alone() -> None:
    row = only("uuufkk--")
    assert (row.alarms, row.judged, row.precision, row.assets) == (8, 6, 0.75, 2)


def test_nothing_is_claimed_where_nothing_was_judged() -> None:
    row = only("---kk")
    assert row.precision is None
    assert row.false_a_week is None
    assert row.interval == (0.0, 1.0)


def test_the_unjudged_are_taken_to_be_false_as_often_as_the_judged() -> None:
    assert only("uf--", days=7).false_a_week == pytest.approx(2.0)


def test_the_interval_narrows_with_more_verdicts() -> None:
    few, many = wilson(3, 4), wilson(300, 400)
    assert few[0] < many[0] < 0.75 < many[1] < few[1]


@pytest.mark.parametrize(
    ("verdicts", "lasting_s", "noisy"),
    [("fffuu", 3600, True), ("uuuff", 3600, False), ("ffff", 3600, False), ("-" * 60, 60, True), ("-" * 60, 3600, False), ("-" * 20, 60, False)],
)
def test_noisy_is_mostly_false_or_many_that_are_over_at_once(verdicts: str, lasting_s: float, noisy: bool) -> None:
    assert only(verdicts, lasting_s=lasting_s).is_noisy is noisy  # one an hour: sixty lie on three days, twenty on one
