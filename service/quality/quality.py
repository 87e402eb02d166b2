"""The round that keeps the honesty figures: catch up with the audit, carry out verdicts, count, propose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from core.clock import Clock
from core.errors import NotFound, Refused
from core.names import OUTLOOK, QUALITY
from core.settings import Settings
from detectors.honesty import Alarm
from detectors.series.budgets import BudgetOf
from detectors.series.forecast import Row
from detectors.series.offload import Offload
from incidents.config import Rule
from inventory.asset import Asset
from service.quality.alarms import Alarms
from service.quality.budgets import Budgets
from service.quality.figures import detector_of, months, read_alarms, summary
from service.quality.outlooks import ahead, body_of, certificates, dates_of
from service.quality.past import recall_of
from service.quality.roots import Roots
from service.quality.tuning import Tuning
from store.base import Store

log = structlog.get_logger("quality")
VERDICTS: Final = ("useful", "false", "known")
MAY_JUDGE: Final = frozenset({"operator", "duty_leader", "security_officer"})
ROLLING: Final = "last30"
SPAN: Final = timedelta(days=30)
MONTHS_BACK: Final = 1  # the month before is counted anew while people still judge its alarms
EVERY_S: Final = 120.0
KEPT: Final = timedelta(days=400)  # as long as the roll-ups of metrics
RECALL: Final = "recall"
TEST_EVERY: Final = timedelta(days=7)
TRY_AGAIN: Final = timedelta(hours=6)


class Quality:
    """``assets`` gives the estate by id, ``rule`` finds a rule in force, ``use_budgets`` hands them to the running baseline; ``on_tuned`` is called when a
    rule's setting changes, ``forecasts`` gives the running ones. Every method may be called from any thread of the service.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        assets: Callable[[], Mapping[str, Asset]],
        rule: Callable[[str], Rule | None],
        use_budgets: Callable[[BudgetOf], None] = lambda _budget_of: None,
        on_tuned: Callable[[], None] = lambda: None,
        forecasts: Callable[[], Sequence[Row]] = tuple,
        offload: Offload | None = None,
    ) -> None:
        self._settings, self._store, self._clock, self._zone, self._rule = settings, store, clock, ZoneInfo(settings.timezone), rule
        self._offload, self._forecasts = offload or Offload(), forecasts
        self.alarms = Alarms(store, lambda asset: known.kind if (known := assets().get(asset)) else "")
        self.roots = Roots(store, lambda: list(assets().values()))
        self.tuning = Tuning(settings, store, clock, rule, self._offload, on_tuned)
        self.budgets = Budgets(settings, store, clock, assets, use_budgets, self._offload)
        self._assets = assets
        self._tested: datetime | None = None
        self._counted_at = -1e9
        self._is_stale = True

    def round(self) -> None:
        """Every few seconds: what is new, and the figures when something is or their time has come. Raises StoreError."""
        now = self._clock.now()
        self._is_stale |= self.alarms.catch_up() > 0
        self.roots.round(now)
        results = self._offload.collect()
        self.tuning.take(results, now)
        self.budgets.take(results, now)
        self._take_recall(results.get("recall"), now)
        self.budgets.apply()
        waited = self._clock.monotonic() - self._counted_at
        if waited >= EVERY_S or (self._is_stale and waited >= EVERY_S / 12):
            self.count(now)
            self._counted_at, self._is_stale = self._clock.monotonic(), False

    def close(self) -> None:
        """End the process that looks at the past."""
        self._offload.end()

    def count(self, now: datetime) -> None:
        """Write the figures of the last 30 days and of the months; look for better settings of what is noisy."""
        self.tuning.consider(self._write(ROLLING, now - SPAN, now), SPAN.total_seconds() / 86400, now)
        due = [*certificates(self._store.metrics, now), *dates_of(self._assets().values(), now)]
        self._store.documents.put(OUTLOOK, "forecast", {**body_of(self._forecasts(), now), "dates": ahead(due)})
        self._test(now)
        self.alarms.forget_old(now, KEPT)
        self.budgets.tidy(now)
        self.roots.forget_old(now, SPAN)
        for name, begin, end in months(now, self._zone, MONTHS_BACK):
            self._write(f"month-{name}", begin, end)

    def _write(self, name: str, since: datetime, until: datetime) -> list[Alarm]:
        alarms = read_alarms(self._store, since, until)
        if alarms or not name.startswith("month-") or self._is_known(name):
            self._store.documents.put(QUALITY, name, summary(alarms, since, until, self.detector))
        return alarms

    def _test(self, now: datetime) -> None:
        """Once a week: test faults on copies of stored series, in the other process."""
        if self._tested is None:
            self._tested = self._last_tested()
        if now - self._tested >= TEST_EVERY:
            kinds = {asset.id: asset.kind for asset in self._assets().values()}
            if self._offload.submit("recall", recall_of, self._settings, self.budgets.choices(), kinds, now):
                self._tested = now - TEST_EVERY + TRY_AGAIN  # until the result is there

    def _last_tested(self) -> datetime:
        try:
            return datetime.fromisoformat(self._store.documents.get(QUALITY, RECALL).body["updated"])
        except NotFound:
            return datetime.min.replace(tzinfo=UTC)

    def _take_recall(self, found: Mapping[str, Any] | None, now: datetime) -> None:
        if found is not None:
            self._tested = now
            body = {**found, "updated": now.isoformat()}
            for name in (RECALL, f"{RECALL}-{now.astimezone(self._zone):%Y-%m}"):
                self._store.documents.put(QUALITY, name, body)

    def _is_known(self, name: str) -> bool:
        try:
            self._store.documents.get(QUALITY, name)
        except NotFound:
            return False
        return True

    def detector(self, alarm: Alarm) -> str:
        """The detector that raised an alarm."""
        rule = self._rule(alarm.rule)
        return detector_of(alarm.rule, rule.kind if rule else "")

    @property
    def carriers(self) -> dict[str, Callable[[Mapping[str, Any]], str]]:
        """The intents that it carries out, by name."""
        return {
            "judge_alarm": self.judge,
            "tuning_accept": self.tuning.accept,
            "tuning_decline": self.tuning.decline,
            "tuning_undo": self.tuning.undo,
            "budget_preview": self.budgets.preview,
            "budget_set": self.budgets.set,
        }

    def judge(self, intent: Mapping[str, Any]) -> str:
        """A person's verdict on an incident, or on one alert of it (args: verdict, alert). Raises Refused."""
        args, who, incident = dict(intent.get("args") or {}), str(intent["user"]), str(intent.get("on") or "")
        verdict, alert = str(args.get("verdict", "")), str(args.get("alert", ""))
        if verdict not in VERDICTS:
            raise Refused(f"{verdict!r} is no verdict; there are {', '.join(VERDICTS)}")
        if not MAY_JUDGE & set(intent.get("roles") or ()):
            raise Refused("judging alarms is for operators, duty leaders and security officers")
        self.alarms.catch_up()
        now = self._clock.now()
        count = self.alarms.say(incident, verdict, who, "person" if alert else "incident", alert)
        if not count:
            raise Refused("there is no alarm of this incident on record (yet), or each was judged by itself; judge its alerts one by one")
        self._store.audit.append(
            time=now, actor=who, action="quality.judge", object=incident or alert, body={"verdict": verdict, "alert": alert, "alarms": count}
        )
        self._is_stale = True
        return f"{count}"
