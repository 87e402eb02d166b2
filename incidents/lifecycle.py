"""The life of an incident: opened, joined, resolved, reopened, closed, merged, split. Every step is audited."""

from __future__ import annotations

from collections.abc import Iterable

from incidents import delivery, escalation, sla, ticks
from incidents.kernel import Kernel, graver
from incidents.state import Alert, Incident, Member

UNDO_MERGE_S = 86400.0


def survivor(k: Kernel, nth: int) -> Incident | None:
    """The incident of a number, or the one it was merged into."""
    incident = k.world.incidents.get(nth)
    while incident is not None and incident.state == "merged":
        into = [target for what, target in incident.links if what == "merged_into"]
        incident = k.world.incidents.get(int(into[-1])) if into else None
    return incident


def create(k: Kernel, root: str, *, candidate: bool = False, title: str = "") -> Incident:
    """A new incident, last in order; it begins to run with ``begin``."""
    nth = k.world.newest = max(k.world.newest, len(k.world.incidents)) + 1  # states of before it was kept have them all
    incident = Incident(nth, root, k.now, state="candidate" if candidate else "open", title=title or root, last_join=k.now)
    k.world.incidents[nth] = incident
    return incident


def begin(k: Kernel, incident: Incident) -> None:
    """The incident is open from now on: clocks, ticks and escalation start."""
    incident.opened, incident.state = k.now, "open"
    k.audit("open", incident=incident, priority=incident.priority)
    ticks.start(k, incident)
    sla.start(k, incident)
    escalation.begin(k, incident)


def open_for(k: Kernel, alerts: list[Alert], *, candidate: bool = False, link: tuple[str, int] | None = None, why: str = "own incident") -> Incident:
    """A new incident of these alerts, the first of which opened it."""
    first = alerts[0]
    rule = k.rule(first)
    incident = create(k, first.asset, candidate=candidate)
    incident.policy = rule.resolve if rule else "all"
    incident.opener = incident.root_alert = first.id
    if link:
        incident.links.append(list(link))
    for alert in alerts:
        add(k, incident, alert, why)
    incident.priority = incident.worst = _gravest(k, incident)
    retitle(k, incident)
    if candidate:
        k.audit("candidate", incident=incident)
    else:
        begin(k, incident)
    return incident


def _gravest(k: Kernel, incident: Incident) -> str:
    names = [name for name in incident.firing if _counts(k.world.alerts[name])] or list(incident.firing) or list(incident.members)
    return min((k.alert_priority(k.world.alerts[name]) for name in names), default="P4")


def _counts(alert: Alert) -> bool:
    return alert.held_by in ("", "unreachable")


def retitle(k: Kernel, incident: Incident) -> None:
    """The title names the root and the rule of its alert."""
    if incident.manual:
        return
    alert = k.world.alerts.get(incident.root_alert)
    what = (alert.title or alert.rule or alert.text[:80]) if alert else ""
    incident.title = f"{incident.root}: {what}" if what else incident.root


def index_keys(k: Kernel, alert: Alert) -> list[str]:
    """Under which keys an incident with this alert is found."""
    keys = []
    if alert.asset and (fault := k.fault_class(alert)):
        keys.append(f"class|{alert.asset}|{fault}")
    rule = k.rule(alert)
    if rule and rule.security:
        keys.append(f"secure|{alert.asset}")
        keys += [f"actor|{key}|{value}" for key in rule.by for value in k.look(alert, key if key == "asset" else f"labels.{key}")]
    for number, entry in enumerate(k.config.correlate):
        values = [k.look(alert, key) for key in entry.by]
        if all(values):
            keys.append(f"by|{number}|" + "|".join(",".join(sorted(one)) for one in values))
    return keys


def reindex(k: Kernel) -> None:
    """Build the index anew, after a change of the configuration or a restart."""
    k.index = {}
    for incident in k.world.incidents.values():
        if incident.state not in ("merged", "closed"):
            for name in incident.members:
                _index(k, incident, k.world.alerts[name], 1)


def _index(k: Kernel, incident: Incident, alert: Alert, step: int) -> None:
    for key in index_keys(k, alert):
        place = k.index.setdefault(key, {})
        place[incident.nth] = place.get(incident.nth, 0) + step
        if place[incident.nth] <= 0:
            del place[incident.nth]


def add(k: Kernel, incident: Incident, alert: Alert, why: str) -> None:
    """Make an alert a member, without judging the incident."""
    known = incident.members.get(alert.id)
    if known is None:
        k.story(incident, "join" if incident.members else "fire", alert)
        incident.members[alert.id] = Member(k.now, why, alert.start)
        _index(k, incident, alert, 1)
    else:
        k.story(incident, "fire", alert)
        known.start = alert.start
        known.was_held = False
    rule = k.rule(alert)
    incident.security = incident.security or bool(rule and rule.security)
    incident.latest, incident.last_join = alert.id, k.now
    if incident.detect_from is None or alert.start < incident.detect_from:
        incident.detect_from = alert.start if incident.detect_from is None else incident.detect_from
    alert.incident, alert.waiting = incident.nth, False
    note(k, incident, alert)


def note(k: Kernel, incident: Incident, alert: Alert) -> None:
    """Bring the incident's sets of firing and of not held members up to date."""
    member = incident.members.get(alert.id)
    if member is None:
        return
    if alert.firing:
        incident.firing[alert.id] = True
    else:
        incident.firing.pop(alert.id, None)
    if alert.firing and not alert.held_by:
        incident.loud[alert.id] = True
    else:
        incident.loud.pop(alert.id, None)
    if alert.firing and alert.held_by:
        member.was_held = True
    k.touch(incident)
    k.touch_alert(alert)


def join(k: Kernel, incident: Incident, alert: Alert, why: str) -> None:
    """An alert joins a running incident."""
    add(k, incident, alert, why)
    incident.needs_person = False
    consider(k, incident, alert)
    escalation.joined(k, incident)
    settle(k, incident)


def remove(k: Kernel, incident: Incident, alert: Alert) -> None:
    """An alert leaves an incident for another one."""
    if alert.id in incident.members:
        _index(k, incident, alert, -1)
        del incident.members[alert.id]
    incident.firing.pop(alert.id, None)
    incident.loud.pop(alert.id, None)
    for told in incident.told.values():
        told.unmute.pop(alert.id, None)
    k.touch(incident)


def consider(k: Kernel, incident: Incident, alert: Alert) -> None:
    """A member may raise the priority; while all are held, each of them counts."""
    if not alert.firing or not (_counts(alert) or not any(_counts(k.world.alerts[name]) for name in incident.firing)):
        return
    found = k.alert_priority(alert)
    rose = graver(found, incident.worst)
    if rose:
        incident.worst = found
    if incident.priority_by_person:
        if rose and graver(found, incident.priority):
            ticks.force(incident, "changed")
    elif graver(found, incident.priority):
        raise_to(k, incident, found)


def raise_to(k: Kernel, incident: Incident, priority: str) -> None:
    """The priority rises: acknowledgement taken back, clocks judged anew, perhaps another chain, a notice at once."""
    incident.priority = priority
    delivery.unshelve(k, incident)
    if incident.state not in ("open", "acknowledged"):
        return
    if incident.state == "acknowledged" and not (incident.ack and incident.ack.sticky):
        drop_ack(k, incident, sync=False)
    was_snoozed = incident.snooze is not None
    if was_snoozed:
        _awake(k, incident)
    sla.judge(k, incident)
    ticks.worse(k, incident)
    if not escalation.reselect(k, incident) and was_snoozed:
        escalation.again(k, incident)
    else:
        escalation.sync(k, incident)


def wake(k: Kernel, incident: Incident) -> None:
    """A snooze ends: open again, told at the next tick, escalation from step 1."""
    _awake(k, incident)
    ticks.force(incident, "unmuted")
    escalation.again(k, incident)


def _awake(k: Kernel, incident: Incident) -> None:
    incident.snooze = None
    k.set_timer(f"snooze:{incident.nth}", None)
    drop_ack(k, incident, sync=False)
    incident.state = "open"
    incident.after_snooze = True


def drop_ack(k: Kernel, incident: Incident, *, sync: bool = True) -> None:
    """The acknowledgement is over; the owner stays and escalation goes on with the rest of its wait."""
    incident.ack = None
    k.set_timer(f"ack:{incident.nth}", None)
    k.set_timer(f"remind:{incident.nth}", None)
    if incident.state == "acknowledged":
        incident.state = "open"
    if sync:
        escalation.sync(k, incident)
    k.touch(incident)


def settle(k: Kernel, incident: Incident) -> None:
    """After any change of members: resolve when the policy says so, else run or pause the escalation."""
    if incident.state == "candidate":
        if not incident.firing:
            _end(k, incident)
            incident.state, incident.reason = "closed", "self_recovered"
            k.audit("close", incident=incident, reason="self_recovered")
        return
    if incident.live:
        if incident.members and not incident.security and not incident.needs_person and _over(k, incident):
            resolve(k, incident, "system", reason="self_recovered")
        else:
            escalation.sync(k, incident)


def _over(k: Kernel, incident: Incident) -> bool:
    if incident.policy == "never":
        return False
    decisive = {"first": incident.opener, "last": incident.latest}.get(incident.policy)
    if decisive and decisive in k.world.alerts:
        return not k.world.alerts[decisive].firing
    return not incident.firing


def decides(incident: Incident, alert: Alert) -> bool:
    """Whether this member has a say in when the incident is over."""
    decisive = {"first": incident.opener, "last": incident.latest}.get(incident.policy)
    return not decisive or decisive == alert.id


def _end(k: Kernel, incident: Incident) -> None:
    drop_ack(k, incident, sync=False)
    incident.snooze, incident.grace = None, None
    for timer in ("snooze", "grace", "close"):
        k.set_timer(f"{timer}:{incident.nth}", None)
    escalation.stop(k, incident)


def end_pause(k: Kernel, incident: Incident) -> None:
    """A pause is over; the resolve clock is not started here."""
    if incident.pause:
        incident.pause = incident.pause_why = ""
        incident.pauses[-1].append(k.now)


def resolve(k: Kernel, incident: Incident, who: str, *, reason: str, cause: str = "", by_person: bool = False) -> None:
    """Resolved: by its members' end or by a person (then it opens again after a grace time if members still fire)."""
    end_pause(k, incident)
    _end(k, incident)
    incident.state, incident.resolved_at = "resolved", k.now
    incident.reason, incident.cause, incident.needs_person = reason, cause or incident.cause, False
    incident.reopening = incident.after_snooze = False
    sla.stop(k, incident.ack_clock)
    sla.stop(k, incident.resolve_clock)
    sla.judge(k, incident)
    delivery.forget_untold(k, incident)
    if by_person and incident.firing:
        incident.grace = k.now + k.settings.manual_resolve_grace
        k.set_timer(f"grace:{incident.nth}", incident.grace)
    if incident.priority in ("P3", "P4"):
        k.set_timer(f"close:{incident.nth}", k.now + k.settings.close_after)
    k.audit("resolve", who, incident=incident, reason=reason, cause=cause)


def reopen(k: Kernel, incident: Incident, who: str, *, quietly: bool = False) -> None:
    """Open again: it keeps its owner and chain, its clocks go on, escalation begins at step 1."""
    incident.state, incident.resolved_at, incident.grace = "open", None, None
    incident.reopened += 1
    for timer in ("grace", "close"):
        k.set_timer(f"{timer}:{incident.nth}", None)
    incident.reopening = not quietly
    k.audit("reopen", who, incident=incident)
    sla.go_on(k, incident.resolve_clock)
    sla.judge(k, incident)
    ticks.start(k, incident)
    escalation.again(k, incident)


def close(k: Kernel, incident: Incident, who: str, *, reason: str, cause: str = "") -> None:
    """Final."""
    _end(k, incident)
    incident.state, incident.reason, incident.cause = "closed", reason, cause or incident.cause
    k.audit("close", who, incident=incident, reason=reason, cause=cause)


def merge(k: Kernel, source: Incident, target: Incident, who: str, *, link: bool = True) -> None:
    """``source`` goes into ``target``, which keeps owner and state and takes the earlier opening and the higher priority."""
    source.before_merge = {"state": source.state, "priority": target.priority, "opened": target.opened}
    told = {name for name, one in source.told.items() if one.problem}
    end_pause(k, source)
    _end(k, source)
    sla.stop(k, source.ack_clock)
    sla.stop(k, source.resolve_clock)
    for one in [one for one in k.world.deliveries.values() if one.incident == source.nth]:
        delivery.drop(k, one)
    ticks.stop(k, source)
    source.state, source.merged_at = "merged", k.now
    sla.judge(k, source)
    if link:
        source.links.append(["merged_into", target.nth])
    for name, member in list(source.members.items()):
        alert = k.world.alerts[name]
        _index(k, source, alert, -1)
        if name not in target.members:
            target.members[name] = Member(member.joined, member.why, member.start, member.was_held, source.nth)
            _index(k, target, alert, 1)
        if alert.incident == source.nth:
            alert.incident = target.nth
        note(k, target, alert)
    target.security = target.security or source.security
    target.last_join = max(target.last_join, source.last_join)
    _earlier(k, target, source)
    k.audit("merge", who, incident=source, into=target.nth)
    k.story(target, "merge_in", who=who, text=source.title)
    k.touch(target)
    _merge_told(target, source, told)


def _earlier(k: Kernel, target: Incident, source: Incident) -> None:
    if source.opened >= target.opened:
        return
    for clock in (target.ack_clock, target.resolve_clock):
        first = target.opened
        if clock.spans and clock.spans[0][0] == first:
            clock.spans[0][0] = source.opened
        elif clock.open == first:
            clock.open = source.opened
    target.opened = source.opened
    sla.judge(k, target)


def _merge_told(target: Incident, source: Incident, receivers: Iterable[str]) -> None:
    for name in receivers:
        theirs = source.told[name]
        mine = target.told.get(name)
        if mine is None:
            target.told[name] = theirs
        else:
            mine.problem = mine.problem or theirs.problem
            mine.alerts = {**theirs.alerts, **mine.alerts}
            mine.now = {**mine.now, **theirs.now}
    ticks.force(target, "changed")


def owner_gone(k: Kernel, incident: Incident) -> None:
    """The owner may not act any more: open again without owner."""
    incident.owner = ""
    k.audit("owner_gone", incident=incident)
    drop_ack(k, incident)
