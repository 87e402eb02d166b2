"""How the watching itself is: parts of the service, collectors, the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.i18n import _, two
from console.queries.times import read, span
from core.names import HEALTH
from store.base import Selector, Store

SILENT: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the service, as its health document says it."""

    name: str
    title: str
    ok: bool
    message: str
    updated: datetime | None
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One collector on one asset: how its last attempt went."""

    asset: str
    collector: str
    ok: bool
    time: datetime
    duration_s: float | None


def parts_of(store: Store, now: datetime) -> list[Part]:
    """Every part; one whose document is old counts as not well."""
    return [_part(document.id, document.body, now) for document in store.documents.find(HEALTH).items]


def polls(store: Store, now: datetime, max_age: timedelta = timedelta(hours=1)) -> list[Poll]:
    """The latest attempt of every collector, failures first."""
    durations = {(s.asset, s.labels.get("collector", "")): s.value for s in store.metrics.latest(Selector(metric="collector.duration"), max_age, now)}
    found = []
    for sample in store.metrics.latest(Selector(metric="collector.up"), max_age, now):
        key = (sample.asset, sample.labels.get("collector", ""))
        found.append(Poll(asset=key[0], collector=key[1], ok=sample.value > 0, time=sample.time, duration_s=durations.get(key)))
    return sorted(found, key=lambda poll: (poll.ok, poll.asset, poll.collector))


def own_figures(store: Store, now: datetime) -> list[tuple[str, Mapping[str, str], float]]:
    """What the product measures of itself: metric, labels, value."""
    names = tuple(sorted({s.metric for s in store.metrics.series(Selector()) if s.metric.startswith(("wanglou.", "syslog.", "traps."))}))
    return [(s.metric, s.labels, s.value) for s in store.metrics.latest(Selector(metric=names), SILENT * 2, now)] if names else []


def _message(body: Mapping[str, Any]) -> str:
    """In the reader's language where numbers say it all; else the service's own words."""
    age = body.get("age_s")
    if isinstance(age, int | float):
        text = _("active {span} ago") if body.get("ok") else _("stands still for {span}")
        return text.format(span=span(timedelta(seconds=age)))
    return _("works") if body.get("ok") else str(body.get("message", ""))


def _part(name: str, body: Mapping[str, Any], now: datetime) -> Part:
    updated = read(body.get("updated"))
    is_silent = updated is None or now - updated > SILENT
    message = _message(body)
    if is_silent and updated is not None:
        message = _("has not reported for {span}").format(span=span(now - updated))
    title = two(str(body.get("zh", name)), name)
    return Part(name=name, title=title, ok=bool(body.get("ok")) and not is_silent, message=message, updated=updated, figures=body.get("figures") or {})
