"""Detectors over stored history: the same alarms as live, counted, timed, and set against what people said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import ConfigError
from core.records import Event, Finding
from detectors import DETECTORS, READERS
from detectors.base import Detector
from detectors.replay import Judged, Report, fresh, replay, verdicts
from detectors.series.baseline import Baseline
from service.cli import app
from service.replaying import batches, lines, replay_all
from store.base import Selector, Store
from store.open import open_store
from tests.detectors.series import START, polls, run

pytestmark = pytest.mark.slow

DAYS = 3
END = START + timedelta(days=DAYS)
FAULT = 2 * 1440 + 300


def jump(row: int, metric: str, value: float) -> float:
    return value + 40 if metric == "system.memory.utilization" and FAULT <= row < FAULT + 30 else value


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("history")
    with closing(open_store("embedded", folder, "service")) as store:
        rows = list(polls(DAYS * 1440, jump))
        for start in range(0, len(rows), 500):
            store.metrics.write([sample for batch in rows[start : start + 500] for sample in batch])
        yield store


def played(history: Store, detector: Detector, selector: Selector, said: Sequence[Judged] = ()) -> Report:
    return replay(detector, batches(history.metrics, selector, START, END), DAYS, said)


def key(finding: Finding) -> tuple[datetime, str, bool]:
    return finding.time, finding.labels["metric"], finding.firing


def test_it_finds_what_the_live_detector_found(history: Store) -> None:
    report = played(history, fresh("baseline"), Selector())
    assert [key(finding) for finding in report.findings] == [key(finding) for finding in run(Baseline(), polls(DAYS * 1440, jump))]
    assert START + timedelta(minutes=FAULT) in [finding.time for finding in report.alarms]


def test_it_counts_samples_series_days_and_time(history: Store) -> None:
    report = played(history, fresh("baseline"), Selector())
    figures = report.summary()
    assert (figures["samples"], figures["series"], figures["days"]) == (DAYS * 1440 * 5, 5, DAYS)
    assert 0 < figures["us_per_sample"] < 1000
    assert figures["precision"] is None


def test_a_selector_leaves_the_rest_out(history: Store) -> None:
    report = played(history, fresh("baseline"), Selector(metric="system.cpu.utilization"))
    assert report.series == 1
    assert played(history, fresh("baseline"), Selector(asset="nobody")).samples == 0


def test_a_calmer_budget_never_fires_more(history: Store) -> None:
    counts = [len(played(history, fresh("baseline", budget), Selector()).alarms) for budget in ("watchful", "shipped", "calm")]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


def test_precision_is_that_of_the_judged_alarms(history: Store) -> None:
    at = START + timedelta(minutes=FAULT)
    said = [
        Judged(at + timedelta(minutes=5), "web1", "baseline", "useful"),
        Judged(at, "web2", "baseline", "false"),  # another asset
        Judged(at, "web1", "disk_full", "false"),  # another rule
        Judged(at + timedelta(hours=9), "web1", "baseline", "false"),  # another time
    ]
    report = played(history, fresh("baseline"), Selector(), said)
    assert report.verdicts == {"useful": 1}
    assert report.precision == 1
    assert "judged by people: 1 useful (precision 100%)" in list(lines(report))[-1]


def test_known_alarms_count_neither_way(history: Store) -> None:
    found = played(history, fresh("baseline"), Selector()).findings
    at = START + timedelta(minutes=FAULT)
    assert verdicts(found, [Judged(at, "web1", "baseline", "known")] * 2) == {"known": 2}


def test_what_people_said_is_read_from_alarms(history: Store) -> None:
    alarm = {"asset": "web1", "rule": "baseline", "start": (START + timedelta(minutes=FAULT)).isoformat()}
    history.documents.put("alarm", "a-1", {**alarm, "verdict": "false"})
    history.documents.put("alarm", "a-2", {**alarm, "verdict": ""})
    (report,) = replay_all(history, ["baseline"], "3d", [], [], "shipped", END)
    assert report.verdicts == {"false": 1}
    assert report.precision == 0


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_can_be_replayed(history: Store, name: str) -> None:
    (report,) = replay_all(history, [name], "3d", [], [], "shipped", END)
    assert report.detector == name
    assert report.samples == DAYS * 1440 * 5


@pytest.mark.parametrize(
    ("name", "back", "budget", "message"),
    [("magic", "3d", "shipped", "magic"), ("rate", "soon", "shipped", "--since"), ("baseline", "3d", "brave", "both, calm, monthly")],
)
def test_what_is_unknown_is_refused_in_words(history: Store, name: str, back: str, budget: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        list(replay_all(history, [name], back, [], [], budget, END))


@pytest.mark.parametrize("name", sorted(READERS))
def test_detectors_of_events_are_replayed_over_stored_events(tmp_path: Path, name: str) -> None:
    with closing(open_store("embedded", tmp_path, "service")) as store:
        minutes = [*range(0, 40 * 60, 5), *(40 * 60 + number / 4 for number in range(160))]
        texts = ["link is down" if minute != 2401 else "kernel panic deep inside" for minute in minutes]
        store.events.write(
            [
                Event(id=f"{number}", time=START + timedelta(minutes=minute), asset="fw", kind="syslog", message=text)
                for number, (minute, text) in enumerate(zip(minutes, texts, strict=True))
            ]
        )
        (report,) = replay_all(store, [name], "3d", ["fw"], [], "shipped", END)
        (silent,) = replay_all(store, [name], "3d", ["fw"], [], "silent", END)
    assert (report.detector, report.samples, report.series) == (name, len(minutes), 1)
    assert {finding.labels["what"] for finding in report.alarms} == ({"surge", "silence"} if name == "rates" else {"new", "flood"})
    assert silent.alarms == ()


@pytest.mark.parametrize("scorer", ["knn", "pca"])
def test_a_host_is_replayed_with_the_scorer_that_is_named(history: Store, scorer: str) -> None:
    (report,) = replay_all(history, ["host"], "3d", [], [], "shipped", END, scorer)
    assert any(timedelta(0) <= finding.time - START - timedelta(minutes=FAULT) <= timedelta(minutes=5) for finding in report.alarms)
    with pytest.raises(ConfigError, match="hbos, iforest"):
        list(replay_all(history, ["host"], "3d", [], [], "shipped", END, "pyod:magic"))


def test_the_command_prints_alarms_and_figures(tmp_path: Path) -> None:
    begin = datetime.now(UTC) - timedelta(days=2)
    with closing(open_store("embedded", tmp_path, "service")) as store:
        rows = [one for batch in polls(1500, lambda row, _, value: value + 40 * (row > 1450)) for one in batch if one.metric == "system.memory.utilization"]
        store.metrics.write([replace(one, time=one.time - START + begin) for one in rows])
    environment = {"WANGLOU_DATA": str(tmp_path)}
    told = CliRunner().invoke(app, ["detect", "replay", "baseline", "--since", "3d"], env=environment)
    assert told.exit_code == 0, told.output
    assert "内存" in told.output
    assert "baseline: 1 alarms in 3.0 days over 1 series" in told.output
    as_json = CliRunner().invoke(app, ["detect", "replay", "baseline", "--since", "3d", "--json"], env=environment)
    assert json.loads(as_json.output)["alarms"] == 1
    wrong = CliRunner().invoke(app, ["detect", "replay", "magic"], env=environment)
    assert wrong.exit_code == 78
