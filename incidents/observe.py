"""What comes in: results of our checks, pushes of foreign sources, conclusions of event rules, and silence."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from incidents import alerts, cutoff, lifecycle
from incidents.config import Rule
from incidents.kernel import Kernel
from incidents.state import Alert, Pending, Source

MOST_LABELS: Final = 64
LONGEST_VALUE: Final = 1024
LONGEST_TEXT: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Push:
    """What a foreign source (or a detector) says about one alert; times in engine seconds."""

    rule: str = ""
    asset: str = ""
    source: str = ""
    severity: str = ""
    firing: bool = True
    starts: float | None = None
    ends: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    value: float | None = None
    title: str = ""
    at: float | None = None
    forever: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


def result(k: Kernel, rule_id: str, asset: str, state: str, *, value: float | None = None, text: str = "", labels: Mapping[str, str] | None = None) -> None:
    """One result of a check or one judged sample of a threshold rule."""
    alert = alerts.find_or_make(k, rule_id, asset, dict(labels or {}), "check")
    rule = k.rules.get(rule_id)
    if rule_id in k.world.errors:
        alert.last_at = k.now
        return
    alert.seen, alert.last_state, alert.last_at, alert.bad = True, state, k.now, state != "ok"
    alert.last_value, alert.last_text = value, text
    alert.marks.pop("no_data", None)
    if alert.bad:
        _bad(k, alert, rule, state, value, text)
    else:
        _good(k, alert, rule)
    _watch_silence(k, alert, rule)


def _after(k: Kernel, rule: Rule | None, name: str) -> int:
    own = getattr(rule, name) if rule else None
    if own:
        return int(own)
    return 1 if rule and rule.kind == "threshold" else int(getattr(k.settings, name))


def _bad(k: Kernel, alert: Alert, rule: Rule | None, state: str, value: float | None, text: str) -> None:
    alert.good, alert.good_since = 0, None
    if alert.firing:
        alert.count += 1
        _take(alert, k.now, value, text)
        alerts.change_severity(k, alert, alerts.severity_of(rule, state))
        _flap(k, alert, rule, state, confirmed=True)
        k.touch_alert(alert)
        return
    pending = alert.pending or Pending(k.now)
    alert.pending = pending
    pending.count += 1
    pending.state, pending.value, pending.text = state, value, text[:LONGEST_TEXT]
    if len(text) > LONGEST_TEXT:
        alert.marks["truncated"] = True
    if _is_ready(k, rule, pending, k.now) or (alert.flapping and alert.state == "ended"):
        _confirmed(k, alert, pending, k.now)
    else:
        _flap(k, alert, rule, state, confirmed=False)
    k.touch_alert(alert)


def _is_ready(k: Kernel, rule: Rule | None, pending: Pending, at: float) -> bool:
    lasted = at - pending.start - pending.shift
    return pending.count >= _after(k, rule, "problem_after") and lasted >= (rule.for_ if rule else 0)


def _confirmed(k: Kernel, alert: Alert, pending: Pending, seen: float) -> None:
    alert.start, alert.confirmed, alert.count = pending.start, k.now, pending.count
    _take(alert, seen, pending.value, pending.text)
    alert.severity = alerts.severity_of(k.rule(alert), pending.state)
    _flap_quietly(k, alert, pending.state)
    alerts.fire(k, alert)
    if alert.flapping:
        _tell_flapping(k, alert)


def confirm(k: Kernel, alert: Alert) -> None:
    """The rule was replaced: what is pending fires at once when that is enough for the new one."""
    if alert.pending and _is_ready(k, k.rule(alert), alert.pending, alert.last_at):
        _confirmed(k, alert, alert.pending, alert.last_at)
        k.touch_alert(alert)


def _take(alert: Alert, at: float, value: float | None, text: str) -> None:
    alert.last_seen = at
    if value is not None:
        alert.value = value
    if text:
        _set_text(alert, text)


def _set_text(alert: Alert, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        alert.marks["truncated"] = True
    alert.text = text[:LONGEST_TEXT]


def _good(k: Kernel, alert: Alert, rule: Rule | None) -> None:
    alert.pending = None
    if not alert.firing:
        _flap(k, alert, rule, "ok", confirmed=True)
        k.touch_alert(alert)
        return
    alert.good += 1
    alert.good_since = k.now if alert.good_since is None else alert.good_since
    enough = alert.good >= _after(k, rule, "recover_after") and k.now - alert.good_since >= (rule.keep_firing_for if rule else 0)
    _flap(k, alert, rule, "ok", confirmed=enough)
    if enough and alert.firing and not alert.flapping:
        alerts.end(k, alert, "recovered")
    k.touch_alert(alert)


def _flap(k: Kernel, alert: Alert, rule: Rule | None, state: str, *, confirmed: bool) -> None:
    was = alert.flapping
    alerts.flap(k, alert, rule, state, confirmed=confirmed)
    if was and not alert.flapping:
        good = not alert.bad and alert.good >= _after(k, rule, "recover_after")
        alerts.flapping_over(k, alert, good=good)


def _flap_quietly(k: Kernel, alert: Alert, state: str) -> None:
    """The result that makes an alert fire: take it into the history; the firing itself looks at ``flapping``."""
    s = k.settings
    alert.history.append(state)
    del alert.history[: -s.flap_history]
    percent = alerts.flap_percent(alert.history, s.flap_history)
    if percent >= s.flap_start - 1e-9:
        alert.flapping = True
    elif percent < s.flap_end - 1e-9:
        alert.flapping = False


def _tell_flapping(k: Kernel, alert: Alert) -> None:
    incident = lifecycle.survivor(k, alert.incident)
    if incident and alert.held_by == "flapping":
        from incidents import ticks

        ticks.flapping(k, incident, "flapping")


def _watch_silence(k: Kernel, alert: Alert, rule: Rule | None) -> None:
    if alert.firing or alert.pending:
        missed = (rule.no_data_after if rule else None) or k.settings.no_data_after
        k.set_timer(f"nodata:{alert.id}", k.now + missed * k.interval(alert))
    else:
        k.set_timer(f"nodata:{alert.id}", None)


def no_data(k: Kernel, alert: Alert) -> None:
    """Intervals were missed; those of an own outage and of a failing rule do not count."""
    if not (alert.firing or alert.pending):
        return
    rule = k.rule(alert)
    missed = (rule.no_data_after if rule else None) or k.settings.no_data_after
    due = alert.last_at + missed * k.interval(alert) + k.outage_s(alert.last_at)
    if alert.rule in k.world.errors:
        due = max(due, k.world.errors[alert.rule][1] + missed * k.interval(alert))
    if due > k.now + 1e-9:
        k.set_timer(f"nodata:{alert.id}", due)
    else:
        alert.marks["no_data"] = True
        k.touch_alert(alert)


# pushes


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", str(text)).strip()


def _labels(k: Kernel, push: Push) -> tuple[dict[str, str], bool]:
    ignored = {name for source in k.config.sources if source.id == push.source for name in source.ignore_labels}
    plain = {_clean(name): _clean(value) for name, value in push.labels.items() if name not in ignored}
    kept = {name: plain[name] for name in sorted(plain)[:MOST_LABELS]}
    cut = {name: value.encode()[:LONGEST_VALUE].decode("utf-8", "ignore") for name, value in kept.items()}
    return cut, len(plain) > MOST_LABELS or cut != kept


def push(k: Kernel, said: Push) -> None:
    """A source says that an alert fires or is resolved."""
    labels, truncated = _labels(k, said)
    rule_id, asset = _clean(said.rule), _clean(said.asset)
    partial = not rule_id or not asset
    identity = {**labels, "\x00source": said.source} if partial else labels
    alert = alerts.find_or_make(k, rule_id, asset, identity, "push")
    alert.labels = labels
    if partial:
        alert.marks["partial_identity"] = True
    if truncated:
        alert.marks["truncated"] = True
    if said.firing:
        _push_firing(k, alert, said)
    else:
        _push_resolved(k, alert, said)


def _push_firing(k: Kernel, alert: Alert, said: Push) -> None:
    at = k.now if said.at is None else said.at
    rule = k.rule(alert)
    until = said.ends if said.ends is not None and said.ends > at else at + k.settings.source_timeout
    alert.sources[said.source] = Source(at, firing=True, until=float("1e18") if said.forever else until)
    starts = at if said.starts is None else said.starts
    alert.origin = "push"
    alert.title = said.title or alert.title
    alert.evidence = dict(said.evidence) or alert.evidence
    severity = said.severity or alert.given or (rule.severity.value if rule else "warning")
    alert.given = said.severity or alert.given
    if said.text:
        _set_text(alert, said.text)
    alert.value = alert.value if said.value is None else said.value
    alert.last_seen = at
    if alert.firing:
        alert.count += 1
        alert.start = min(alert.start, starts)
        alerts.change_severity(k, alert, severity)
    else:
        for name in [name for name, source in alert.sources.items() if not source.firing and name != said.source]:
            del alert.sources[name]
        alert.severity = said.severity or (rule.severity.value if rule else "warning")
        alert.given = said.severity
        alert.start, alert.confirmed, alert.count = starts, k.now, 1
        alerts.fire(k, alert)
    _plan_timeout(k, alert)
    k.touch_alert(alert)


def _push_resolved(k: Kernel, alert: Alert, said: Push) -> None:
    at = k.now if said.at is None else said.at
    ends = at if said.ends is None else said.ends
    if not alert.occurrence:
        return
    if said.ends is not None and ends < alert.start:
        if alert.earlier:
            spot = next((one for one in reversed(alert.earlier) if one[0] <= ends), alert.earlier[-1])
            spot[1] = max(spot[1], ends)
        return
    source = alert.sources.get(said.source)
    if source:
        source.firing, source.last, source.end = False, at, ends
    if said.text:
        _set_text(alert, said.text)
    alert.value = alert.value if said.value is None else said.value
    if said.severity and not alert.firing:
        alert.severity = alert.given = said.severity
    if not alert.firing:
        alert.end = max(alert.end or ends, ends)
        k.touch_alert(alert)
        return
    if not any(one.firing and one.until > k.now for one in alert.sources.values()):
        known = [one.end for one in alert.sources.values() if one.end is not None and not one.firing]
        alerts.end(k, alert, "recovered", max([ends, *known]))
    else:
        _plan_timeout(k, alert)


def _plan_timeout(k: Kernel, alert: Alert) -> None:
    if alert.firing:
        due = max((source.until for source in alert.sources.values() if source.firing), default=None)
        k.set_timer(f"timeout:{alert.id}", due if due is not None and due < 1e17 else None)


def timed_out(k: Kernel, alert: Alert) -> None:
    """No source repeated or resolved it in time."""
    if alert.firing:
        alerts.end(k, alert, "timeout")


# event rules


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What an event rule found: it fires (``fired``), or one more event counts towards a firing alert."""

    rule: str
    asset: str
    labels: Mapping[str, str]
    fired: bool
    count: int
    first: float
    at: float
    text: str = ""


def conclude(k: Kernel, found: Conclusion) -> None:
    """An event rule fires or counts on."""
    alert = alerts.find_or_make(k, found.rule, found.asset, dict(found.labels), "event")
    rule = k.rule(alert)
    if found.rule in k.world.errors:
        return
    if found.text:
        _set_text(alert, found.text)
    alert.last_seen = found.at
    if alert.firing:
        alert.count += found.count
    elif found.fired:
        alert.start, alert.confirmed, alert.count = found.first, k.now, found.count
        alert.severity = rule.severity.value if rule else "warning"
        alerts.fire(k, alert)
    if alert.firing:
        k.set_timer(f"timeout:{alert.id}", max(k.now, found.at + k.settings.source_timeout))
    k.touch_alert(alert)


def absent(k: Kernel, rule_id: str, asset: str, labels: Mapping[str, str], since: float, *, missing: bool) -> None:
    """A heartbeat is missing, or it came back."""
    alert = alerts.find_or_make(k, rule_id, asset, dict(labels), "absence")
    if rule_id in k.world.errors or alert.firing == missing:
        return
    if missing:
        rule = k.rule(alert)
        alert.start, alert.confirmed, alert.last_seen, alert.count = since, k.now, k.now, 1
        alert.severity = rule.severity.value if rule else "warning"
        alerts.fire(k, alert)
    else:
        alerts.end(k, alert, "recovered")


# own outage and failing rules


def after_outage(k: Kernel, since: float) -> None:
    """We were away: pending problems go on where they were, or start anew after a longer outage."""
    away = k.now - since
    for alert in k.world.alerts.values():
        if alert.pending:
            if away > k.settings.downtime_tolerance:
                alert.pending = None
            else:
                alert.pending.shift += away
        if alert.good_since is not None:
            alert.good_since += away
        if f"nodata:{alert.id}" in k.world.timers:
            k.set_timer(f"nodata:{alert.id}", k.world.timers[f"nodata:{alert.id}"] + away)


def rule_failed(k: Kernel, rule_id: str, lasts: float) -> None:
    """A rule cannot be evaluated for a time: its alerts keep their state with the mark ``stale``."""
    rule = k.rules.get(rule_id)
    interval = (rule.check_interval if rule else None) or k.settings.check_interval
    k.world.errors[rule_id] = [k.now, k.now + lasts]
    for name in k.by_rule.get(rule_id, {}):
        alert = k.world.alerts[name]
        if alert.firing or alert.pending:
            alert.marks["stale"] = True
            k.touch_alert(alert)
    k.set_timer(f"error:{rule_id}", k.now + 2 * interval)
    k.set_timer(f"errorend:{rule_id}", k.now + lasts)


def rule_still_fails(k: Kernel, rule_id: str) -> None:
    """Three evaluations failed."""
    if rule_id in k.world.errors:
        k.complain(f"rule:{rule_id}", rule_id, f"The rule {rule_id} cannot be evaluated", f"规则 {rule_id} 无法计算")


def rule_works(k: Kernel, rule_id: str) -> None:
    """The rule can be evaluated again."""
    k.world.errors.pop(rule_id, None)
    k.set_timer(f"error:{rule_id}", None)
    k.calm(f"rule:{rule_id}")
    for name in k.by_rule.get(rule_id, {}):
        k.world.alerts[name].marks.pop("stale", None)
        k.touch_alert(k.world.alerts[name])


def rule_gone(k: Kernel, rule_id: str) -> None:
    """A removed rule's alerts end at once."""
    for name in list(k.by_rule.get(rule_id, {})):
        alert = k.world.alerts[name]
        alert.pending = None
        if alert.firing:
            alerts.end(k, alert, "rule_removed")


def rule_replaced(k: Kernel, old: Rule, new: Rule) -> None:
    """The last result is judged by the new rule at once; event alerts of another kind of rule end."""
    for name in list(k.by_rule.get(new.id, {})):
        alert = k.world.alerts[name]
        if old.kind != new.kind and alert.origin != "push":
            alert.pending = None
            if alert.firing:
                alerts.end(k, alert, "rule_changed")
        elif new.kind == "check" and alert.origin == "check" and alert.firing:
            alerts.change_severity(k, alert, alerts.severity_of(new, alert.last_state if alert.bad else "critical"))
        elif new.kind == "check" and alert.origin == "check" and alert.pending:
            confirm(k, alert)
        elif (alert.firing and alert.origin in ("event", "absence")) or (alert.firing and alert.origin == "push" and not alert.given):
            alerts.change_severity(k, alert, new.severity.value)
    if old.reachability and not new.reachability:
        for name in k.by_rule.get(new.id, {}):
            cutoff.root_ended(k, k.world.alerts[name])


def rejudge_sample(k: Kernel, rule: Rule, alert: Alert, *, active: bool) -> None:
    """A threshold rule was replaced: its last sample is judged by the new limits."""
    if alert.firing:
        if not active:
            alert.bad = False
            alerts.end(k, alert, "rule_changed")
        else:
            alerts.change_severity(k, alert, alerts.severity_of(rule, "critical"))
    elif alert.pending and not active:
        alert.pending = None
    elif alert.pending:
        confirm(k, alert)
    elif active:
        result(k, rule.id, alert.asset, "critical", value=alert.last_value, labels=alert.labels)
