"""Reading samples of a time range: as they are, or in buckets from hourly roll-ups and raw samples together.

Every source becomes *cells* (series, bucket, n, sum, min, max, last and its time); cells of one group and bucket are then joined,
so that a bucket may be made of roll-ups, blocks and the tail at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from core.errors import ConfigError
from core.records import Labels
from store.base import Agg, Selector, Series
from store.embedded.catalogue import Name
from store.embedded.codec import DAY_MS, HOUR_MS, HOURS, Array, Broken, Floats, Ints, decode_rolls
from store.embedded.series_file import SeriesFile, Sight, day_and_series, day_of, rows_of
from store.embedded.tail import Points, keys_of, sorted_points
from store.embedded.text import millis, time_of

CELL: Final = np.dtype([("sid", "<i8"), ("at", "<i8"), ("n", "<f8"), ("sum", "<f8"), ("min", "<f8"), ("max", "<f8"), ("last", "<f8"), ("last_at", "<i8")])


@dataclass(frozen=True, slots=True)
class Span:
    """[since, until) in ms, cut where raw samples end and roll-ups are all that is left."""

    since: int
    until: int

    @property
    def days(self) -> range:
        """The days it touches."""
        return range(day_of(self.since), day_of(self.until - 1) + 1) if self.since < self.until else range(0)


def read_range(
    file: SeriesFile, selector: Selector, since: datetime, until: datetime, step: timedelta | None, agg: Agg, by: Sequence[str] | None
) -> list[Series]:
    """See store.base.Metrics.range; raises ConfigError for a step that is no whole number of milliseconds and for ``by`` without a step."""
    span = Span(millis(since), millis(until))
    if step is None:
        if by is not None:
            raise ConfigError("grouping series needs a step")
        return _raw(file, selector, span)
    step_ms = step // timedelta(milliseconds=1)
    if step_ms <= 0:
        raise ConfigError("the step must be at least a millisecond")
    with file.sight() as sight:
        sids = sight.catalogue.select(selector)
        names = {sid: sight.catalogue.name(sid) for sid in sids}
        cells = _cells(file, sight, sids, span, step_ms)
    return _grouped(cells, names, agg, by)


def _raw(file: SeriesFile, selector: Selector, span: Span) -> list[Series]:
    with file.sight() as sight:
        sids = sight.catalogue.select(selector)
        names = {sid: sight.catalogue.name(sid) for sid in sids}
        points = _points(file, sight, sids, span)
        old = _hours(file, sight, sids, Span(span.since, min(span.until, sight.raw_from_day * DAY_MS)), HOUR_MS)
    if len(old):
        points = sorted_points(np.concatenate((keys_of(old["sid"], old["at"]), points.key)), np.concatenate((old["sum"] / old["n"], points.value)))
    found = {}
    starts = np.flatnonzero(np.diff(points.sid, prepend=-1))
    for first, last in pairwise(np.append(starts, len(points.key)).tolist()):
        found[int(points.sid[first])] = tuple(zip(map(time_of, points.ts[first:last].tolist()), points.value[first:last].tolist(), strict=True))
    return _ordered([Series(metric=names[sid].metric, asset=names[sid].asset, labels=names[sid].labels, points=points) for sid, points in found.items()])


def _cells(file: SeriesFile, sight: Sight, sids: list[int], span: Span, step: int) -> Array:
    """Whole hours from roll-ups where the step allows it, or where nothing else is left; the rest from raw samples."""
    raw_from = sight.raw_from_day * DAY_MS
    if step % HOUR_MS:
        old = Span(span.since, max(span.since, min(span.until, raw_from)))
        return np.concatenate((_hours(file, sight, sids, old, step), _bucketed(_points(file, sight, sids, Span(old.until, span.until)), step)))
    whole = Span(-(-span.since // HOUR_MS) * HOUR_MS, span.until // HOUR_MS * HOUR_MS)
    if whole.since >= whole.until:
        return _bucketed(_points(file, sight, sids, span), step)
    edges = [_points(file, sight, sids, edge) for edge in (Span(span.since, whole.since), Span(whole.until, span.until))]
    tail = _tail(sight, sids, whole)
    return np.concatenate((_hours(file, sight, sids, whole, step), *(_bucketed(points, step) for points in (*edges, tail))))


def _points(file: SeriesFile, sight: Sight, sids: list[int], span: Span) -> Points:
    """Raw samples of blocks and tail."""
    keys: list[Ints] = []
    values: list[Floats] = []
    for id_, data in rows_of(sight.con, "blk", sids, span.days) if sids else ():
        day, sid = day_and_series(id_)
        if (block := file.decoded(day, data)) is not None:
            first, last = np.searchsorted(block[0], (span.since, span.until))
            keys.append(keys_of(np.int64(sid), block[0][first:last]))  # type: ignore[arg-type]
            values.append(block[1][first:last])
    tail = _tail(sight, sids, span)
    return sorted_points(np.concatenate((*keys, tail.key)), np.concatenate((*values, tail.value)))


def _tail(sight: Sight, sids: list[int], span: Span) -> Points:
    parts = [sight.tail.part(sid, span.since, span.until) for sid in sids] if span.since < span.until else []
    return Points(np.concatenate([part.key for part in parts]), np.concatenate([part.value for part in parts])) if parts else Points()


def _hours(file: SeriesFile, sight: Sight, sids: list[int], span: Span, step: int) -> Array:
    """Cells of the roll-ups whose hour begins in the span."""
    rows = sorted(rows_of(sight.con, "roll", sids, span.days), key=lambda row: (day_and_series(row[0])[1], row[0])) if sids else []
    rolls, ids = _decoded_rolls(file, rows)
    hour = (ids >> 32)[:, None] * DAY_MS + np.arange(HOURS) * HOUR_MS
    chosen = (rolls["n"] > 0) & (hour >= span.since) & (hour < span.until)
    cells = np.empty(int(chosen.sum()), CELL)
    start = hour[chosen]
    cells["sid"], cells["at"] = np.broadcast_to((ids & 0xFFFFFFFF)[:, None], chosen.shape)[chosen], start // step * step
    cells["last_at"] = start + rolls["last_at"][chosen]
    for part in ("n", "sum", "min", "max", "last"):
        cells[part] = rolls[part][chosen]
    return cells


def _decoded_rolls(file: SeriesFile, rows: list[tuple[int, bytes]]) -> tuple[Array, Ints]:
    try:
        return decode_rolls([data for _, data in rows]), np.array([id_ for id_, _ in rows], np.int64)
    except Broken as err:
        if len(rows) == 1:
            file.complain(str(err))
            return _decoded_rolls(file, [])
        halves = [_decoded_rolls(file, part) for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
        return np.concatenate([rolls for rolls, _ in halves]), np.concatenate([ids for _, ids in halves])


def _bucketed(points: Points, step: int) -> Array:
    """A cell for every raw sample."""
    cells = np.empty(len(points.key), CELL)
    cells["sid"], cells["last_at"] = points.sid, points.ts
    cells["at"], cells["n"] = cells["last_at"] // step * step, 1
    for part in ("sum", "min", "max", "last"):
        cells[part] = points.value
    return cells


def _grouped(cells: Array, names: Mapping[int, Name], agg: Agg, by: Sequence[str] | None) -> list[Series]:
    if not len(cells):
        return []
    sids, index = np.unique(cells["sid"], return_inverse=True)
    titles = [_title(names[int(sid)], by) for sid in sids]
    known = dict(titles)
    numbers = {title: number for number, title in enumerate(known)}
    group = np.array([numbers[title] for title, _ in titles], np.int64)[index]
    key = keys_of(group, cells["at"])
    if agg == "last" or (np.diff(key) < 0).any():
        order = np.lexsort((cells["last_at"], key))
        cells, key = cells[order], key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    made = Points(key[starts], _aggregated(cells, starts, agg))
    values, at, group = made.value, made.ts, made.sid
    bounds = np.searchsorted(group, np.arange(len(numbers) + 1))
    clock = {ms: time_of(ms) for ms in np.unique(at).tolist()}
    series = []
    for (title, labels), (first, last) in zip(known.items(), pairwise(bounds.tolist()), strict=True):
        points = tuple(zip([clock[ms] for ms in at[first:last].tolist()], values[first:last].tolist(), strict=True))
        series.append(Series(metric=title[0], asset=title[1], labels=labels, points=points))
    return _ordered(series)


def _aggregated(cells: Array, starts: Ints, agg: Agg) -> Floats:
    """One number per bucket; cells of a bucket are in order of time."""
    if agg == "last":
        ends = np.append(starts[1:], len(cells)) - 1
        last: Floats = cells["last"][ends]
        return last
    if agg in {"min", "max"}:
        extreme: Floats = (np.minimum if agg == "min" else np.maximum).reduceat(cells[agg], starts)
        return extreme
    n = np.add.reduceat(cells["n"], starts)
    if agg == "count":
        return n
    total = np.add.reduceat(cells["sum"], starts)
    return total / n if agg == "avg" else total


def _title(name: Name, by: Sequence[str] | None) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], Labels]:
    """What the series belongs to: itself, or a group of the same metric."""
    labels = name.labels if by is None else {key: value for key, value in name.labels.items() if key in by}
    asset = name.asset if by is None or "asset" in by else ""
    return (name.metric, asset, tuple(sorted(labels.items()))), labels


def _ordered(series: list[Series]) -> list[Series]:
    return sorted(series, key=lambda one: (one.metric, one.asset, sorted(one.labels.items())))
