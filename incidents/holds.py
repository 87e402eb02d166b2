"""Why an alert is told to nobody: except, maintenance, freeze, silence, inhibit, unreachable, flapping - the first that applies."""

from __future__ import annotations

from collections.abc import Iterable

from incidents import escalation, lifecycle, recurring
from incidents.config import Inhibit, MuteRule
from incidents.kernel import Kernel
from incidents.match import KEYS
from incidents.state import Alert, MuteState


def reason(k: Kernel, alert: Alert) -> str:
    """The first reason that holds a firing alert, or empty."""
    if excepted(k, alert):
        return "except"
    for kind in ("maintenance", "freeze", "silence"):
        if any(mute.active and mute.kind == kind and hits(k, mute, alert) for mute in k.world.mutes.values()):
            return kind
    if _inhibitor(k, alert):
        return "inhibit"
    if alert.cut:
        return "unreachable"
    return "flapping" if alert.flapping else ""


def holder(k: Kernel, alert: Alert) -> str:
    """What holds a held alert: the id of a mute, or rule and asset of the alert that inhibits it; empty for other reasons."""
    if alert.held_by in ("maintenance", "freeze", "silence"):
        found = (mute.id for mute in k.world.mutes.values() if mute.active and mute.kind == alert.held_by and hits(k, mute, alert))
        return next(found, "")
    other = _inhibitor(k, alert) if alert.held_by == "inhibit" else None
    return f"{other.rule} @ {other.asset}" if other else ""


def hits(k: Kernel, mute: MuteState, alert: Alert) -> bool:
    """Whether a mute is about an alert: its matcher and, for maintenance and freezes, its classes."""
    if mute.kind != "silence" and k.domain(alert) not in (mute.classes or ["operations"]):
        return False
    return k.matches(mute.match, alert)


def excepted(k: Kernel, alert: Alert) -> bool:
    """Whether an exception in force is about an alert."""
    return any(one.active and k.matches(one.match, alert) for one in k.world.excepts)


def judge(k: Kernel, alert: Alert) -> None:
    """Find out anew whether a firing alert is held, and let its incident know."""
    if not alert.firing:
        return
    before, now = alert.held_by, reason(k, alert)
    if before == now:
        return
    alert.held_by = now
    incident = lifecycle.survivor(k, alert.incident)
    member = incident.members.get(alert.id) if incident else None
    k.touch_alert(alert)
    if incident is None or member is None:
        return
    lifecycle.note(k, incident, alert)
    if now and not before:
        k.audit("hold", incident=incident, alert=alert, by=now)
    if before and not now:
        k.audit("release", incident=incident, alert=alert, by=before)
        for told in incident.told.values():
            if told.alerts.get(alert.id) != [str(alert.occurrence), alert.severity]:
                told.unmute[alert.id] = True
    if now in ("", "unreachable"):
        lifecycle.consider(k, incident, alert)
    escalation.sync(k, incident)


def judge_all(k: Kernel, names: Iterable[str] | None = None) -> None:
    """Judge several alerts (default: every firing one)."""
    for name in list(k.world.alerts if names is None else names):
        if (alert := k.world.alerts[name]).firing:
            judge(k, alert)


# mutes


def adopt(k: Kernel, rule: MuteRule) -> None:
    """Take a mute into force."""
    k.world.mutes[rule.id] = MuteState(
        rule.id,
        rule.kind,
        {key: list(values) for key, values in rule.match.items()},
        list(rule.classes),
        k.now if rule.start is None and not (rule.weekly or rule.recurring) else None if rule.start is None else k.moment(rule.start),
        None if rule.end is None else k.moment(rule.end),
        rule.weekly.model_dump(mode="json", by_alias=True) if rule.weekly else None,
        rule.recurring.model_dump(mode="json", by_alias=True, exclude_defaults=True) if rule.recurring else None,
        rule.by,
        rule.why,
    )
    plan(k, rule.id)


def drop(k: Kernel, name: str) -> None:
    """A mute is no more."""
    if k.world.mutes.pop(name, None):
        k.set_timer(f"mute:{name}", None)


def plan(k: Kernel, name: str) -> None:
    """Find out whether a mute is in force and when that changes."""
    mute = k.world.mutes.get(name)
    if mute is None:
        return
    mute.active, change = _in_force(k, mute)
    k.set_timer(f"mute:{name}", change)


def _in_force(k: Kernel, mute: MuteState) -> tuple[bool, float | None]:
    if mute.stopped or (mute.end is not None and k.now >= mute.end):
        return False, None
    if mute.start is not None and k.now < mute.start:
        return False, mute.start
    window = recurring.of(mute)
    if window is None:
        return True, mute.end
    active, change = recurring.state(window, k.wall().astimezone(k.config.zone), k.calendar)
    ahead = None if change is None else k.now + change
    if active and mute.skip_until is not None and k.now < mute.skip_until:
        active = False
    return active, min((moment for moment in (ahead, mute.end) if moment is not None), default=None)


def boundary(k: Kernel, name: str) -> None:
    """A mute begins or ends."""
    plan(k, name)
    judge_all(k)


def stop(k: Kernel, name: str) -> None:
    """A person ends a mute; of a window that comes back only the present occurrence."""
    mute = k.world.mutes[name]
    if recurring.of(mute) is not None:
        _, mute.skip_until = _in_force(k, mute)
    else:
        mute.stopped = True
    boundary(k, name)


# inhibition


def _same(k: Kernel, entry: Inhibit, alert: Alert) -> str | None:
    values = [k.look(alert, key if key in KEYS or key.startswith("labels.") else f"labels.{key}") for key in entry.same]
    return None if not all(values) else "|".join(",".join(sorted(one)) for one in values)


def note_inhibitor(k: Kernel, alert: Alert) -> None:
    """An alert fired, ended or changed: those it may hold are judged again."""
    for number, entry in enumerate(k.config.inhibit):
        same, held_others = _same(k, entry, alert), False
        for table, match in ((k.inhibitors, entry.source), (k.inhibited, entry.hold)):
            was = table.get((number, same or ""), {}).pop(alert.id, False)
            held_others = held_others or (was and table is k.inhibitors)
            if same is not None and alert.firing and k.matches(match, alert):
                table.setdefault((number, same), {})[alert.id] = True
        if same is not None and (held_others or k.matches(entry.source, alert)):
            judge_all(k, [name for name in k.inhibited.get((number, same), {}) if name != alert.id])


def rebuild_inhibition(k: Kernel) -> None:
    """Index all firing alerts for inhibition anew."""
    k.inhibitors, k.inhibited = {}, {}
    for alert in k.world.alerts.values():
        if alert.firing:
            for number, entry in enumerate(k.config.inhibit):
                if (same := _same(k, entry, alert)) is not None:
                    for table, match in ((k.inhibitors, entry.source), (k.inhibited, entry.hold)):
                        if k.matches(match, alert):
                            table.setdefault((number, same), {})[alert.id] = True


def _inhibitor(k: Kernel, alert: Alert) -> Alert | None:
    for number, entry in enumerate(k.config.inhibit):
        if not k.matches(entry.hold, alert) or (same := _same(k, entry, alert)) is None:
            continue
        both = k.matches(entry.source, alert)
        for name in k.inhibitors.get((number, same), {}):
            other = k.world.alerts[name]
            if name != alert.id and other.firing and not (both and k.matches(entry.hold, other)):
                return other
    return None
