"""Writing samples, and the newest of each series. Reading ranges is in ranges.py, moving the tail into blocks in compaction.py."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from core.errors import StoreError
from core.records import Sample
from store.base import Agg, Selector, Series, Written
from store.embedded.catalogue import Name
from store.embedded.codec import DAY_MS, Floats, Ints, encode_hot
from store.embedded.compaction import Compaction
from store.embedded.database import Damaged
from store.embedded.ranges import read_range
from store.embedded.series_file import SeriesFile, Sight, day_of
from store.embedded.spool import Spool
from store.embedded.tail import MOST_SERIES, Bools, keys_of
from store.embedded.text import clean, millis, time_of

_YEARS: Final = range(2000, 2100)
_SYNC_EVERY_S: Final = 1.0
_DAYS_REMEMBERED: Final = 1024
_FEW: Final = 200


class EmbeddedMetrics:
    """Implements store.base.Metrics."""

    def __init__(self, file: SeriesFile, compaction: Compaction, spool: Spool | None, writer: bool, written: Callable[[int, int], None]) -> None:
        """``written(samples, series)`` hears how much went into the tail and how many series there are."""
        self._file, self._compaction, self._spool, self._writer, self._written = file, compaction, spool, writer, written
        self._lock = threading.Lock()
        self._newest: Ints | None = None
        self._days: dict[tuple[int, int, int], Ints] = {}
        self._synced = float("-inf")
        self.set_aside: list[str] = []

    def write(self, samples: Sequence[Sample]) -> Written:
        """Durable when this returns: against a crash of the process always, against a loss of power within a second of writing."""
        if not self._writer:
            raise StoreError("the console only reads samples; the service writes them")
        rejected = tuple(reason for sample in samples if (reason := _wrong(sample)))
        good = [sample for sample in samples if not _wrong(sample)] if rejected else samples
        if not good:
            return Written(0, 0, rejected)
        with self._lock:
            try:
                fresh, old = self._store(good)
            except Damaged as err:
                if err.path != self._file.database.path:
                    raise
                self._replace()
                fresh, old = self._store(good)
        if old:
            rejected += (f"{old} samples are older than the age at which raw samples are removed",)
        return Written(fresh, len(good) - fresh - old, rejected)

    def range(
        self, selector: Selector, since: datetime, until: datetime, step: timedelta | None = None, agg: Agg = "avg", by: Sequence[str] | None = None
    ) -> list[Series]:
        """Points in [since, until), see store.base; where raw samples are past their age, hours stand for them."""
        return read_range(self._file, selector, since, until, step, agg, by)

    def latest(self, selector: Selector, max_age: timedelta, now: datetime) -> list[Sample]:
        """The newest sample of each series that is not older than ``max_age``."""
        oldest = millis(now - max_age)
        return [sample for sample in self.series(selector) if millis(sample.time) >= oldest]

    def series(self, selector: Selector) -> list[Sample]:
        """Every known series, as its newest sample."""
        with self._file.sight() as sight:
            sids = sight.catalogue.select(selector)
            found = _newest(sight, sids)
            chosen = [(sight.catalogue.name(sid), *found[sid]) for sid in sids if sid in found]
        return [Sample(time=time_of(ts), asset=name.asset, metric=name.metric, value=value, labels=name.labels) for name, ts, value in chosen]

    def expire(self, raw_before: datetime, rolls_before: datetime) -> dict[str, int]:
        """Remove raw samples, roll-ups and series past their age; returns how many rows of each went."""
        with self._lock:
            raw, rolls, gone = self._compaction.expire(raw_before, rolls_before)
            with self._file.sight() as sight:
                sight.catalogue.forget(gone)
        return {"raw_days_removed": raw, "rollup_days_removed": rolls, "series_removed": len(gone)}

    def replace_damaged(self) -> None:
        """Set the damaged file aside and go on with what could be saved of it."""
        with self._lock:
            self._replace()

    def _replace(self) -> None:
        self.set_aside.append(self._file.replace())
        self._newest = None
        self._days.clear()

    def _store(self, samples: Sequence[Sample]) -> tuple[int, int]:
        """Returns how many were new and how many too old."""
        sid, ts, value = self._numbered(samples)
        with self._file.sight() as sight:
            newest, too_old = self._known(sight), ts < sight.raw_from_day * DAY_MS
            first = np.unique(keys_of(sid, ts), return_index=True)[1]
            first = first[~too_old[first]]
            late = first[ts[first] <= newest[sid[first]]]
            if len(late):
                first = np.setdiff1d(first, late[self._there(sight, sid[late], ts[late])])
        if not len(first):
            return 0, int(too_old.sum())
        if self._spool is not None:
            self._spool.append("metrics", [samples[at] for at in first.tolist()])
        sid, ts, value = sid[first], ts[first], value[first]
        self._insert(sid, ts, value)
        np.maximum.at(newest, sid, ts)
        self._written(len(sid), len(sight.catalogue))
        return len(first), int(too_old.sum())

    def _insert(self, sid: Ints, ts: Ints, value: Floats) -> None:
        now = time.monotonic()
        sync = "FULL" if now - self._synced >= _SYNC_EVERY_S else ""
        with self._file.database.writing(synchronous=sync) as con:
            con.execute("INSERT INTO hot(n, data) VALUES(?, ?)", (len(sid), encode_hot(sid, ts, value)))
        if sync:
            self._synced = now

    def _numbered(self, samples: Sequence[Sample]) -> tuple[Ints, Ints, Floats]:
        """Series numbers (new ones are given), times in ms and values."""
        keys = [sample.series for sample in samples]
        with self._file.sight() as sight:
            ids = [sight.catalogue.id(key) for key in keys]
        if None in ids:
            self._add({key: sample for key, sample, id_ in zip(keys, samples, ids, strict=True) if id_ is None})
            with self._file.sight() as sight:
                ids = [sight.catalogue.id(key) if sight.catalogue.id(key) is not None else sight.catalogue.id(clean(key)) for key in keys]
        n = len(samples)
        return (
            np.fromiter((id_ for id_ in ids if id_ is not None), np.int64, n),
            np.fromiter((millis(sample.time) for sample in samples), np.int64, n),
            np.fromiter((sample.value for sample in samples), np.float64, n),
        )

    def _add(self, new: dict[str, Sample]) -> None:
        with self._file.sight() as sight:
            if sight.catalogue.highest + len(new) >= MOST_SERIES:
                raise StoreError(f"all {MOST_SERIES} series numbers are used up; some label must have values without end")
        with self._file.database.writing() as con:
            sight.catalogue.add(con, ((key, Name(sample.asset, sample.metric, sample.labels)) for key, sample in new.items()))

    def _known(self, sight: Sight) -> Ints:
        """By series number: the newest time, -1 when there is none."""
        if self._newest is None:
            self._newest = np.full(1024, -1, np.int64)
            found = _newest(sight, None)
            self._grow(max(found, default=0))
            for sid, (ts, _) in found.items():
                self._newest[sid] = ts
        row = sight.con.execute("SELECT max(id) FROM series").fetchone()
        self._grow(row[0] or 0)
        return self._newest

    def _grow(self, sid: int) -> None:
        assert self._newest is not None  # noqa: S101 - set by the only caller
        if sid >= len(self._newest):
            self._newest = np.concatenate((self._newest, np.full(max(len(self._newest), sid + 1 - len(self._newest)), -1, np.int64)))

    def _there(self, sight: Sight, sid: Ints, ts: Ints) -> Bools:
        """Which of these samples exist already, in the tail or in blocks."""
        found = sight.tail.contain(keys_of(sid, ts))
        for at in np.flatnonzero(~found).tolist():
            times = self._times(sight, int(sid[at]), day_of(int(ts[at])))
            place = int(np.searchsorted(times, ts[at]))
            found[at] = place < len(times) and times[place] == ts[at]
        return found

    def _times(self, sight: Sight, sid: int, day: int) -> Ints:
        key = (sight.floor, sid, day)
        if key not in self._days:
            if len(self._days) >= _DAYS_REMEMBERED:
                self._days.clear()
            block = self._file.block(sight.con, day, sid)
            self._days[key] = block[0] if block else np.empty(0, np.int64)
        return self._days[key]


def _newest(sight: Sight, sids: list[int] | None) -> dict[int, tuple[int, float]]:
    """Newest time and value by series (None: of all): as of the last compaction, with the tail over it."""
    few = sids is not None and len(sids) < _FEW
    where, values = ("WHERE sid IN (SELECT value FROM json_each(?))", (json.dumps(sids),)) if few else ("", ())
    found = {sid: (ts, value) for sid, ts, value in sight.con.execute(f"SELECT sid, ts, value FROM latest {where}", values)}  # noqa: S608 - our own text
    last = sight.tail.last_of(sids) if few and sids is not None else sight.tail.last()
    for sid, ts, value in zip(last.sid.tolist(), last.ts.tolist(), last.value.tolist(), strict=True):
        if sid not in found or ts >= found[sid][0]:
            found[sid] = ts, value
    return found


def _wrong(sample: Sample) -> str:
    """Why a sample cannot be kept; "" when it can."""
    if not math.isfinite(sample.value):
        return f"{sample.metric} of {sample.asset}: {sample.value} is no number"
    return "" if sample.time.year in _YEARS else f"{sample.metric} of {sample.asset}: the year {sample.time.year} cannot be right"
