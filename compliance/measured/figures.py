"""Figures of one or seven days as a table that checks read (kind ``metrics.week``): per asset and metric the lowest and the highest value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil, floor
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from compliance.check import Model
from compliance.logs import DAY, step_of
from core.files import build, read_yaml
from core.records import Sample
from store.base import Agg, Metrics, Selector, Series

KIND: Final = "metrics.week"
OLDEST: Final = timedelta(days=30)
HOUR: Final = timedelta(hours=1)
MOST_ROWS: Final = 40
HEADING: Final = "metric\tpart\tleast\tmost\tnewest\twhere\thours\n"


class Measure(Model):
    """How one metric is summed up; see measures.yaml."""

    over: Literal["day", "hour", "share"]
    step: float = Field(gt=0)
    by: str = ""
    absolute: bool = False
    newest: bool = False


@lru_cache(maxsize=1)
def measures() -> Mapping[str, Measure]:
    """The shipped ones by metric."""
    document = read_yaml(Path(__file__).with_name("measures.yaml"))
    return {str(name): build(document, Measure, (name,)) for name in document.data}


@dataclass(frozen=True, slots=True)
class Spread:
    """Lowest and highest value of a part of an asset, and where the highest was."""

    least: float
    most: float
    where: str


Key = tuple[str, str, str]
"""Asset, metric, part."""


def texts(metrics: Metrics, assets: Iterable[str], now: datetime) -> dict[str, str]:
    """Asset -> table; of an asset that has none of the metrics the heading alone."""
    spreads: dict[Key, Spread] = {}
    for over, since, step, aggs in (("day", 6 * DAY, DAY, ("max", "min")), ("hour", DAY, HOUR, ("avg",)), ("share", DAY, 2 * DAY, ("avg",))):
        names = tuple(name for name, one in measures().items() if one.over == over)
        begin = now.replace(hour=0, minute=0, second=0, microsecond=0) - since
        for agg in aggs:
            _widen(spreads, metrics.range(Selector(metric=names), begin, now + timedelta(seconds=1), step, _agg(agg)))
    newest = metrics.latest(Selector(metric=tuple(measures())), OLDEST, now)
    found = tables(spreads, newest, now)
    return {asset: HEADING + found.get(asset, "") for asset in assets}


def _agg(name: str) -> Agg:
    known: Mapping[str, Agg] = {"max": "max", "min": "min", "avg": "avg"}
    return known[name]


def _widen(spreads: dict[Key, Spread], found: Iterable[Series]) -> None:
    for series in found:
        measure = measures()[series.metric]
        values = [abs(value) if measure.absolute else value for _, value in series.points]
        if not values:
            continue
        if measure.over == "share":
            values = [100 * value for value in values]
        key = (series.asset, series.metric, series.labels.get(measure.by, "") if measure.by else "")
        least, most, where = min(values), max(values), " ".join(series.labels[name] for name in sorted(series.labels))
        known = spreads.get(key)
        if known is not None:
            where = known.where if known.most >= most else where
            least, most = min(least, known.least), max(most, known.most)
        spreads[key] = Spread(least, most, where)


def tables(spreads: Mapping[Key, Spread], newest: Iterable[Sample], now: datetime) -> dict[str, str]:
    """The tables from what was summed up and the newest samples; a metric without a sample of the last thirty days has no row."""
    last: dict[Key, Sample] = {}
    for sample in newest:
        measure = measures()[sample.metric]
        key = (sample.asset, sample.metric, sample.labels.get(measure.by, "") if measure.by else "")
        known = last.get(key)
        if known is None or sample.time > known.time or (sample.time == known.time and sample.value > known.value):
            last[key] = sample
    lines: dict[str, list[str]] = defaultdict(list)
    for (asset, metric, part), sample in sorted(last.items()):
        measure, spread = measures()[metric], spreads.get((asset, metric, part))
        value = (abs(sample.value) if measure.absolute else sample.value) * (100 if measure.over == "share" else 1)
        found = spread or Spread(value, value, "")
        cells = (
            metric,
            part,
            _down(found.least, measure.step),
            _up(found.most, measure.step),
            _near(value, measure.step) if measure.newest else "-",
            found.where,
        )
        lines[asset].append("\t".join((*(_cell(cell) for cell in cells), str(step_of((now - sample.time) / HOUR)))))
    return {asset: "".join(f"{line}\n" for line in _cut(rows)) for asset, rows in lines.items()}


def _cut(rows: Sequence[str]) -> Sequence[str]:
    """A device with hundreds of sensors keeps those that are out of order (their highest value comes first)."""
    if len(rows) <= MOST_ROWS:
        return rows
    return sorted(sorted(rows, key=lambda row: -float(row.split("\t")[3]))[:MOST_ROWS])


def _cell(text: str) -> str:
    return " ".join(text.split())


def _down(value: float, step: float) -> str:
    return f"{floor(value / step + 1e-9) * step:g}"


def _up(value: float, step: float) -> str:
    return f"{ceil(value / step - 1e-9) * step:g}"


def _near(value: float, step: float) -> str:
    return f"{round(value / step) * step:g}"
