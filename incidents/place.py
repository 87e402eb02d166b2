"""Which incident a firing alert belongs to. The first that applies: its own again, topology, the other end of a lost link, same asset
and class, security, correlate entries, an incident of its own.
"""

from __future__ import annotations

from incidents import lifecycle
from incidents.kernel import Kernel
from incidents.state import Alert, Incident

OUTAGE_S = 300.0  # between what both ends of one link tell


def place(k: Kernel, alert: Alert) -> None:
    """Join, reopen or open."""
    last = lifecycle.survivor(k, alert.incident)
    if last and alert.id in last.members and (last.live or last.state == "candidate"):
        lifecycle.join(k, last, alert, last.members[alert.id].why)
    elif alert.cut and _join_root(k, alert):
        return
    elif last and alert.id in last.members and last.state == "resolved" and _in_time(k, last):
        _again(k, last, alert)
    elif joined := _find(k, alert):
        lifecycle.join(k, joined[0], alert, joined[1])
    else:
        _own(k, alert, last)


def _join_root(k: Kernel, alert: Alert) -> bool:
    root = k.world.alerts.get(alert.top)
    incident = lifecycle.survivor(k, root.incident) if root else None
    if incident is None or not (incident.live or incident.state == "candidate"):
        return False
    lifecycle.join(k, incident, alert, f"unreachable via {alert.via}")
    return True


def _in_time(k: Kernel, incident: Incident) -> bool:
    return incident.grace is not None or (incident.resolved_at is not None and k.now - incident.resolved_at <= k.settings.reopen_window)


def _again(k: Kernel, incident: Incident, alert: Alert) -> None:
    latest = incident.latest
    if incident.grace is not None or not lifecycle.decides(incident, alert):
        lifecycle.add(k, incident, alert, incident.members[alert.id].why)
        incident.latest = latest
        return
    lifecycle.add(k, incident, alert, incident.members[alert.id].why)
    lifecycle.reopen(k, incident, "system", quietly=alert.flapping)
    lifecycle.consider(k, incident, alert)


def _takes(k: Kernel, incident: Incident, window: float, *, candidate: bool) -> bool:
    if not (incident.live or (candidate and incident.state == "candidate")):
        return False
    return k.now - incident.last_join <= window and k.now - incident.opened <= k.settings.correlation_cap


def _oldest(k: Kernel, keys: list[str], window: float, *, candidate: bool) -> Incident | None:
    numbers = sorted({nth for key in keys for nth in k.index.get(key, {})})
    return next((k.world.incidents[nth] for nth in numbers if _takes(k, k.world.incidents[nth], window, candidate=candidate)), None)


def _find(k: Kernel, alert: Alert) -> tuple[Incident, str] | None:
    rule = k.rule(alert)
    window, candidate = k.settings.correlation_window, bool(rule and rule.candidate)
    if around := _surroundings(k, alert, window) or other_end(k, alert):
        return around
    keys = lifecycle.index_keys(k, alert)
    groups = [
        ("same asset and class", [key for key in keys if key.startswith("class|")], window),
        ("same asset or actor of an attack", [key for key in keys if key.startswith(("secure|", "actor|"))], window),
    ]
    for number, entry in enumerate(k.config.correlate):
        chosen = [key for key in keys if key.startswith(f"by|{number}|")]
        groups.append((f"same {', '.join(entry.by)}", chosen, window if entry.within is None else entry.within))
    for why, chosen, within in groups:
        if incident := _oldest(k, chosen, within, candidate=candidate):
            return incident, why
    return None


def _surroundings(k: Kernel, alert: Alert, window: float) -> tuple[Incident, str] | None:
    for place_name in k.topology.surroundings(alert.asset) if alert.asset else []:
        numbers = set()
        for name in k.by_asset.get(place_name, {}):
            other = k.world.alerts[name]
            incident = lifecycle.survivor(k, other.incident) if other.firing else None
            if incident and name in incident.members:
                numbers.add(incident.nth)
        for nth in sorted(numbers):
            if _takes(k, k.world.incidents[nth], window, candidate=False):
                return k.world.incidents[nth], f"a problem of {place_name}, which surrounds {alert.asset}"
    return None


def other_end(k: Kernel, alert: Alert) -> tuple[Incident, str] | None:
    """A link that is lost, and at its other end the silence of a device or a lost link as well: one outage, whichever is seen first."""
    is_silence = _is_silence(k, alert)
    if not is_silence and not is_link(k, alert):
        return None
    for neighbour in k.topology.beside(alert.asset):
        numbers = set()
        for name in k.by_asset.get(neighbour, {}):
            other = k.world.alerts[name]
            if (incident := _incident_of(k, other)) and (is_link(k, other) or (not is_silence and _is_silence(k, other))):
                numbers.add(incident.nth)
        for nth in sorted(numbers):
            if _is_outage(k, k.world.incidents[nth]):
                return k.world.incidents[nth], f"the same link as at {neighbour}"
    return None


def gather_links(k: Kernel, alert: Alert) -> None:
    """A device is silent: incidents about nothing but the links of its neighbours go into its own."""
    home = lifecycle.survivor(k, alert.incident)
    if home is None or not home.live or alert.cut:
        return
    for neighbour in k.topology.beside(alert.asset):
        for name in list(k.by_asset.get(neighbour, {})):
            other = k.world.alerts[name]
            incident = _incident_of(k, other) if is_link(k, other) else None
            if incident is None or incident.nth == home.nth or incident.root_by_person or not _is_outage(k, incident):
                continue
            if all(is_link(k, k.world.alerts[member]) for member in incident.firing):
                lifecycle.merge(k, incident, home, "system")
                lifecycle.settle(k, home)


def is_link(k: Kernel, alert: Alert) -> bool:
    """Whether an alert says that a link is lost."""
    rule = k.rule(alert)
    return bool(alert.asset and rule and rule.lost_link)


def _is_silence(k: Kernel, alert: Alert) -> bool:
    rule = k.rule(alert)
    return bool(alert.asset and rule and rule.reachability)


def _incident_of(k: Kernel, alert: Alert) -> Incident | None:
    incident = lifecycle.survivor(k, alert.incident) if alert.firing else None
    return incident if incident and alert.id in incident.members else None


def _is_outage(k: Kernel, incident: Incident) -> bool:
    return _takes(k, incident, min(k.settings.correlation_window, OUTAGE_S), candidate=False)


def _own(k: Kernel, alert: Alert, last: Incident | None) -> None:
    rule = k.rule(alert)
    together = [alert]
    if rule and rule.open:
        alert.waiting = True
        together = _companions(k, alert, rule.open.within)
        if len(together) < rule.open.at_least:
            k.touch_alert(alert)
            return
    link = ("recurrence_of", last.nth) if last and alert.id in last.members else None
    lifecycle.open_for(k, together, candidate=bool(rule and rule.candidate), link=link)


def _companions(k: Kernel, alert: Alert, within: float) -> list[Alert]:
    """Waiting alerts of this rule that would share one incident with this one, in order of their start."""
    pool = [other for name in k.by_rule.get(alert.rule, {}) if (other := k.world.alerts[name]).firing and other.waiting and k.now - other.start <= within]
    chosen, keys = {alert.id: alert}, set(lifecycle.index_keys(k, alert))
    grown = True
    while grown:
        grown = False
        for other in pool:
            theirs = set(lifecycle.index_keys(k, other))
            if other.id not in chosen and keys & theirs:
                chosen[other.id] = other
                keys |= theirs
                grown = True
    return sorted(chosen.values(), key=lambda one: (one.start, one.confirmed))
