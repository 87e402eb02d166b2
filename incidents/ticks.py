"""Which notices an incident sends and when: its ticks, and what goes at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from incidents import delivery
from incidents.config import Route
from incidents.kernel import Kernel
from incidents.state import Alert, Incident, Told


@dataclass(frozen=True, slots=True)
class Line:
    """A rhythm of ticks: wait after the opening, then every interval; and when to repeat."""

    wait: float
    interval: float
    repeat: float

    @property
    def key(self) -> str:
        """Name of the rhythm."""
        return f"{self.wait:g}:{self.interval:g}"


def _line(k: Kernel, route: Route | None) -> Line:
    s = k.settings
    if route is None:
        return Line(s.group_wait, s.group_interval, s.repeat)
    return Line(_pick(route.group_wait, s.group_wait), _pick(route.group_interval, s.group_interval), _pick(route.repeat, s.repeat))


def _pick(own: float | None, general: float) -> float:
    return general if own is None else own


def lines(k: Kernel) -> dict[str, Line]:
    """Every rhythm that routes and settings know."""
    return {line.key: line for line in (_line(k, route) for route in (*k.config.routes, None))}


def _routes_of_alert(k: Kernel, alert: Alert, priority: str) -> list[tuple[str, Line]]:
    found: list[tuple[str, Line]] = []
    for route in k.config.routes:
        if k.matches(route.match, alert, priority):
            found += [(receiver, _line(k, route)) for receiver in route.to]
            if not route.continue_:
                return found
    return found or [(receiver.id, _line(k, None)) for receiver in k.config.receivers if receiver.default]


def assignment(k: Kernel, incident: Incident) -> dict[str, Line]:
    """Receiver -> rhythm, by the routes of the members that fire and are not held; a receiver reached twice counts once."""
    found: dict[str, Line] = {}
    alerts = [k.world.alerts[name] for name in incident.loud]
    if not alerts and (incident.manual or incident.needs_person):
        root = k.world.alerts.get(incident.root_alert)
        alerts = [root or Alert("", "", incident.root, severity=incident.manual_severity or "warning")]
    seen: set[tuple[str, str, str, str]] = set()
    for alert in alerts:
        shape = (alert.rule, alert.asset, alert.severity, str(sorted(alert.labels.items())))
        if shape in seen:
            continue
        seen.add(shape)
        for receiver, line in _routes_of_alert(k, alert, incident.priority):
            found.setdefault(receiver, line)
    return found


def start(k: Kernel, incident: Incident) -> None:
    """Ticks count from now."""
    stop(k, incident)
    incident.ticks_from = k.now
    for line in lines(k).values():
        k.set_timer(f"tick:{incident.nth}:{line.key}", k.now + line.wait)


def stop(k: Kernel, incident: Incident) -> None:
    """No more ticks."""
    for line in lines(k).values():
        k.set_timer(f"tick:{incident.nth}:{line.key}", None)


def replan(k: Kernel) -> None:
    """Routes changed: every incident keeps its distance from the opening in the new rhythms."""
    wanted = lines(k)
    for key in [key for key in k.world.timers if key.startswith("tick:") and key.split(":", 2)[2] not in wanted]:
        k.set_timer(key, None)
    for incident in k.world.incidents.values():
        if incident.live or _owed(incident):
            for line in wanted.values():
                if f"tick:{incident.nth}:{line.key}" not in k.world.timers:
                    k.set_timer(f"tick:{incident.nth}:{line.key}", _next(k, incident, line, at_least=True))


def _next(k: Kernel, incident: Incident, line: Line, *, at_least: bool = False) -> float:
    first = incident.ticks_from + line.wait
    if k.now < first or (at_least and k.now == first):
        return first
    return first + (floor((k.now - first) / line.interval + 1e-9) + 1) * line.interval


def _owed(incident: Incident) -> list[str]:
    if incident.state not in ("resolved", "closed"):
        return []
    return [receiver for receiver, told in incident.told.items() if told.problem or told.called]


def tick(k: Kernel, nth: int, key: str) -> None:
    """One tick of one rhythm of an incident."""
    incident = k.world.incidents[nth]
    rhythms = lines(k)
    line = rhythms.get(key)
    if line is None:
        return
    if incident.live:
        if incident.state == "open" and incident.snooze is None:
            assigned = assignment(k, incident)
            if not assigned and incident.loud and k.receivers and k.now <= incident.ticks_from + line.wait:
                k.kept(nth, "", "first", "no_receiver")
            for receiver, mine in assigned.items():
                if mine.key == key:
                    _tell(k, incident, receiver, mine)
        incident.reopening = incident.reopening and k.now < incident.ticks_from + max(one.wait for one in rhythms.values())
    else:
        _tell_end(k, incident, key, rhythms)
    if incident.live or _owed(incident):
        k.set_timer(f"tick:{nth}:{key}", _next(k, incident, line))


def _tell_end(k: Kernel, incident: Incident, key: str, rhythms: dict[str, Line]) -> None:
    default = _line(k, None).key
    for name in _owed(incident):
        told, receiver = incident.told[name], k.receivers.get(name)
        if receiver is None or not receiver.resolved:
            told.problem = told.called = False
            continue
        mine = told.line if told.line in rhythms else default
        if mine == key and delivery.quiet_until(k, receiver, incident.priority) is None and not delivery.is_shelved(k, incident, name):
            waiting = delivery.pending(k, incident, name)
            if waiting is None:
                delivery.send(k, "resolved", name, incident)
            else:
                waiting.reason = "resolved"


def _tell(k: Kernel, incident: Incident, receiver: str, line: Line) -> None:
    told = incident.told.get(receiver)
    if told:
        told.line = line.key
    if delivery.is_shelved(k, incident, receiver) or delivery.pending(k, incident, receiver):
        return
    if not incident.loud and (incident.firing or not (incident.manual or incident.needs_person)):
        return
    reason = _news(k, incident, told, receiver, line) if told and told.problem else _opening(incident)
    if reason:
        delivery.send(k, reason, receiver, incident)
        incident.told.setdefault(receiver, Told()).line = line.key


def _opening(incident: Incident) -> str:
    if incident.reopening:
        return "reopened"
    if incident.after_snooze or (incident.loud and all(incident.members[name].was_held for name in incident.loud)):
        return "unmuted"
    return "first"


def _news(k: Kernel, incident: Incident, told: Told, receiver: str, line: Line) -> str:  # noqa: PLR0911 - the first reason that applies
    if incident.reopening and told.reopened < incident.reopened:
        return "reopened"
    if told.force == "unmuted":
        return "unmuted"
    fresh = [name for name in incident.loud if name not in told.now or name in told.unmute]
    if fresh:
        back = all(name in told.unmute or (incident.members[name].was_held and name not in told.alerts) for name in fresh)
        return "unmuted" if back else "changed"
    if told.force:
        return told.force
    wants_ends = k.receivers[receiver].resolved
    if wants_ends and any(name not in incident.firing for name in told.now):
        return "changed"
    if k.now - told.last >= line.repeat and (incident.loud or not incident.members):
        return "repeat"
    return ""


def worse(k: Kernel, incident: Incident) -> None:
    """The priority was raised: at once to everybody concerned, if anybody was told before."""
    if not any(told.problem for told in incident.told.values()):
        return
    for receiver in assignment(k, incident):
        delivery.send(k, "worse", receiver, incident)


def flapping(k: Kernel, incident: Incident, reason: str) -> None:
    """Flapping began or ended: to whoever was told of the incident, not while acknowledged or snoozed."""
    if incident.state != "open" or incident.snooze is not None:
        return
    for receiver in [name for name, told in incident.told.items() if told.problem]:
        delivery.send(k, reason, receiver, incident)


def force(incident: Incident, reason: str) -> None:
    """Have the next tick tell everybody who was told before."""
    for told in incident.told.values():
        if told.problem:
            told.force = reason
