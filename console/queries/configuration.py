"""What the page on configurations shows: devices with how they stand, versions with their author, two versions side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from compliance.check import Check
from compliance.load import SHIPPED, load_checks
from console.queries.times import read
from core.names import CONFIG_CHANGE, CONFIG_STATE, VERDICT
from inventory.asset import Asset
from inventory.configuration.changes import RUNNING
from inventory.configuration.difference import Difference, Row
from store.base import Body, Selector, Store
from store.filter import And, Range, Term
from store.snapshots import snapshot_versions

LATELY: Final = timedelta(days=7)
COLLECTOR: Final = "cli"
AROUND: Final = 2
MOST: Final = 5_000
CHECKS: Final = "net-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One device. ``seen`` and ``reads`` are of the last attempt to read it; ``change`` is the newest change on record."""

    asset: Asset
    state: Body
    seen: datetime | None
    reads: bool
    change: Body
    lately: int
    fails: int

    @property
    def unsaved(self) -> Body:
        """What a restart would lose; empty when nothing."""
        return dict(self.state.get("unsaved") or {})

    @property
    def deviations(self) -> int:
        """From all templates."""
        return sum(len(lines) for lines in self.state.get("templates", {}).values())

    @property
    def outside(self) -> bool:
        """Whether the newest change was made outside every window."""
        return self.change.get("allowed") is False

    @property
    def order(self) -> tuple[int, int, int, str]:
        """What needs a look first."""
        return (-int(self.outside), -int(bool(self.unsaved)), -self.deviations - self.fails, self.asset.title)


def devices(store: Store, assets: Mapping[str, Asset], now: datetime) -> list[Line]:
    """Every asset that is read over a command line, or whose configuration is known."""
    states = {document.id: document.body for document in store.documents.find(CONFIG_STATE, limit=MOST).items}
    up = {s.asset: s for s in store.metrics.latest(Selector(metric="collector.up", labels={"collector": COLLECTOR}), timedelta(days=30), now)}
    newest: dict[str, Body] = {}
    lately: Counter[str] = Counter()
    for body in changes(store, now - timedelta(days=90)):
        newest.setdefault(body["asset"], body)
        lately[body["asset"]] += (read(body["made"]) or now) > now - LATELY
    fails = Counter(verdict["asset"] for verdict in failing(store))
    return sorted(
        (
            Line(
                asset=asset,
                state=states.get(name, {}),
                seen=up[name].time if name in up else None,
                reads=name in up and up[name].value > 0,
                change=newest.get(name, {}),
                lately=lately[name],
                fails=fails[name],
            )
            for name, asset in assets.items()
            if COLLECTOR in asset.collect or name in states
        ),
        key=lambda line: line.order,
    )


def changes(store: Store, since: datetime, asset: str = "") -> list[Body]:
    """Changes on record since then that differ in more than the order of lines, the newest first."""
    parts = (Range("made", gte=since.isoformat()), *((Term("asset", asset),) if asset else ()))
    found = store.documents.find(CONFIG_CHANGE, And(parts), sort="-made", limit=1000).items
    return [document.body for document in found if document.body["added"] or document.body["removed"]]


def failing(store: Store, asset: str = "") -> list[Body]:
    """Checks of network devices that fail."""
    where = And((Term("outcome", "fail"), *((Term("asset", asset),) if asset else ())))
    return [document.body for document in store.documents.find(VERDICT, where, limit=MOST).items if document.body["check"].startswith(CHECKS)]


@dataclass(frozen=True, slots=True)
class Known:
    """One version with the change that led to it (empty for the first)."""

    time: datetime
    text: str
    change: Body


def versions(store: Store, asset: str, limit: int = 50) -> list[Known]:
    """All versions, the newest first."""
    made = {document.body["time"]: document.body for document in store.documents.find(CONFIG_CHANGE, Term("asset", asset), sort="-time", limit=limit).items}
    return [Known(v.snapshot.time, v.snapshot.body, made.get(v.snapshot.time.isoformat(), {})) for v in snapshot_versions(store, asset, RUNNING, limit)]


@lru_cache(maxsize=2)
def checks_of(site: Path) -> tuple[Check, ...]:
    """The shipped checks and those of the site, as they were when the console started."""
    return tuple(load_checks((SHIPPED, site / "checks")).checks.values())


def sides(difference: Difference, *, whole: bool) -> tuple[str, str]:
    """The old and the new text line by line beside each other: ``-`` gone, ``+`` new; parts that are the same are left out unless ``whole``."""
    shown = range(len(difference.rows)) if whole else _near(difference.rows)
    left: list[str] = []
    right: list[str] = []
    last = -1
    for index in shown:
        if index != last + 1:
            left.append("  …")
            right.append("  …")
        row, last = difference.rows[index], index
        pad = " " * len(row.path)
        left.append("" if row.left is None else f"{' ' if row.is_same else '-'} {pad}{row.left}")
        right.append("" if row.right is None else f"{' ' if row.is_same else '+'} {pad}{row.right}")
    return "\n".join(left), "\n".join(right)


def _near(rows: Sequence[Row]) -> list[int]:
    """The rows that differ, some around them, and the headers above them."""
    kept: set[int] = set()
    above: list[int] = []
    for index, row in enumerate(rows):
        above = [*above[: len(row.path)], index]
        if not row.is_same:
            kept.update(above, range(max(0, index - AROUND), min(len(rows), index + AROUND + 1)))
    return sorted(kept)


def outcome_first(bodies: Iterable[Body]) -> list[dict[str, Any]]:
    """Verdicts of the checks of network devices, the failures first."""
    order = {"fail": 0, "unknown": 1, "pass": 2, "not_applicable": 3}
    return sorted((dict(body) for body in bodies if body["check"].startswith(CHECKS)), key=lambda body: (order.get(body["outcome"], 9), body["check"]))
