"""Proposals: a rule that cries wolf gets a milder setting proposed, with what it would have done to the past. A person accepts or declines it.

No setting moves by itself. An accepted proposal is a document (kind ``tuning``, id the rule) that is laid over the rule when the configuration is
read; it is left out, and said so, when somebody has changed the same key of the rule in the site's files since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from core.catalogue import catalogue
from core.clock import Clock
from core.errors import NotFound, Refused
from core.names import TUNING
from core.records import Severity, series_key
from core.settings import Settings
from detectors.honesty import Alarm, figures
from detectors.series.offload import Offload
from detectors.tuning import HOLDS_S, Effect, Setting
from incidents.config import Rule
from service.quality.past import Key, better_counting, better_limit, count_key
from store.base import Body, Store
from store.filter import Term

MAY_TUNE: Final = frozenset({"duty_leader", "security_officer"})
SPAN: Final = timedelta(days=30)
REST: Final = timedelta(days=30)  # a declined proposal is not made again for so long
SETTLE: Final = timedelta(days=7)  # an accepted one is left alone for so long
LASTS_S: Final = 900.0  # an alert of a counting rule without further events, as alerting has it by default
LOOK_AGAIN: Final = timedelta(hours=6)
SILENCES: Final = (1.5, 2, 3, 4, 6)
"""How many times as long a silence is tried."""


class Tuning:
    """``rule`` finds a rule in force; ``on_change`` is called when a setting takes or loses effect."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, rule: Callable[[str], Rule | None], offload: Offload, on_change: Callable[[], None]
    ) -> None:
        self._settings, self._store, self._clock, self._rule, self._offload, self._on_change = settings, store, clock, rule, offload, on_change
        self._looked: dict[str, datetime] = {}

    def consider(self, alarms: Sequence[Alarm], days: float, now: datetime) -> list[str]:
        """Begin to look for better settings of the noisy rules; returns their names. Raises StoreError."""
        begun = []
        rows = figures(alarms, days, lambda alarm: alarm.rule)
        self._drop_stale({row.name for row in rows if row.is_noisy}, now)
        for row in rows:
            rule = self._rule(row.name)
            if rule is None or not row.is_noisy or not self._is_due(rule.id, now):
                continue
            if rule.severity is Severity.CRITICAL and row.precision is None:
                continue  # what may be grave is not made milder unless people have said that it cries wolf
            own = [alarm for alarm in alarms if alarm.rule == rule.id]
            submit = {"threshold": self._submit, "count": self._submit_count, "distinct": self._submit_count}.get(rule.kind)
            if submit and submit(rule, own, now):
                self._looked[rule.id] = now
                begun.append(rule.id)
            elif rule.kind in ("check", "absence"):
                self._looked[rule.id] = now
                self._propose(rule.id, longer_hold(rule, own), now)
                begun.append(rule.id)
        return begun

    def _drop_stale(self, noisy: set[str], now: datetime) -> None:
        """A proposal that nobody decided about goes when its rule is noisy no longer."""
        for document in self._store.documents.find(TUNING, Term("state", "proposed")).items:
            if document.id not in noisy:
                self._store.audit.append(time=now, actor="system", action="quality.withdrawn", object=document.id, body={"why": "noisy no longer"})
                self._store.documents.delete(TUNING, document.id)

    def _is_due(self, rule: str, now: datetime) -> bool:
        if now - self._looked.get(rule, now - LOOK_AGAIN) < LOOK_AGAIN:
            return False
        body = self._body(rule)
        if body is None or body["state"] == "withdrawn":
            return True
        waits = {"declined": REST, "accepted": SETTLE}.get(str(body["state"]))
        return waits is not None and now - datetime.fromisoformat(body["decided"]) > waits

    def _submit(self, rule: Rule, alarms: Sequence[Alarm], now: datetime) -> bool:
        keys: dict[str, Key] = {}
        judged: dict[str, list[tuple[float, str]]] = {}
        for alarm in alarms:
            key = series_key(alarm.asset, rule.metric, alarm.labels)
            keys[key] = (alarm.asset, dict(alarm.labels))
            judged.setdefault(key, []).append((alarm.start.timestamp(), alarm.verdict))
        row = catalogue().get(rule.metric)
        is_percent = bool(row and row.unit == "%")
        return self._offload.submit(f"tune:{rule.id}", _better, self._settings, rule.metric, setting_of(rule), list(keys.values()), judged, now, is_percent)

    def _submit_count(self, rule: Rule, alarms: Sequence[Alarm], now: datetime) -> bool:
        judged: dict[str, list[tuple[float, str]]] = {}
        for alarm in alarms:
            judged.setdefault(count_key(rule, {"asset": alarm.asset, **alarm.labels}), []).append((alarm.start.timestamp(), alarm.verdict))
        return self._offload.submit(f"tune:{rule.id}", better_counting, self._settings, rule, LASTS_S, judged, now - SPAN, now)

    def take(self, results: Mapping[str, Any], now: datetime) -> None:
        """Results of the other process."""
        for key, found in results.items():
            head, _, rule = key.partition(":")
            if head == "tune":
                self._propose(rule, found, now)

    def _propose(self, rule: str, found: Mapping[str, Any] | None, now: datetime) -> None:
        if found is None:
            return
        body = {"rule": rule, "state": "proposed", "proposed": now.isoformat(), "decided": "", "by": "", "why": "", **found}
        self._store.audit.append(time=now, actor="system", action="quality.propose", object=rule, body={"set": found["set"], "effect": found["effect"]})
        self._store.documents.put(TUNING, rule, body)

    # what people decide

    def accept(self, intent: Mapping[str, Any]) -> str:
        """A person takes a proposal (args: rule). Raises Refused."""
        return self._decide(intent, ("proposed",), "accepted")

    def decline(self, intent: Mapping[str, Any]) -> str:
        """A person refuses a proposal (args: rule, why)."""
        return self._decide(intent, ("proposed",), "declined")

    def undo(self, intent: Mapping[str, Any]) -> str:
        """An accepted proposal is taken back (args: rule): the rule is as its file says."""
        return self._decide(intent, ("accepted",), "withdrawn")

    def _decide(self, intent: Mapping[str, Any], before: tuple[str, ...], state: str) -> str:
        args, who = dict(intent.get("args") or {}), str(intent["user"])
        name, why = str(args.get("rule", "")), str(args.get("why", ""))[:500]
        if not MAY_TUNE & set(intent.get("roles") or ()):
            raise Refused("how a rule is set is decided by duty leaders and security officers")
        body = self._body(name)
        if body is None or body["state"] not in before:
            raise Refused(f"there is nothing to decide about {name!r}")
        now = self._clock.now()
        self._store.audit.append(
            time=now, actor=who, action=f"quality.{state}", object=name, body={"set": body["set"], "was": body["was"], "effect": body["effect"], "why": why}
        )
        self._store.documents.put(TUNING, name, {**body, "state": state, "decided": now.isoformat(), "by": who, "why": why})
        if state != "declined":
            self._on_change()
        return state

    def _body(self, rule: str) -> Body | None:
        try:
            return self._store.documents.get(TUNING, rule).body
        except NotFound:
            return None


def accepted(store: Store) -> dict[str, Body]:
    """Rule -> the accepted proposal: what ``load_configuration`` lays over the rules. Raises StoreError."""
    return {document.id: document.body for document in store.documents.find(TUNING, Term("state", "accepted")).items}


def setting_of(rule: Rule) -> Setting:
    """The limits and the hold of a threshold rule."""
    return Setting(rule.above, rule.below, rule.clear_below, rule.clear_above, rule.for_)


def longer_hold(rule: Rule, alarms: Sequence[Alarm]) -> dict[str, Any] | None:
    """For a rule on results of checks the hold, for one on silence the silence allowed, that the durations of its alarms speak for; None when none is
    good enough.
    """
    key, now = ("within", rule.within or 0.0) if rule.kind == "absence" else ("for", rule.for_)
    tried = [now * times for times in SILENCES] if key == "within" else [one for one in HOLDS_S if one > now]
    useful = sum(alarm.verdict == "useful" for alarm in alarms)
    found = []
    for hold in tried:
        gone = [alarm for alarm in alarms if alarm.end is not None and (alarm.end - alarm.start).total_seconds() + now < hold]
        lost, false = (sum(alarm.verdict == verdict for alarm in gone) for verdict in ("useful", "false"))
        found.append((hold, Effect(len(alarms), len(gone), lost, false, useful, hold - now)))
    good = [pair for pair in found if pair[1].is_good]
    if not good:
        return None
    most = max(effect.worth for _, effect in good)
    hold, effect = next(pair for pair in good if pair[1].worth >= 0.9 * most)
    series = len({(alarm.asset, tuple(sorted(alarm.labels.items()))) for alarm in alarms})
    return {"set": {key: hold}, "was": {key: now}, "effect": effect.body(), "series": series, "all_series": series}


def _better(
    settings: Settings, metric: str, now: Setting, keys: Sequence[Key], judged: Mapping[str, Sequence[tuple[float, str]]], at: datetime, is_percent: bool
) -> dict[str, Any] | None:
    return better_limit(settings, metric, now, keys, judged, at - SPAN, at, is_percent=is_percent)
