"""The deterministic heart: the state, the configuration, one clock, timers, and what goes out.

Nothing here waits or does I/O. Everything that changes the state comes in with its time; everything that the
world must do or know leaves through ``attempts``, ``fired``, ``ended``, ``calls`` and ``audit_rows``.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.records import Severity
from incidents.config import Chain, Configuration, Receiver, Rota, Rule, Settings
from incidents.graph import Topology
from incidents.match import Values, matches
from incidents.state import Alert, Delivery, Incident, SelfAlert, World
from incidents.working import WorkCalendar
from inventory.asset import Asset
from inventory.people import Person

PRIORITIES: Final[Mapping[str, Mapping[str, str]]] = {
    "critical": {"critical": "P1", "high": "P1", "normal": "P2", "low": "P3"},
    "high": {"critical": "P1", "high": "P2", "normal": "P2", "low": "P3"},
    "warning": {"critical": "P2", "high": "P3", "normal": "P3", "low": "P4"},
    "info": {"critical": "P4", "high": "P4", "normal": "P4", "low": "P4"},
}
MOST_LINES: Final = 2000
STATE_REASONS: Final = frozenset({"first", "changed", "unmuted", "repeat", "reopened", "resolved", "worse", "flapping", "flapping_ended"})
# what falls due in the same second happens in this order
RANKS: Final[Mapping[str, int]] = {
    "mute": 0, "except": 0, "timeout": 1, "nodata": 1, "absent": 1, "errorend": 1, "error": 1, "leftover": 2, "ack": 3, "remind": 3, "snooze": 3,
    "grace": 3, "close": 3, "rota": 4, "gaps": 4, "sla": 4, "step": 5, "tick": 6, "quiet": 7, "limit": 7, "digest": 7,
    "hang": 8, "send": 8, "dead": 8, "self": 9,
}  # fmt: skip


class Kernel:
    """State, configuration and time of one alerting engine."""

    def __init__(self, world: World, config: Configuration) -> None:
        self.world = world
        self.heap: list[tuple[float, int, int, str]] = []
        self._order = 0
        self._newest: dict[str, int] = {}
        self.attempts: list[Delivery] = []
        self.fired: list[Alert] = []
        self.ended: list[Alert] = []
        self.call_rows: list[dict[str, Any]] = []
        self.sent_rows: list[dict[str, Any]] = []
        self.kept_rows: list[dict[str, Any]] = []
        self.audit_rows: list[dict[str, Any]] = []
        self.dirty_alerts: dict[str, bool] = {}
        self.dirty_incidents: dict[int, bool] = {}
        self.index: dict[str, dict[int, int]] = {}
        self.by_rule: dict[str, dict[str, bool]] = {}
        self.by_asset: dict[str, dict[str, bool]] = {}
        self.by_top: dict[str, dict[str, bool]] = {}
        self.slots: dict[tuple[int, str], int] = {}
        self.inhibitors: dict[tuple[int, str], dict[str, bool]] = {}
        self.inhibited: dict[tuple[int, str], dict[str, bool]] = {}
        self.adopt(config)
        for key, due in world.timers.items():
            self._push(key, due)
        for alert in world.alerts.values():
            self.remember(alert)
        for delivery in world.deliveries.values():
            if delivery.incident and delivery.reason in STATE_REASONS:
                self.slots[(delivery.incident, delivery.receiver)] = delivery.id

    # configuration

    def adopt(self, config: Configuration) -> None:
        """Take a configuration and index it."""
        self.config = config
        self.settings: Settings = config.settings
        self.assets: Mapping[str, Asset] = {asset.id: asset for asset in config.assets}
        self.people: Mapping[str, Person] = {person.id: person for person in config.people}
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in config.rules}
        self.receivers: Mapping[str, Receiver] = {receiver.id: receiver for receiver in config.receivers}
        self.rotas: Mapping[str, Rota] = {rota.id: rota for rota in config.rotas}
        self.chains: Sequence[Chain] = config.chains
        self.topology = Topology(config.assets)
        self.calendar = WorkCalendar(config.calendar, self.settings.working_time, config.zone)

    # time

    @property
    def now(self) -> float:
        """Engine seconds."""
        return self.world.now

    def wall(self, at: float | None = None) -> datetime:
        """Wall time at an engine second."""
        moment = self.world.now if at is None else at
        offset = next((shift for since, shift in reversed(self.world.clock) if since <= moment), self.world.clock[0][1])
        return datetime.fromtimestamp(self.world.epoch + offset, UTC) + timedelta(seconds=moment)

    def moment(self, value: float | datetime) -> float:
        """Engine seconds of a time that a person wrote."""
        if isinstance(value, datetime):
            return self.now + (value - self.wall()).total_seconds()
        return value

    def set_timer(self, key: str, due: float | None) -> None:
        """Have ``key`` fall due at an engine second; None takes it away."""
        if due is None:
            self.world.timers.pop(key, None)
            self._newest.pop(key, None)
        elif self.world.timers.get(key) != due:
            self.world.timers.pop(key, None)  # the order of the timers is the order in which they were set, also after a restart
            self.world.timers[key] = due
            self._push(key, due)

    def _push(self, key: str, due: float) -> None:
        self._order += 1
        self._newest[key] = self._order
        heapq.heappush(self.heap, (due, RANKS[key.partition(":")[0]], self._order, key))

    def _is_set(self, entry: tuple[float, int, int, str]) -> bool:
        due, _, order, key = entry
        return self.world.timers.get(key) == due and self._newest.get(key) == order

    def next_due(self) -> float | None:
        """When the next thing falls due."""
        while self.heap and not self._is_set(self.heap[0]):
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def pop_due(self) -> str:
        """Take the next due thing."""
        key = heapq.heappop(self.heap)[3]
        self.set_timer(key, None)
        return key

    # records

    def audit(self, what: str, who: str = "system", *, incident: Incident | None = None, alert: Alert | None = None, **detail: Any) -> None:
        """One entry: who did what to which incident or alert."""
        row: dict[str, Any] = {"at": self.now, "time": self.wall().isoformat(), "who": who, "what": what, **detail}
        if incident is not None:
            row.update(incident=incident.nth, on=incident.root)
            incident.timeline.append(
                {key: value for key, value in row.items() if key not in ("incident", "on")}
                | ({"alert": alert.id, "rule": alert.rule, "asset": alert.asset} if alert else {})
            )
            self.touch(incident)
        if alert is not None:
            row.update(alert=alert.id, rule=alert.rule, asset=alert.asset)
        self.audit_rows.append(row)

    def story(self, incident: Incident, what: str, alert: Alert | None = None, **detail: Any) -> None:
        """A line of an incident's story that is no act of its own in the audit: an alert that came or ended, a notice, a promise; 2,000 lines at most."""
        if len(incident.timeline) < MOST_LINES:
            about = {"alert": alert.id, "rule": alert.rule, "asset": alert.asset} if alert else {}
            incident.timeline.append({"at": self.now, "time": self.wall().isoformat(), "who": "system", "what": what, **detail, **about})
            self.touch(incident)

    def kept(self, incident: int, receiver: str, reason: str, why: str) -> None:
        """A notice was not sent: ``why`` is quiet_hours, digest, limit, restricted or no_receiver."""
        self.kept_rows.append({"incident": incident, "to": receiver, "reason": reason, "why": why, "time": self.wall().isoformat()})

    def touch(self, incident: Incident) -> None:
        """The incident changed and must be written."""
        self.dirty_incidents[incident.nth] = True

    def touch_alert(self, alert: Alert) -> None:
        """The alert changed and must be written."""
        self.dirty_alerts[alert.id] = True
        if alert.incident:
            self.dirty_incidents[alert.incident] = True

    def remember(self, alert: Alert) -> None:
        """Index an alert by rule and asset."""
        self.world.alerts[alert.id] = alert
        self.by_rule.setdefault(alert.rule, {})[alert.id] = True
        self.by_asset.setdefault(alert.asset, {})[alert.id] = True
        if alert.cut and alert.top:
            self.by_top.setdefault(alert.top, {})[alert.id] = True

    def lose(self, alert: Alert) -> None:
        """Take an alert out that nothing points at."""
        del self.world.alerts[alert.id]
        self.dirty_alerts.pop(alert.id, None)
        self.by_rule[alert.rule].pop(alert.id, None)
        self.by_asset[alert.asset].pop(alert.id, None)

    def complain(self, key: str, about: str, title_en: str, title_zh: str, until: float | None = None) -> None:
        """Raise an alert about the product itself (once, until it is taken back)."""
        if key not in self.world.selfs:
            self.world.selfs[key] = SelfAlert(key, title_en, title_zh, about, self.now, until)
        if until is not None:
            self.world.selfs[key].until = until
            self.set_timer(f"self:{key}", until)

    def calm(self, key: str) -> None:
        """Take an alert about the product back."""
        self.world.selfs.pop(key, None)
        self.set_timer(f"self:{key}", None)

    # questions

    def rule(self, alert: Alert) -> Rule | None:
        """The alert's rule, when it is configured."""
        return self.rules.get(alert.rule)

    def fault_class(self, alert: Alert) -> str:
        """The class of an alert: its rule's, else the rule's id, without a rule none."""
        rule = self.rules.get(alert.rule)
        return rule.fault_class if rule else alert.rule

    def domain(self, alert: Alert) -> str:
        """Operations, security or compliance."""
        rule = self.rules.get(alert.rule)
        if rule:
            return rule.domain
        return "compliance" if alert.rule.startswith("compliance.") else "operations"

    def interval(self, alert: Alert) -> float:
        """The interval of the alert's check."""
        rule = self.rules.get(alert.rule)
        return (rule.check_interval if rule else None) or self.settings.check_interval

    def priority_of(self, severity: str, asset: str) -> str:
        """Severity x importance."""
        known = self.assets.get(asset)
        return PRIORITIES[severity][known.importance if known else "normal"]

    def alert_priority(self, alert: Alert) -> str:
        """The priority an alert has by itself."""
        return self.priority_of(alert.severity, alert.asset)

    def look(self, alert: Alert, key: str, priority: str | None = None) -> list[str]:
        """The values that an alert has for a match key; none when it lacks it."""
        if key.startswith("labels."):
            value = alert.labels.get(key[7:], "")
            return [value] if value else []
        plain: dict[str, str] = {"rule": alert.rule, "asset": alert.asset, "severity": alert.severity}
        if key in plain:
            return [plain[key]] if plain[key] else []
        if key == "priority":
            return [priority or self.alert_priority(alert)]
        if key == "source":
            return list(alert.sources)
        if key == "class":
            return [found] if (found := self.fault_class(alert)) else []
        return self.asset_values(alert.asset, key)

    def asset_values(self, asset: str, key: str) -> list[str]:
        """Kind, site, unit or (all enclosing) locations of an asset."""
        known = self.assets.get(asset)
        if known is None:
            return []
        if key == "located_in":
            return list(self.topology.locations(asset))
        value = str(getattr(known, key, ""))
        return [value] if value else []

    def matches(self, match: Mapping[str, Values | list[str]], alert: Alert, priority: str | None = None) -> bool:
        """Whether a matcher fits an alert."""
        return matches({key: tuple(values) for key, values in match.items()}, lambda key: self.look(alert, key, priority))

    def person(self, name: str) -> Person | None:
        """A person who may act and be called."""
        found = self.people.get(name)
        return found if found and not found.disabled else None

    def outage_s(self, since: float, until: float | None = None) -> float:
        """Seconds of own outage within a span."""
        end = self.now if until is None else until
        return sum(max(0.0, min(end, last) - max(since, first)) for first, last in self.world.outages)


def graver(one: str, other: str) -> bool:
    """Whether priority ``one`` is graver than ``other``."""
    return one < other


def lower_severity(one: str, other: str) -> str:
    """The less grave of two severities."""
    return max(one, other, key=lambda severity: Severity(severity).rank)
