"""The detectors of an installation: calendar, history, dates, and states that are whole while polls go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.records import Sample
from core.settings import DetectionSettings
from detectors import DETECTORS
from detectors.series.baseline import Baseline
from detectors.series.change import Change
from detectors.series.forecast import Forecast
from detectors.series.host import Host
from detectors.series.offload import Inline
from service.memory import Memory
from service.watchers import learn_history, make_watchers
from store.base import Store
from store.open import open_store
from tests.detectors.series import START, polls, sample

MEMORY = "system.memory.utilization"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store("embedded", tmp_path, "service")) as opened:
        yield opened


def baseline_of(folder: Path, text: str | None = None) -> Baseline:
    if text is not None:
        (folder / "calendar.yaml").write_text(text, encoding="utf-8")
    (found,) = (one for one in make_watchers(folder, "Asia/Shanghai") if isinstance(one, Baseline))
    return found


def test_there_is_one_of_each_name(tmp_path: Path) -> None:
    assert [one.name for one in make_watchers(tmp_path, "Asia/Shanghai")] == list(DETECTORS)


def test_the_baseline_goes_by_the_sites_calendar(tmp_path: Path) -> None:
    calendar = baseline_of(tmp_path, "holidays: [2026-03-04]\n").options.calendar
    assert calendar is not None
    assert [calendar.is_working(START.date() + timedelta(days=days)) for days in (1, 2, 3)] == [True, False, True]


def test_a_broken_calendar_is_told_and_the_national_one_holds(tmp_path: Path) -> None:
    calendar = baseline_of(tmp_path, "holidays: [yesterday]\n").options.calendar
    assert calendar is not None
    assert not calendar.is_working(START.date().replace(month=10, day=1))


def test_the_scorer_and_the_second_model_of_hosts_are_chosen_by_name(tmp_path: Path) -> None:
    (host,) = (one for one in make_watchers(tmp_path, "UTC", DetectionSettings(scorer="pyod:hbos", second="")) if isinstance(one, Host))
    assert (host.options.scorer, host.options.model) == ("pyod:hbos", "")
    for wrong in (DetectionSettings(scorer="magic"), DetectionSettings(scorer="pyod:magic"), DetectionSettings(second="magic")):
        with pytest.raises(ConfigError, match="there are"):
            make_watchers(tmp_path, "UTC", wrong)


def test_a_site_says_what_else_runs_out_and_a_wrong_entry_stops_no_other(tmp_path: Path) -> None:
    text = "forecasts:\n  - {metric: vendor_licences_used, full: 250}\n  - {metric: both, full: 1, empty: 2}\n  - {metric: tapes.free, empty: 4}\n"
    (tmp_path / "forecasts.yaml").write_text(text, encoding="utf-8")
    (forecast,) = (one for one in make_watchers(tmp_path, "Asia/Shanghai") if isinstance(one, Forecast))
    assert {"vendor_licences_used", "tapes.free", "system.filesystem.utilization", "hw.ups.runtime"} <= set(forecast.watched)
    assert "both" not in forecast.watched
    grown = [sample("vendor_licences_used", 200 + hour / 6, START + timedelta(hours=hour)) for hour in range(24 * 5)]
    told = [finding for one in grown for finding in forecast.observe([one]) if finding.firing]
    assert "used up in" in told[0].evidence["en"]
    without = Forecast()
    without.restore(forecast.state())
    assert without.knows == 0


def test_a_fresh_baseline_learns_what_the_store_holds(store: Store) -> None:
    rows = [one for batch in polls(2000) for one in batch]
    store.metrics.write(rows)
    fresh = Baseline()
    assert learn_history([fresh], store.metrics, START + timedelta(minutes=2000)) == sum(one.metric in fresh.options.metrics for one in rows)
    (found,) = fresh.observe([sample(MEMORY, 95, START + timedelta(minutes=2000))])
    assert found.firing


def test_forecast_and_change_learn_four_weeks_by_the_hour(store: Store) -> None:
    metric, days = "system.memory.utilization", 20
    hours = [(START + timedelta(hours=hour), 40 + hour / 24 + (20 if hour >= 24 * (days - 1) else 0)) for hour in range(24 * days)]
    store.metrics.write([sample(metric, value, at + timedelta(minutes=minute)) for at, value in hours for minute in (0, 30)])
    forecast, change = Forecast(), Change(offload=Inline())
    now = START + timedelta(days=days)
    assert learn_history([forecast, change], store.metrics, now) == 2 * 24 * days
    (row,) = forecast.rows()
    assert row.outlook.per_day == pytest.approx(1, abs=0.5)
    said = [*change.observe([sample(metric, 80, now)]), *change.observe([sample(metric, 80, now + timedelta(hours=1))])]
    assert [one.evidence["since"] for one in said if one.firing] == [(now - timedelta(days=1)).isoformat(timespec="minutes")]


def test_one_that_knows_something_is_left_alone(store: Store) -> None:
    store.metrics.write([one for batch in polls(10) for one in batch])
    old = Baseline()
    old.observe([sample(MEMORY, 50, START)])
    assert learn_history([old], store.metrics, START + timedelta(hours=1)) == 0


def test_an_empty_store_teaches_nothing(store: Store) -> None:
    assert learn_history([Baseline()], store.metrics, START) == 0


def test_states_are_written_whole_while_polls_go_on(tmp_path: Path) -> None:
    learner, lock, ending = Baseline(), threading.Lock(), threading.Event()
    problems: list[BaseException] = []

    def collect() -> None:
        minute = 0
        while not ending.is_set():
            minute += 1
            batch = [Sample(time=START + timedelta(minutes=minute), asset=f"a{minute % 97}", metric=MEMORY, value=1.0, labels={}) for _ in range(5)]
            try:
                with lock:
                    learner.observe(batch)
            except RuntimeError as err:
                problems.append(err)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        memory = Memory(tmp_path, [learner], lambda: lock)
        for _ in range(20):
            memory.save()
    finally:
        ending.set()
        thread.join()
    assert problems == []
    again = Baseline()
    Memory(tmp_path, [again]).load()
    assert again.knows > 0
