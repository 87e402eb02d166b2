"""What a scenario expects, held against what is: views of the state and a comparison that names the first difference."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from core.clock import seconds
from core.errors import Refused
from incidents import holds, people, sla
from incidents.engine import Engine
from incidents.select import select
from incidents.state import Alert, Incident

MOMENTS: Final = frozenset({"start", "confirmed", "last_seen", "end", "at", "opened", "resolved"})
SPANS: Final = frozenset({"ack_used", "resolve_used", "mtta", "mttr", "detect"})


class Different(Exception):
    """What is seen is not what is expected."""


def alert_views(engine: Engine) -> list[dict[str, Any]]:
    """Every alert that is listed: pending, firing, and ended ones whose incident is not closed."""
    return [view for alert in engine.world.alerts.values() if (view := _alert_view(engine, alert))]


def _alert_view(engine: Engine, alert: Alert) -> dict[str, Any] | None:
    if alert.state == "quiet" and not alert.pending:
        return None
    incident = engine.world.incidents.get(alert.incident)
    if alert.state == "ended" and not alert.pending and (incident is None or incident.state == "closed"):
        return None
    view: dict[str, Any] = {
        "rule": alert.rule,
        "asset": alert.asset,
        "labels": dict(alert.labels),
        "class": engine.fault_class(alert),
        "state": alert.state,
        "severity": alert.severity,
        "start": alert.start,
        "confirmed": alert.confirmed,
        "last_seen": alert.last_seen,
        "end": alert.end,
        "reason": alert.reason or None,
        "count": alert.count,
        "occurrence": alert.occurrence,
        "text": alert.text,
        "value": alert.value,
        "sources": list(alert.sources),
        "source": next(iter(alert.sources), None),
        "marks": list(alert.marks),
        "held_by": alert.held_by or None,
        "via": alert.via or None,
        "priority": engine.alert_priority(alert),
        "title": alert.title,
    }
    if alert.pending:
        view.update(
            state="pending", start=alert.pending.start, confirmed=None, end=None, reason=None, count=alert.pending.count, occurrence=alert.occurrence + 1,
            text=alert.pending.text, value=alert.pending.value, last_seen=alert.last_at, held_by=None, via=None,
        )  # fmt: skip
        view["severity"] = _pending_severity(engine, alert)
    return view


def _pending_severity(engine: Engine, alert: Alert) -> str:
    from incidents.alerts import severity_of

    return severity_of(engine.rule(alert), alert.pending.state if alert.pending else "critical")


def incident_view(engine: Engine, incident: Incident) -> dict[str, Any]:
    """One incident as expectations see it."""
    alerts = [engine.world.alerts[name] for name in incident.firing]
    return {
        "nth": incident.nth,
        "root": incident.root or None,
        "state": incident.state,
        "snoozed": incident.snooze is not None,
        "priority": incident.priority,
        "members": len(incident.members),
        "held": sum(bool(alert.held_by) for alert in alerts) if incident.state != "merged" else 0,
        "firing": len(alerts) if incident.state != "merged" else 0,
        "title": incident.title,
        "owner": incident.owner or None,
        "links": [{what: target} for what, target in incident.links],
        "severity": min((alert.severity for alert in alerts), key=("critical", "high", "warning", "info").index, default=None),
        "reason": incident.reason or None,
        "cause": incident.cause or None,
        "review": incident.review or None,
        "verdict": incident.verdict or None,
        "judge": incident.verdict or None,
        "pause": incident.pause or None,
        "security": incident.security,
        "opened": incident.opened,
        "reopened": incident.reopened,
        "manual": incident.manual,
    }


class Looker:
    """Compares expectations with an engine and its recorder."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def same(self, key: str, wanted: Any, found: Any) -> bool:  # noqa: PLR0911 - a table of kinds of values
        """Whether one expected value fits what is found."""
        if wanted is None or found is None:
            return wanted is None and found is None
        if key == "contains":
            parts = [wanted] if isinstance(wanted, str | int | float) else wanted
            return all(_part(str(part), found[0]) for part in parts)
        if key == "links":
            return self._links(wanted, found)
        if key in MOMENTS and not isinstance(found, str):
            return _close(self._moment(wanted), found)
        if key in SPANS and not isinstance(found, str):
            return _close(seconds(wanted), found)
        if isinstance(found, bool) or isinstance(wanted, bool):
            return wanted is found
        if isinstance(found, list):
            return self._list(wanted, found)
        if isinstance(found, Mapping):
            return isinstance(wanted, Mapping) and all(text_fits(str(value), str(found.get(str(name), ""))) for name, value in wanted.items())
        if isinstance(found, int | float):
            return _number(wanted, found)
        return text_fits(str(wanted), str(found))

    def _moment(self, wanted: Any) -> float:
        if isinstance(wanted, str) and re.match(r"\d{4}-\d\d-\d\dT", wanted):
            return self.engine.moment(datetime.fromisoformat(wanted))
        return seconds(wanted)

    def _links(self, wanted: Any, found: Sequence[Mapping[str, Any]]) -> bool:
        left = [(what, target) for link in found for what, target in link.items()]
        for link in wanted:
            for what, selector in link.items():
                try:
                    pair = (what, select(self.engine, selector).nth)
                except Refused:
                    return False
                if pair not in left:
                    return False
                left.remove(pair)
        return bool(wanted) or not found

    @staticmethod
    def _list(wanted: Any, found: list[Any]) -> bool:
        texts = [wanted] if isinstance(wanted, str) else list(wanted)
        return sorted(map(str, texts)) == sorted(map(str, found))

    def entry(self, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
        """Empty when an entry fits, else the first difference."""
        for key, value in wanted.items():
            if key == "state" and found.get("snoozed") and value in ("snoozed", found.get("state")):
                continue
            if key not in found:
                raise Different(f"unknown field {key!r} in an expectation")
            if not self.same(key, value, found[key]):
                return f"{key}: expected {show(value)} got {show(found[key])}"
        return ""

    def unordered(self, what: str, wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], brief: Callable[[Mapping[str, Any]], Any]) -> None:
        """Exactly these, in any order."""
        if len(wanted) != len(found) or not self.pairs(wanted, found):
            raise Different(f"{what}: expected {show(list(wanted))} got {show([brief(one) for one in found])}")

    def pairs(self, wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> bool:
        """Whether each expected entry can have its own found one (maximum matching)."""
        fits = [[number for number, one in enumerate(found) if not self.entry(entry, one)] for entry in wanted]
        owner: dict[int, int] = {}

        def assign(entry: int, seen: set[int]) -> bool:
            for number in fits[entry]:
                if number not in seen:
                    seen.add(number)
                    if number not in owner or assign(owner[number], seen):
                        owner[number] = entry
                        return True
            return False

        return all(assign(entry, set()) for entry in range(len(wanted)))

    def by_second(self, what: str, wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> None:
        """Exactly these in order; within one second the order is free."""
        place = 0
        while place < len(found):
            end = place
            while end < len(found) and found[end]["at"] == found[place]["at"]:
                end += 1
            part = wanted[place:end]
            if len(part) != end - place or not self.pairs(part, found[place:end]):
                break
            place = end
        if place != len(found) or len(wanted) != len(found):
            raise Different(f"{what}: expected {show(list(wanted))} got {show([_brief_row(one) for one in found])}")


def _brief_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key in ("to", "reason", "at", "priority", "person", "level")}


def brief_alert(view: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an alert worth showing in a difference."""
    keys = ("rule", "asset", "state", "severity", "start", "confirmed", "last_seen", "end", "reason", "count", "occurrence", "marks", "held_by", "via", "value")
    return {key: view[key] for key in keys if view.get(key) not in (None, [], "")}


def brief_incident(view: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an incident worth showing in a difference."""
    keys = ("nth", "root", "state", "priority", "members", "held", "firing", "owner", "links", "title")
    return {key: view[key] for key in keys if view.get(key) not in (None, [])}


def _part(part: str, text: str) -> bool:
    return text_fits(part, text) if part.startswith("~") else part in text


def _close(wanted: float, found: float) -> bool:
    return abs(wanted - found) < 1e-6


def _number(wanted: Any, found: float) -> bool:
    try:
        return _close(seconds(wanted) if isinstance(wanted, str) else float(wanted), found)
    except (ValueError, TypeError):
        return False


def text_fits(wanted: str, found: str) -> bool:
    """Equal, or after ``~`` a regular expression that fits the whole text."""
    if wanted.startswith("~"):
        return re.fullmatch(wanted[1:], found, re.DOTALL) is not None
    return wanted == found


def show(value: Any) -> str:
    """A value as a difference prints it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {show(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(one) for one in value) + "]"
    return "null" if value is None else str(value)


def sla_view(engine: Engine, incident: Incident) -> dict[str, Any]:
    """States and used times of both clocks."""
    view: dict[str, Any] = {}
    for name, clock in sla.clocks(incident):
        state = sla.state(engine, incident, name)
        view[name] = state
        view[f"{name}_used"] = sla.used(engine, incident, clock) if incident.state != "candidate" else None
    return view


def times_view(incident: Incident) -> dict[str, Any]:
    """How long until acknowledged, resolved, detected (seconds, or None)."""
    paused = sum((span[1] if len(span) > 1 else incident.opened) - span[0] for span in incident.pauses if len(span) > 1)
    return {
        "mtta": None if incident.first_ack is None else max(0.0, incident.first_ack - incident.opened),
        "mttr": None if incident.resolved_at is None else max(0.0, incident.resolved_at - incident.opened - paused),
        "detect": None if incident.detect_from is None else max(0.0, incident.opened - incident.detect_from),
    }


def muted_view(engine: Engine) -> list[dict[str, Any]]:
    """Mutes in force and how many firing alerts each is about."""
    firing = [alert for alert in engine.world.alerts.values() if alert.firing]
    return [
        {"mute": mute.id, "alerts": sum(holds.hits(engine, mute, alert) for alert in firing), "kind": mute.kind}
        for mute in engine.world.mutes.values()
        if mute.active
    ]


def self_fits(engine: Engine, wanted: Sequence[str]) -> bool:
    """Whether the open alerts about the product are exactly these (matched against titles and the name)."""
    found = list(engine.world.selfs.values())
    if len(found) != len(wanted):
        return False
    left = list(found)
    for text in wanted:
        hit = next((one for one in left if any(text_fits(text, name) for name in (one.title_en, one.title_zh, one.about))), None)
        if hit is None:
            hit = next((one for one in left if not text.startswith("~") and (text in one.title_en or text in one.title_zh)), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def duty_view(engine: Engine, rota: str) -> str | None:
    """Who is on duty."""
    return people.on_call(engine, rota) or None
