"""An alert's own life: it fires, changes its severity, flaps and ends. What follows for incidents is called from here."""

from __future__ import annotations

from typing import Final

from core.records import Severity, fingerprint
from incidents import cutoff, holds, lifecycle, place, ticks
from incidents.config import Rule
from incidents.kernel import Kernel, lower_severity
from incidents.state import Alert

LIGHTEST: Final = 0.75
HEAVIEST: Final = 1.25


def find_or_make(k: Kernel, rule: str, asset: str, labels: dict[str, str], origin: str) -> Alert:
    """The alert of this identity."""
    name = fingerprint(rule, asset, labels)
    alert = k.world.alerts.get(name)
    if alert is None:
        alert = Alert(name, rule, asset, dict(labels), origin)
        k.remember(alert)
    return alert


def severity_of(rule: Rule | None, state: str) -> str:
    """The severity of a check's state: critical gives the rule's, anything else at most ``warning``."""
    own = rule.severity.value if rule else Severity.WARNING.value
    return own if state == "critical" else lower_severity(own, Severity.WARNING.value)


def fire(k: Kernel, alert: Alert) -> None:
    """A new occurrence fires now: find out who holds it, and which incident it belongs to."""
    if alert.occurrence and alert.end is not None:
        alert.earlier.append([alert.start, alert.end])
    alert.state, alert.end, alert.reason, alert.occurrence = "firing", None, "", alert.occurrence + 1
    alert.pending, alert.good, alert.good_since, alert.held_by = None, 0, None, ""
    k.fired.append(alert)
    k.audit("fire", alert=alert)
    enter(k, alert)


def enter(k: Kernel, alert: Alert) -> None:
    """Judge a firing alert that belongs to no incident yet."""
    k.touch_alert(alert)
    if holds.excepted(k, alert):
        alert.held_by, alert.excepted = "except", True
        holds.note_inhibitor(k, alert)
        return
    alert.excepted = False
    cutoff.mark(k, alert, cutoff.find(k, alert))
    holds.note_inhibitor(k, alert)
    alert.held_by = holds.reason(k, alert)
    rule = k.rule(alert)
    taken = cutoff.take_over(k, alert) if rule and rule.reachability else []
    home = lifecycle.survivor(k, alert.incident)
    is_back = bool(home and home.live and alert.id in home.members)
    taken = [incident for incident in taken if not (is_back and incident is home)]
    if taken and not alert.cut and not is_back:
        if link := place.other_end(k, alert):
            lifecycle.join(k, link[0], alert, link[1])  # and what it took over follows it there
        else:
            cutoff.reroot(k, taken[0], alert)
            lifecycle.join(k, taken[0], alert, "root of the others")
    else:
        place.place(k, alert)
    if rule and rule.reachability:
        cutoff.settle_dependants(k, alert, taken)
        place.gather_links(k, alert)
        _lead(k, alert)
    incident = lifecycle.survivor(k, alert.incident)
    if alert.held_by and incident and alert.id in incident.members:
        k.audit("hold", incident=incident, alert=alert, by=alert.held_by)


def _lead(k: Kernel, alert: Alert) -> None:
    """A silent device says more than the links that its neighbours lost: their incident is about it from now on."""
    incident = lifecycle.survivor(k, alert.incident)
    if incident and incident.live and alert.id in incident.members and not alert.cut and not incident.root_by_person:
        root = k.world.alerts.get(incident.root_alert)
        if root is not None and root.id != alert.id and place.is_link(k, root):
            cutoff.reroot(k, incident, alert)


def change_severity(k: Kernel, alert: Alert, severity: str) -> None:
    """The severity of a firing alert changes, upwards or downwards, at once."""
    if severity == alert.severity:
        return
    alert.severity = severity
    holds.note_inhibitor(k, alert)
    holds.judge(k, alert)
    incident = lifecycle.survivor(k, alert.incident)
    if incident and alert.id in incident.members:
        lifecycle.consider(k, incident, alert)
    k.touch_alert(alert)


def end(k: Kernel, alert: Alert, reason: str, at: float | None = None) -> None:
    """The occurrence is over."""
    alert.state, alert.end, alert.reason = "ended", k.now if at is None else at, reason
    alert.held_by, alert.waiting, alert.excepted = "", False, False
    alert.marks.pop("no_data", None)
    alert.good, alert.good_since = 0, None
    k.set_timer(f"nodata:{alert.id}", None)
    k.set_timer(f"timeout:{alert.id}", None)
    k.ended.append(alert)
    k.audit("end", alert=alert, reason=reason)
    cutoff.mark(k, alert, None)
    holds.note_inhibitor(k, alert)
    rule = k.rule(alert)
    if reason == "rule_removed" or (rule and rule.reachability):
        cutoff.root_ended(k, alert)
    incident = lifecycle.survivor(k, alert.incident)
    if incident and alert.id in incident.members:
        k.story(incident, "end", alert, ended=reason)
        lifecycle.note(k, incident, alert)
        lifecycle.settle(k, incident)
    k.touch_alert(alert)


def flap(k: Kernel, alert: Alert, rule: Rule | None, state: str, *, confirmed: bool) -> None:
    """Take a result into the flapping history and begin or end flapping."""
    s = k.settings
    after = (rule.problem_after if rule else None) or (1 if rule and rule.kind == "threshold" else s.problem_after)
    if after > 1 and not confirmed:
        return
    alert.history.append(state)
    del alert.history[: -s.flap_history]
    percent = flap_percent(alert.history, s.flap_history)
    if not alert.flapping and percent >= s.flap_start - 1e-9:
        _begin_flapping(k, alert)
    elif alert.flapping and percent < s.flap_end - 1e-9:
        alert.flapping = False


def flap_percent(history: list[str], length: int) -> float:
    """Weighted share of changes: from 0.75 (oldest possible) to 1.25 (newest); missing history is no change."""
    slots = length - 1
    total = 0.0
    for back in range(min(len(history) - 1, slots)):
        if history[-1 - back] != history[-2 - back]:
            place_ = slots - 1 - back
            total += LIGHTEST + (HEAVIEST - LIGHTEST) * (place_ / (slots - 1) if slots > 1 else 1.0)
    return total / slots * 100


def _begin_flapping(k: Kernel, alert: Alert) -> None:
    alert.flapping = True
    incident = lifecycle.survivor(k, alert.incident)
    if alert.firing:
        told = bool(incident and not alert.held_by)
        holds.judge(k, alert)
        if told and incident:
            ticks.flapping(k, incident, "flapping")
    elif incident and alert.id in incident.members and incident.state == "resolved" and _recent(k, incident.resolved_at) and incident.grace is None:
        fire_again(k, alert)
        ticks.flapping(k, incident, "flapping")


def _recent(k: Kernel, at: float | None) -> bool:
    return at is not None and k.now - at <= k.settings.reopen_window


def fire_again(k: Kernel, alert: Alert) -> None:
    """Flapping began while the alert had ended: the same occurrence goes on and its incident is open again, quietly."""
    alert.state, alert.end, alert.reason, alert.held_by = "firing", None, "", ""
    alert.pending = None
    enter(k, alert)


def flapping_over(k: Kernel, alert: Alert, *, good: bool) -> None:
    """Flapping ended: tell it; a good state also ends the alert."""
    incident = lifecycle.survivor(k, alert.incident)
    if alert.firing:
        was_only = alert.held_by == "flapping"
        holds.judge(k, alert)
        if incident and was_only:
            ticks.flapping(k, incident, "flapping_ended")
    if good and alert.firing:
        end(k, alert, "recovered")
