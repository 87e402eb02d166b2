"""Budgets of the baseline, chosen by people after a look at the last 30 days: documents that take effect in the running detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
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
from service.quality.past import budget_preview
from service.quality.tuning import MAY_TUNE
from store.base import Store

SPAN: Final = timedelta(days=30)
KEPT: Final = timedelta(days=7)
MOST_RUNNING: Final = 2


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
        self._running: dict[str, dict[str, Any]] = {}
        self._waiting: deque[tuple[str, tuple[Any, ...]]] = deque()
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
        self._waiting.append((name, (assets, metrics, budgets, now - SPAN, now)))
        self._running[name] = body
        return name

    def take(self, results: Mapping[str, Any], now: datetime) -> None:
        """Results of the other process; what failed there is said, too. Raises StoreError."""
        while self._waiting:  # asked for on another thread: the other process is spoken to from this one alone
            name, arguments = self._waiting.popleft()
            self._offload.submit(f"preview:{name}", budget_preview, self._settings, *arguments)
        for key, found in results.items():
            head, _, name = key.partition(":")
            if head == "preview" and name in self._running:
                body = self._running.pop(name)
                self._store.documents.put(PREVIEW, name, {**body, "state": "done", "ended": now.isoformat(), **found})
        waiting = {name for name, _ in self._waiting}
        for name in [one for one in self._running if one not in waiting and not self._offload.is_running(f"preview:{one}")]:
            self._store.documents.put(PREVIEW, name, {**self._running.pop(name), "state": "failed", "ended": now.isoformat()})

    def tidy(self, now: datetime) -> None:
        """Old previews go; those that a restart cut off are marked. Raises StoreError."""
        for document in self._store.documents.find(PREVIEW, sort="begun", limit=500).items:
            if now - datetime.fromisoformat(document.body["begun"]) > KEPT:
                self._store.documents.delete(PREVIEW, document.id)
            elif document.body["state"] == "running" and document.id not in self._running:
                self._store.documents.put(PREVIEW, document.id, {**document.body, "state": "failed"})
