"""Budgets of the detectors that learn, chosen by people after a look at the last 30 days: documents that take effect in the running detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from core.clock import Clock
from core.errors import NotFound, Refused
from core.names import BUDGET, PREVIEW
from core.settings import Settings
from detectors.series.budgets import BUDGETS, CLASSES, EVERY, SHIPPED, Choice, budget_of
from detectors.series.offload import Offload
from inventory.asset import Asset
from service.quality.preview import Item, items_of, play
from service.quality.tuning import MAY_TUNE
from store.base import Store

SPAN: Final = timedelta(days=30)
KEPT: Final = timedelta(days=7)
MOST_RUNNING: Final = 2
PIECE_S: Final = 20.0  # of work in the other process, then the page is told
MOST_S: Final = 600.0  # of work for one preview; what was not reached is said
MOST_LISTED: Final = 200


@dataclass
class _Playing:
    """A preview that is being played; ``items`` is None until they are known."""

    body: dict[str, Any]
    assets: list[str]
    budgets: list[str]
    since: datetime
    until: datetime
    is_begun: bool = False
    items: list[Item] | None = None
    done: int = 0
    cut: int = 0
    spent_s: float = 0.0
    alarms: dict[str, int] = field(default_factory=dict)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, piece: Mapping[str, Any]) -> None:
        """What a piece found."""
        self.done, self.cut, self.spent_s = self.done + piece["done"], self.cut + piece["cut"], self.spent_s + piece["took"]
        for budget, alarms in piece["alarms"].items():
            self.alarms[budget] = self.alarms.get(budget, 0) + len(alarms)
            newest = sorted([*self.listed.get(budget, []), *alarms], key=lambda alarm: str(alarm["time"]), reverse=True)
            self.listed[budget] = newest[:MOST_LISTED]

    @property
    def is_over(self) -> bool:
        """Whether all was played, or the time is up."""
        return self.items is not None and (self.done >= len(self.items) or self.spent_s >= MOST_S)

    def figures(self) -> dict[str, Any]:
        """What is known so far, as JSON values; ``a_month_all`` is for all series, by those that were played."""
        count, days = len(self.items or ()), (self.until - self.since).total_seconds() / 86400
        played = {
            budget: {
                "alarms": self.alarms.get(budget, 0),
                "a_month_all": round(self.alarms.get(budget, 0) * count / max(self.done, 1) * 30 / max(days, 1e-9), 1),
                "list": self.listed.get(budget, []),
            }
            for budget in self.budgets
        }
        return {"series": self.done, "all_series": count, "days": round(days, 2), "cut": self.cut, "budgets": played}


class Budgets:
    """``assets`` gives the estate by id; ``use`` hands the running baseline what names the budget of (asset, metric)."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        assets: Callable[[], Mapping[str, Asset]],
        use: Callable[[Callable[[str, str], str]], None],
        offload: Offload,
    ) -> None:
        self._settings, self._store, self._clock, self._assets, self._use, self._offload = settings, store, clock, assets, use, offload
        self._running: dict[str, _Playing] = {}
        self._in_force: tuple[Choice, ...] = ()
        self._kinds: Mapping[str, str] | None = None

    def choices(self) -> tuple[Choice, ...]:
        """What people chose. Raises StoreError."""
        bodies = [document.body for document in self._store.documents.find(BUDGET).items]
        return tuple(Choice(str(body["kind"]), str(body["metrics"]), str(body["budget"])) for body in bodies if body["budget"] in BUDGETS)

    def apply(self) -> bool:
        """Put the choices into force when they or the kinds of assets have changed; whether they had. Raises StoreError."""
        found, kinds = self.choices(), {asset.id: asset.kind for asset in self._assets().values()}
        if found == self._in_force and kinds == self._kinds:
            return False
        is_needed = bool(found or self._in_force)
        self._in_force, self._kinds = found, kinds
        if is_needed:
            self._use(lambda asset, metric: budget_of(found, kinds.get(asset, ""), metric))
        return is_needed

    def set(self, intent: Mapping[str, Any]) -> str:
        """A person switches a budget on (args: kind, metrics, budget; an empty budget takes the choice away). Raises Refused."""
        kind, metrics, budget = self._asked(intent, may_be_empty=True)
        now, who = self._clock.now(), str(intent["user"])
        name = f"{kind}.{metrics}"
        before = self._chosen(name)
        self._store.audit.append(time=now, actor=who, action="quality.budget", object=name, body={"budget": budget, "before": before})
        if budget:
            self._store.documents.put(BUDGET, name, {"kind": kind, "metrics": metrics, "budget": budget, "by": who, "at": now.isoformat()})
        elif before:
            self._store.documents.delete(BUDGET, name)
        return budget or "removed"

    def _chosen(self, name: str) -> str:
        try:
            return str(self._store.documents.get(BUDGET, name).body["budget"])
        except NotFound:
            return ""

    def _asked(self, intent: Mapping[str, Any], *, may_be_empty: bool = False) -> tuple[str, str, str]:
        args = dict(intent.get("args") or {})
        kind, metrics, budget = (str(args.get(key) or default) for key, default in (("kind", EVERY), ("metrics", EVERY), ("budget", "")))
        if not MAY_TUNE & set(intent.get("roles") or ()):
            raise Refused("budgets are chosen by duty leaders and security officers")
        if budget not in BUDGETS and not (may_be_empty and not budget):
            raise Refused(f"there is no budget {budget!r}; there are {', '.join(sorted(BUDGETS))}")
        if metrics not in (EVERY, *CLASSES):
            raise Refused(f"there is no class of metrics {metrics!r}; there are {', '.join(sorted(CLASSES))}")
        if kind != EVERY and kind not in {asset.kind for asset in self._assets().values()}:
            raise Refused(f"there is no asset of the kind {kind!r}")
        return kind, metrics, budget

    # looking at the past first

    def preview(self, intent: Mapping[str, Any]) -> str:
        """Begin to play a budget over the last 30 days beside the present one; the answer is the id of the document that will hold it. Raises Refused."""
        kind, metrics, budget = self._asked(intent)
        now = self._clock.now()
        assets = [asset.id for asset in self._assets().values() if kind in (EVERY, asset.kind)]
        present = next((one.budget for one in self.choices() if (one.kind, one.metrics) == (kind, metrics)), "") or SHIPPED
        name = f"{now:%Y%m%dT%H%M%S}-{token_hex(3)}"
        body = {"kind": kind, "metrics": metrics, "budget": budget, "present": present, "by": str(intent["user"]), "state": "running", "begun": now.isoformat()}
        budgets = list(dict.fromkeys([present, budget]))
        if len(self._running) >= MOST_RUNNING:
            raise Refused("two previews are running already; look again in a minute")
        self._store.documents.put(PREVIEW, name, body)
        self._running[name] = _Playing(body, assets, budgets, now - SPAN, now)
        return name

    def take(self, results: Mapping[str, Any], now: datetime) -> None:
        """Results of the other process, and the next piece of each preview; what failed there is said, too. Raises StoreError."""
        for name, playing in list(self._running.items()):
            key = f"preview:{name}"
            if key in results:
                self._go_on(name, playing, results[key], now)
            elif not self._offload.is_running(key) and (playing.items is not None or not self._begin(key, playing)):
                self._end(name, playing, "failed", now)

    def _begin(self, key: str, playing: _Playing) -> bool:
        """Asked for on another thread: the other process is spoken to from this one alone."""
        if playing.is_begun:
            return False
        playing.is_begun = True
        return self._offload.submit(key, items_of, self._settings, playing.assets, playing.body["metrics"], playing.since, playing.until)

    def _go_on(self, name: str, playing: _Playing, found: Any, now: datetime) -> None:
        if playing.items is None:
            playing.items = found
        else:
            playing.add(found)
        if playing.is_over:
            self._end(name, playing, "done", now)
            return
        self._store.documents.put(PREVIEW, name, {**playing.body, **playing.figures()})
        rest = (playing.items or [])[playing.done :]
        self._offload.submit(f"preview:{name}", play, self._settings, rest, playing.budgets, playing.since, playing.until, PIECE_S)

    def _end(self, name: str, playing: _Playing, state: str, now: datetime) -> None:
        self._store.documents.put(PREVIEW, name, {**playing.body, "state": state, "ended": now.isoformat(), **playing.figures()})
        del self._running[name]

    def tidy(self, now: datetime) -> None:
        """Old previews go; those that a restart cut off are marked. Raises StoreError."""
        for document in self._store.documents.find(PREVIEW, sort="begun", limit=500).items:
            if now - datetime.fromisoformat(document.body["begun"]) > KEPT:
                self._store.documents.delete(PREVIEW, document.id)
            elif document.body["state"] == "running" and document.id not in self._running:
                self._store.documents.put(PREVIEW, document.id, {**document.body, "state": "failed"})
