"""Work over stored history, done in a process of its own: another setting of a limit, test faults. Functions of plain values."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import numpy as np

from core.catalogue import catalogue
from core.records import Sample, series_key
from core.settings import Settings
from detectors.base import Floats
from detectors.faults import Trial, recall, trials
from detectors.rules.counting import Counting, better_count
from detectors.series.baseline import LEAST, WATCHED, Baseline, Options
from detectors.series.budgets import BUDGETS, CLASSES, SHIPPED, Choice, budget_of, class_of
from detectors.tuning import Setting, best
from incidents.config import Rule
from service.replaying import newest_events
from service.watchers import site_calendar
from store.base import Selector, Store
from store.filter import And, Terms
from store.open import open_for

MOST_SERIES: Final = 20  # looked at; what there is beyond is said
LEAD: Final = timedelta(days=7)  # before the span, so that a baseline has learned when it begins
MOST_TRIED: Final = 12  # series that test faults are laid over: about half a minute
MOST_LOOKED: Final = 200  # series looked at for enough rows
LEAST_ROWS: Final = 2_000
FILTERS: Final = {"kind": "event.kind", "asset": "asset.id"}  # how filters call what rules name so
Key = tuple[str, Mapping[str, str]]
"""Asset and labels of one series."""


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store as a reader has it."""
    store = open_for(settings, "console")
    try:
        yield store
    finally:
        store.close()


def better_limit(
    settings: Settings, metric: str, now: Setting, keys: Sequence[Key], judged: Mapping[str, Sequence[tuple[float, str]]], since: datetime, until: datetime,
    *, is_percent: bool,
) -> dict[str, Any] | None:  # fmt: skip
    """The change of a limit that the past speaks for: ``set``, ``effect``, ``series`` looked at; None when there is none. Raises StoreError."""
    with opened(settings) as store:
        series = {series_key(asset, metric, labels): _points(store, metric, asset, labels, since, until) for asset, labels in keys[:MOST_SERIES]}
    found = best(series, judged, now, is_percent=is_percent)
    if found is None:
        return None
    then, effect = found
    return {"set": now.changes(then), "was": then.changes(now), "effect": effect.body(), "series": len(series), "all_series": len(keys)}


def better_counting(
    settings: Settings, rule: Rule, lasts_s: float, judged: Mapping[str, Sequence[tuple[float, str]]], since: datetime, until: datetime
) -> dict[str, Any] | None:
    """The higher count that the past speaks for, by the events that the rule looks at; None when there is none. Raises StoreError."""
    if rule.of is None or rule.at_least is None or rule.within is None:
        return None
    wanted = rule.of.wanted
    where = And(tuple(Terms(FILTERS.get(name, name), values) for name, values in wanted.items()))
    events: dict[str, list[tuple[float, str]]] = {}
    with opened(settings) as store:
        for event in newest_events(store.events, where, since, until):
            facts = {"kind": event.kind, "asset": event.asset, **{name: str(value) for name, value in event.fields.items()}}
            key = count_key(rule, facts)
            if key in judged:
                events.setdefault(key, []).append((event.time.timestamp(), facts.get(rule.field, "")))
    now = Counting(rule.at_least, rule.within, rule.kind == "distinct", rule.apart, lasts_s)
    found = better_count(events, judged, now)
    if found is None:
        return None
    at_least, effect = found
    return {"set": {"at_least": at_least}, "was": {"at_least": rule.at_least}, "effect": effect.body(), "series": len(events), "all_series": len(judged)}


def count_key(rule: Rule, facts: Mapping[str, str]) -> str:
    """What a counting rule counts together: the values of its ``by``."""
    return "\x1f".join(facts.get(name, "") for name in rule.by)


def _points(store: Store, metric: str, asset: str, labels: Mapping[str, str], since: datetime, until: datetime) -> tuple[Floats, Floats]:
    found = [one for one in store.metrics.range(Selector(metric=metric, asset=asset, labels=labels), since, until) if dict(one.labels) == dict(labels)]
    points = found[0].points if found else ()
    return np.array([time.timestamp() for time, _ in points], float), np.array([value for _, value in points], float)


def _spread_out(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many, evenly over all in order of their names."""
    ordered = sorted(samples, key=lambda one: one.series)
    return [ordered[number * len(ordered) // most] for number in range(most)] if len(ordered) > most else ordered


def history_of(store: Store, one: Sample, since: datetime, until: datetime) -> list[Sample]:
    """The stored samples of the series of ``one``. Raises StoreError."""
    found = store.metrics.range(Selector(metric=one.metric, asset=one.asset, labels=one.labels), since, until)
    return [replace(one, time=time, value=value) for each in found if dict(each.labels) == dict(one.labels) for time, value in each.points]


def recall_of(settings: Settings, choices: Sequence[Choice], kinds: Mapping[str, str], until: datetime) -> dict[str, Any] | None:
    """How many test faults on copies of stored series the baseline would have told, by kind of fault and class of metrics; None without history."""
    with opened(settings) as store:
        known = _spread_out([one for one in store.metrics.series(Selector(metric=WATCHED)) if one.asset in kinds], MOST_LOOKED)
        calendar = site_calendar(settings.site_folder / "calendar.yaml", settings.timezone)
        found: list[Trial] = []
        tried = 0
        for number, one in enumerate(known):
            history = history_of(store, one, until - LEAD, until) if tried < MOST_TRIED else []
            if len(history) < LEAST_ROWS:
                continue
            row = catalogue().get(one.metric)
            unit = row.unit if row else ""
            bounds = (0.0, 100.0) if unit == "%" else (0.0 if min(sample.value for sample in history) >= 0 else -math.inf, math.inf)
            policy = BUDGETS[budget_of(choices, kinds[one.asset], one.metric) or SHIPPED]
            options = Options(policy=policy, calendar=calendar)
            rng = random.Random(number)  # noqa: S311 - where a test fault lies is no secret
            found += trials(partial(Baseline, options), history, LEAST.get(unit, 0.0), bounds, rng)
            tried += 1
    if not found:
        return None
    classes = {name: [trial for trial in found if class_of(trial.metric) == name] for name in CLASSES}
    return {"series": tried, "by_fault": recall(found), "by_class": {name: recall(some)["all"] for name, some in classes.items() if some}}
