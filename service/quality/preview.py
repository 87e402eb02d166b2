"""What budgets would have called for in the past, played piece by piece in a process of its own.

So the page sees it grow, other work gets its turn between two pieces, and a large estate comes to an end: what is played is in an order by hash,
so that any part of it is a fair sample of all. Functions of plain values.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from core.calendar import Calendar
from core.records import Event, Finding, Sample
from core.settings import Settings
from detectors.logs.rates import Rates
from detectors.logs.watch import Logs
from detectors.series.baseline import WATCHED, Baseline, Options
from detectors.series.budgets import BUDGETS, EVENTS, EVERY, TOGETHER, class_of
from detectors.series.host import LEAST_METRICS, METRICS, Host
from detectors.series.offload import Inline
from service.quality.past import LEAD, history_of, opened
from service.replaying import MOST_EVENTS, batches, newest_events, ticks
from service.watchers import site_calendar
from store.base import Selector
from store.filter import EVERYTHING, Term

MOST_SOURCES: Final = 10_000
Item = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""What is judged by itself: class (empty for a series), asset, metric, labels."""
Alarms = dict[str, list[dict[str, Any]]]
"""By budget."""


def items_of(settings: Settings, assets: Sequence[str], metrics: str, since: datetime, until: datetime) -> list[Item]:
    """Every series, host and source of events of these assets that a budget of this class speaks of, in an order by hash. Raises StoreError."""
    wanted = set(assets)
    with opened(settings) as store:
        known = [one for one in store.metrics.series(Selector(metric=tuple({*WATCHED, *METRICS}))) if one.asset in wanted]
        items: list[Item] = [
            ("", one.asset, one.metric, tuple(sorted(one.labels.items())))
            for one in known
            if one.metric in WATCHED and metrics in (EVERY, class_of(one.metric))
        ]
        if metrics in (EVERY, TOGETHER):
            items += [(TOGETHER, asset, "", ()) for asset in wanted if len({one.metric for one in known if one.asset == asset} & set(METRICS)) >= LEAST_METRICS]
        if metrics in (EVERY, EVENTS):
            items += [(EVENTS, asset, "", ()) for asset, _ in store.events.top(EVERYTHING, since, until, "asset.id", MOST_SOURCES) if asset in wanted]
    return sorted(items, key=lambda item: hashlib.blake2b(repr(item).encode(), digest_size=8).digest())


def play(settings: Settings, items: Sequence[Item], budgets: Sequence[str], since: datetime, until: datetime, seconds: float) -> dict[str, Any]:
    """Play items in order until so many seconds are spent, at least one: how many were ``done``, ``alarms`` by budget, of how many a part was ``cut`` off."""
    begun, done, cut = time.monotonic(), 0, 0
    alarms: Alarms = {budget: [] for budget in budgets}
    calendar = site_calendar(settings.site_folder / "calendar.yaml", settings.timezone)
    with opened(settings) as store:
        for what, asset, metric, labels in items:
            if done and time.monotonic() - begun > seconds:
                break
            if what == EVENTS:
                events = newest_events(store.events, Term("asset.id", asset), since - LEAD, until)
                cut += len(events) >= MOST_EVENTS
                found = {budget: _from_events(events, budget, until, calendar) for budget in budgets}
            elif what == TOGETHER:
                polls = list(batches(store.metrics, Selector(asset=asset, metric=METRICS), since - LEAD, until))
                found = {budget: _from_polls(polls, budget) for budget in budgets}
            else:
                history = history_of(store, Sample(time=until, asset=asset, metric=metric, value=0.0, labels=dict(labels)), since - LEAD, until)
                found = {budget: _from_series(history, budget, calendar) for budget in budgets}
            for budget, findings in found.items():
                alarms[budget] += [_alarm(one) for one in findings if one.firing and one.time >= since]
            done += 1
    return {"done": done, "alarms": alarms, "cut": cut, "took": time.monotonic() - begun}


def _from_series(history: Sequence[Sample], budget: str, calendar: Calendar) -> list[Finding]:
    detector = Baseline(Options(policy=BUDGETS[budget], calendar=calendar))
    return [finding for sample in history for finding in detector.observe([sample])]


def _from_polls(polls: Sequence[Sequence[Sample]], budget: str) -> list[Finding]:
    """A finding that grows graver is the same alarm."""
    detector = Host(offload=Inline())
    detector.use_budgets(lambda _asset, _what: budget)
    found, is_firing = [], False
    for finding in (finding for poll in polls for finding in detector.observe(poll)):
        if finding.firing and not is_firing:
            found.append(finding)
        is_firing = finding.firing
    return found


def _from_events(events: Sequence[Event], budget: str, until: datetime, calendar: Calendar) -> list[Finding]:
    rates, logs = Rates(calendar), Logs()
    rates.use_budgets(lambda _asset, _what: budget)
    logs.use_budgets(lambda _asset, _what: budget)
    found: list[Finding] = []
    for now, batch in ticks(events, events[0].time, until) if events else ():
        found += [*rates.read(batch, now), *logs.read(batch, now)]
    return found


def _alarm(one: Finding) -> dict[str, Any]:
    """As JSON values; ``metric`` is the one to draw, empty when there is none."""
    top = one.evidence.get("top")
    return {
        "time": one.time.isoformat(), "asset": one.asset, "metric": one.labels.get("metric") or (str(top[0]["metric"]) if top else ""),
        "labels": {key: value for key, value in one.labels.items() if key != "metric" and one.labels.get("metric")}, "severity": one.severity.value,
        **{key: one.evidence.get(key) for key in ("value", "low", "high", "zh", "en")},
    }  # fmt: skip
