"""Time series as charts: points from the store, and ECharts options as plain data. Gaps stay gaps; null is never zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.i18n import _, two
from core.catalogue import catalogue
from store.base import Selector, Series, Store

POINTS: Final = 300
SERIES: Final = 12
STEPS_S: Final = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
RANGES: Final[Mapping[str, timedelta]] = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
COLOURS: Final = ("#17527a", "#c1762a", "#3f8f5f", "#8e5aa8", "#b5484a", "#5a7f2c", "#4a6fa5", "#8a6d3b")
BYTES: Final = ("B", "B/s")
PREFIXES: Final = (" ", "K", "M", "G", "T")  # of 1024
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What was expected of a series, and the moment at which it was found to be otherwise; ``end`` is when that was over."""

    low: float | None = None
    high: float | None = None
    at: datetime | None = None
    end: datetime | None = None


def step_for(length: timedelta, points: int = POINTS) -> timedelta:
    """A round step that gives at most ``points`` points."""
    wanted = length.total_seconds() / points
    return timedelta(seconds=next((step for step in STEPS_S if step >= wanted), STEPS_S[-1]))


def read_series(store: Store, asset: str, metric: str, since: datetime, until: datetime, labels: Mapping[str, str] | None = None) -> list[Series]:
    """At most SERIES series of one metric, the largest first."""
    found = store.metrics.range(Selector(metric=metric, asset=asset, labels=labels or {}), since, until, step_for(until - since))
    return sorted(found, key=lambda series: -max((value for _time, value in series.points), default=0.0))[:SERIES]


def with_gaps(points: Sequence[tuple[datetime, float]], step: timedelta, zone: ZoneInfo, shift: timedelta = timedelta()) -> list[list[float | None]]:
    """[site time in ms as if it were UTC, value]; a null stands where more than two of the usual distances are missing."""
    rows: list[list[float | None]] = []
    before: datetime | None = None
    usual = max(step, _usual_distance(points))
    for time, value in points:
        if before is not None and time - before > 2.5 * usual:
            rows.append([_site_ms(before + usual + shift, zone), None])
        rows.append([_site_ms(time + shift, zone), _sensible(value)])
        before = time
    return rows


def line_chart(
    series: Sequence[Series],
    *,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    unit: str,
    compared: Sequence[Series] = (),
    band: Band | None = None,
    labels: Sequence[str] = (),
    steps: Sequence[datetime] = (),
    past: Sequence[Band] = (),
) -> dict[str, Any]:
    """ECharts options; ``compared`` are the same series a week earlier, drawn pale and dashed; ``steps`` are changes of level, marked; ``past`` bands are
    drawn while they held.
    """
    step = step_for(until - since)
    given = unit
    series, compared, unit = scaled(series, compared, unit)
    names = list(labels) or [label_of(each) for each in series]
    drawn = [_line(name, with_gaps(each.points, step, zone), index) for index, (name, each) in enumerate(zip(names, series, strict=True))]
    for each in compared:
        name = label_of(each)
        index = names.index(name) if name in names else len(names)
        title = f"{name} · {_('a week earlier')}" if name else _("a week earlier")
        drawn.append(_line(title, with_gaps(each.points, step, zone, WEEK), index, is_pale=True))
    by = 1024 ** (PREFIXES.index(unit[0]) if unit != given else 0)
    if band and drawn:
        _mark(drawn[0], _scaled_band(band, by), zone)
    if past and drawn:
        _mark_past(drawn[0], [_scaled_band(one, by) for one in past], since, until, zone)
    if steps and drawn and "markLine" not in drawn[0]:
        _mark_steps(drawn[0], steps, zone)
    return {
        "animation": False,
        "useUTC": True,
        "color": list(COLOURS),
        "textStyle": {"fontFamily": "Noto Sans SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif"},
        "grid": {"left": 52, "right": 14, "top": 24 if unit.endswith(BYTES) else 12, "bottom": 46 if len(drawn) > 1 else 24},
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": {"show": len(drawn) > 1, "bottom": 0, "type": "scroll", "itemHeight": 8, "textStyle": {"fontSize": 11}},
        "xAxis": {"type": "time", "min": _site_ms(since, zone), "max": _site_ms(until, zone), "axisLabel": {"fontSize": 11, "hideOverlap": True}},
        "yAxis": {
            "type": "value",
            "name": unit if unit.endswith(BYTES) else "",
            "nameTextStyle": {"fontSize": 11, "align": "right"},
            "nameGap": 8,
            "min": 0 if _starts_at_zero(series) else None,
            "max": 100 if unit == "%" and _fits_percent(series) else None,
            "axisLabel": {"fontSize": 11},
        },
        "series": drawn,
    }


def scaled(series: Sequence[Series], compared: Sequence[Series], unit: str) -> tuple[Sequence[Series], Sequence[Series], str]:
    """Bytes in the largest unit that keeps the top above 1; everything else as it is."""
    if unit not in BYTES:
        return series, compared, unit
    top = max((value for each in (*series, *compared) for _time, value in each.points), default=0.0)
    power = min(4, max(0, math.floor(math.log(top, 1024)))) if top >= 1 else 0
    return _divided(series, 1024**power), _divided(compared, 1024**power), f"{PREFIXES[power].strip()}{unit}"


def _scaled_band(band: Band, by: int) -> Band:
    return replace(band, low=None if band.low is None else band.low / by, high=None if band.high is None else band.high / by)


def _divided(series: Sequence[Series], by: int) -> list[Series]:
    return [replace(each, points=tuple((time, value / by) for time, value in each.points)) for each in series]


def bar_chart(rows: Sequence[tuple[datetime, Mapping[str, int]]], zone: ZoneInfo, colours: Mapping[str, str]) -> dict[str, Any]:
    """Stacked counts over time."""
    names = list(dict.fromkeys(name for _time, counts in rows for name in counts))
    return {
        "animation": False,
        "useUTC": True,
        "textStyle": {"fontFamily": "Noto Sans SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif"},
        "grid": {"left": 44, "right": 8, "top": 8, "bottom": 40 if len(names) > 1 else 22},
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": {"show": len(names) > 1, "bottom": 0, "type": "scroll", "itemHeight": 8, "textStyle": {"fontSize": 11}},
        "xAxis": {"type": "time", "axisLabel": {"fontSize": 11, "hideOverlap": True}},
        "yAxis": {"type": "value", "minInterval": 1, "axisLabel": {"fontSize": 11}},
        "series": [
            {
                "type": "bar",
                "stack": "all",
                "name": name,
                "itemStyle": {"color": colours.get(name, COLOURS[index % len(COLOURS)])},
                "data": [[_site_ms(time, zone), counts.get(name, 0)] for time, counts in rows],
            }
            for index, name in enumerate(names)
        ],
    }


def label_of(series: Series) -> str:
    """The labels of a series as people read them."""
    return " ".join(str(value) for _name, value in sorted(series.labels.items()))


def title_of(metric: str) -> str:
    """The metric's name in the reader's language, with its unit; charts of bytes choose theirs and write it at the axis."""
    known = catalogue().get(metric)
    if known is None:
        return metric
    unit = UNITS.get(known.unit, known.unit)
    name = two(known.zh, known.en)
    return f"{name} ({unit})" if unit and unit not in BYTES else name


def unit_of(metric: str) -> str:
    """The metric's unit, empty when it is a bare number."""
    known = catalogue().get(metric)
    return UNITS.get(known.unit, known.unit) if known else ""


UNITS: Final[Mapping[str, str]] = {"1": "", "By": "B", "By/s": "B/s", "Cel": "°C", "d": "d", "{rpm}": "rpm"}


def number(value: float | None, unit: str = "") -> str:
    """Sensible digits, thousands separators, and larger units for bytes."""
    if value is None:
        return "–"
    if unit in BYTES:
        for prefix in ("", "K", "M", "G", "T"):
            if abs(value) < 1024 or prefix == "T":
                return f"{value:,.{0 if not prefix else 1}f} {prefix}{unit}"
            value /= 1024
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit == '%' or not unit else ' '}{unit}"


def _usual_distance(points: Sequence[tuple[datetime, float]]) -> timedelta:
    """The median distance of neighbours: a series polled every five minutes has no gap at every minute."""
    distances = sorted(later[0] - earlier[0] for earlier, later in pairwise(points))
    return distances[len(distances) // 2] if distances else timedelta()


def _line(name: str, data: list[list[float | None]], index: int, *, is_pale: bool = False) -> dict[str, Any]:
    colour = COLOURS[index % len(COLOURS)]
    style: dict[str, Any] = {"width": 1.5, "color": colour, **({"type": "dashed", "opacity": 0.45} if is_pale else {})}
    return {"type": "line", "name": name, "showSymbol": len(data) < 3, "connectNulls": False, "lineStyle": style, "itemStyle": {"color": colour}, "data": data}


def _mark(line: dict[str, Any], band: Band, zone: ZoneInfo) -> None:
    if band.low is not None or band.high is not None:
        low: dict[str, Any] = {"yAxis": band.low} if band.low is not None else {"y": "100%"}
        high: dict[str, Any] = {"yAxis": band.high} if band.high is not None else {"y": "0%"}
        line["markArea"] = {"silent": True, "itemStyle": {"color": "#2E7D32", "opacity": 0.16}, "data": [[low, high]]}
    if band.at is not None:
        label = {"formatter": _("found"), "fontSize": 11}
        line["markLine"] = {"symbol": "none", "lineStyle": {"color": "#C62828"}, "label": label, "data": [{"xAxis": _site_ms(band.at, zone)}]}


def _mark_past(line: dict[str, Any], bands: Sequence[Band], since: datetime, until: datetime, zone: ZoneInfo) -> None:
    """A box per band from its alarm to the end of it, made as wide as can be seen."""
    area = line.setdefault("markArea", {"silent": True, "itemStyle": {"color": "#2E7D32", "opacity": 0.16}, "data": []})
    least = (until - since) / 60
    for band in bands:
        if band.at and band.end:
            begin, end = max(since, band.at - least), min(until, band.end + least)
            area["data"].append([{"xAxis": _site_ms(begin, zone), "yAxis": band.low}, {"xAxis": _site_ms(end, zone), "yAxis": band.high}])


def _mark_steps(line: dict[str, Any], steps: Sequence[datetime], zone: ZoneInfo) -> None:
    label = {"formatter": _("level changed"), "fontSize": 10}
    line["markLine"] = {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": "#6A1B9A", "type": "dashed"},
        "label": label,
        "data": [{"xAxis": _site_ms(step, zone)} for step in steps],
    }


def _site_ms(time: datetime, zone: ZoneInfo) -> float:
    local = time.astimezone(zone)
    return (time.timestamp() + (local.utcoffset() or timedelta()).total_seconds()) * 1000


def _sensible(value: float) -> float:
    return float(f"{value:.5g}")


def _starts_at_zero(series: Sequence[Series]) -> bool:
    values = [value for each in series for _time, value in each.points]
    return bool(values) and min(values) >= 0 and (min(values) < 0.5 * max(values) or max(values) == 0)


def _fits_percent(series: Sequence[Series]) -> bool:
    return all(value <= 100 for each in series for _time, value in each.points)
