"""The detectors of an installation: with the site's calendar, and taught by what the store already holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import structlog

from core.calendar import Calendar, load_calendar
from core.errors import ConfigError, StoreError
from core.records import Sample
from core.registry import resolve
from core.settings import DetectionSettings
from detectors import DETECTORS
from detectors.base import Detector
from detectors.series.baseline import Baseline, Options
from detectors.series.budgets import BudgetOf
from detectors.series.change import Change
from detectors.series.forecast import Forecast, Row, RunsOut
from detectors.series.host import Host
from detectors.series.host import Options as HostOptions
from inventory.sitefiles import read_entries
from service.pipeline import Pipeline
from service.replaying import batches
from store.base import Metrics, Selector

log = structlog.get_logger("watchers")
DETECTION: Final = DetectionSettings()
LONGEST: Final = timedelta(days=7)
HOURLY: Final = timedelta(days=28)
HOUR: Final = timedelta(hours=1)
MOST_SERIES: Final = 2_000  # of one metric
MOST_SAMPLES: Final = 200_000  # about six seconds of learning before the service collects


def make_watchers(site_folder: Path, timezone: str, detection: DetectionSettings = DETECTION) -> list[Detector]:
    """One detector of each name; a broken calendar is logged, and the national one holds. Raises ConfigError for an unknown scorer or model."""
    made: Mapping[str, Callable[[], Detector]] = {
        Baseline.name: lambda: Baseline(Options(calendar=site_calendar(site_folder / "calendar.yaml", timezone))),
        Host.name: lambda: Host(HostOptions(scorer=detection.scorer, model=detection.second)),
        Forecast.name: lambda: site_forecasts(site_folder),
    }
    return [made[name]() if name in made else resolve(DETECTORS, name, "detector")() for name in DETECTORS]


def site_forecasts(site_folder: Path) -> Forecast:
    """What runs out: the shipped metrics and those of the site's ``forecasts.yaml``; a wrong entry is logged, the others hold."""
    problems: list[ConfigError] = []
    entries = [entry for entry, _, _ in read_entries(site_folder, "forecasts", RunsOut, problems)]
    for problem in problems:
        log.error("an entry of forecasts.yaml is left out", problem=str(problem))
    return Forecast.of(entries)


def site_calendar(calendar_file: Path, timezone: str) -> Calendar:
    """The site's calendar, or the national one when its file is broken."""
    zone = ZoneInfo(timezone)
    try:
        return load_calendar(calendar_file, zone)
    except ConfigError as err:
        log.error("the calendar cannot be read; detectors go by the national one", problem=str(err))
        return Calendar(zone=zone)


@runtime_checkable
class Budgeted(Protocol):
    """A detector that learns: a budget says how often it may call."""

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """Call by these budgets from now on."""
        ...


def use_budgets(detectors: Sequence[object], pipeline: Pipeline, budget_of: BudgetOf) -> None:
    """The running detectors that learn call by these budgets from their next record on."""
    with pipeline.pause():
        for one in detectors:
            if isinstance(one, Budgeted):
                one.use_budgets(budget_of)


def forecasts(detectors: Sequence[Detector], pipeline: Pipeline) -> list[Row]:
    """What the running forecasts say now, and how they did."""
    with pipeline.pause():
        return [row for forecast in detectors if isinstance(forecast, Forecast) for row in forecast.rows()]


def learn_history(detectors: Sequence[Detector], metrics: Metrics, now: datetime) -> int:
    """Teach detectors that know nothing what the store holds: the baseline the last days, forecast and change four weeks by the hour. Returns the samples."""
    taken = sum(_learn(detector, metrics, now) for detector in detectors if isinstance(detector, Baseline) and not detector.knows)
    return taken + sum(_learn_hours(detector, metrics, now) for detector in detectors if isinstance(detector, Forecast | Change) and not detector.knows)


def _learn_hours(detector: Forecast | Change, metrics: Metrics, now: datetime) -> int:
    try:
        found = [one for metric in detector.watched for one in metrics.range(Selector(metric=metric), now - HOURLY, now, HOUR)[:MOST_SERIES]]
    except StoreError as err:
        log.error("history cannot be read; this detector learns from now on", detector=detector.name, reason=str(err))
        return 0
    for one in found:
        last, value = one.points[-1]
        detector.learn(
            Sample(time=last, asset=one.asset, metric=one.metric, value=value, labels=one.labels), [(time.timestamp(), mean) for time, mean in one.points]
        )
    return sum(len(one.points) for one in found)


def _learn(baseline: Baseline, metrics: Metrics, now: datetime) -> int:
    selector = Selector(metric=baseline.options.metrics)
    started = time.monotonic()
    try:
        known = len(metrics.series(selector))
        span = min(LONGEST, timedelta(minutes=MOST_SAMPLES / max(known, 1)))
        taken = sum(baseline.learn(batch) for batch in batches(metrics, selector, now - span, now))
    except StoreError as err:
        log.error("history cannot be read; the baseline learns from now on", reason=str(err))
        return 0
    if taken:
        log.info("learned from history", samples=taken, series=known, seconds=round(time.monotonic() - started, 1))
    return taken
