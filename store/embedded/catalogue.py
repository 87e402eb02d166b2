"""Which series there are: numbers for asset, metric and labels, kept in memory and read on from where it stopped."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.records import Labels, series_key
from store.base import Selector
from store.embedded.text import clean, dumps


@dataclass(frozen=True, slots=True)
class Name:
    """What a series is called."""

    asset: str
    metric: str
    labels: Labels


class Catalogue:
    """Thread-safe; grows only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[int, Name] = {}
        self._ids: dict[str, int] = {}
        self._by_metric: defaultdict[str, set[int]] = defaultdict(set)
        self._by_asset: defaultdict[str, set[int]] = defaultdict(set)
        self._read_up_to = 0

    def read_on(self, con: sqlite3.Connection) -> None:
        """Take in the series that were added since."""
        with self._lock:
            for sid, asset, metric, labels in con.execute("SELECT id, asset, metric, labels FROM series WHERE id > ? ORDER BY id", (self._read_up_to,)):
                self._add(sid, Name(asset, metric, json.loads(labels)))

    def __len__(self) -> int:
        return len(self._names)

    @property
    def highest(self) -> int:
        """The highest number given so far."""
        return self._read_up_to

    def name(self, sid: int) -> Name:
        """The name of a series."""
        return self._names[sid]

    def id(self, key: str) -> int | None:
        """The number of the series with this key, when it is known."""
        return self._ids.get(key)

    def select(self, selector: Selector) -> list[int]:
        """The series that ``selector`` means, in order of their numbers."""
        with self._lock:
            found = self._any(selector.metric, self._by_metric), self._any(selector.asset, self._by_asset)
            chosen = set(self._names) if found == (None, None) else set.intersection(*(part for part in found if part is not None))
            if selector.labels:
                chosen = {sid for sid in chosen if _labels_fit(self._names[sid].labels, selector.labels)}
        return sorted(chosen)

    def add(self, con: sqlite3.Connection, wanted: Iterable[tuple[str, Name]]) -> None:
        """Give numbers to new series; they are in the file when the transaction is."""
        for key, name in wanted:
            con.execute(
                "INSERT OR IGNORE INTO series(key, asset, metric, labels) VALUES(?, ?, ?, ?)",
                (clean(key), clean(name.asset), clean(name.metric), dumps(dict(name.labels))),
            )

    def forget(self, sids: Sequence[int]) -> None:
        """Series that were removed get a new number when they come back; readers that hold an old number still find its name."""
        with self._lock:
            for name in (self._names[sid] for sid in sids if sid in self._names):
                self._ids.pop(series_key(name.asset, name.metric, name.labels), None)

    def _add(self, sid: int, name: Name) -> None:
        self._names[sid] = name
        self._ids[series_key(name.asset, name.metric, name.labels)] = sid
        self._by_metric[name.metric].add(sid)
        self._by_asset[name.asset].add(sid)
        self._read_up_to = sid

    @staticmethod
    def _any(wanted: str | tuple[str, ...], index: Mapping[str, set[int]]) -> set[int] | None:
        if not wanted:
            return None
        names = (wanted,) if isinstance(wanted, str) else wanted
        return set().union(*(index.get(name, set()) for name in names))


def _labels_fit(labels: Labels, wanted: Mapping[str, str | tuple[str, ...]]) -> bool:
    return all(any(_fits(labels.get(name, ""), one) for one in ((choice,) if isinstance(choice, str) else choice)) for name, choice in wanted.items())


def _fits(value: str, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not _fits(value, wanted[1:])
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted
