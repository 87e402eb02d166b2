"""What people do to incidents: each action with its rights, the states it is allowed in, and its effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from core.clock import seconds
from core.errors import Refused
from core.records import Severity
from incidents import alerts as alert_life
from incidents import escalation, holds, lifecycle, sla, ticks
from incidents.config import Moment, MuteRule
from incidents.kernel import Kernel, graver
from incidents.match import Match
from incidents.people import tell_person
from incidents.select import select
from incidents.state import Ack, Incident, MuteState
from inventory.people import Person

REASONS: Final = ("fixed", "self_recovered", "false_positive", "duplicate", "planned", "accepted_risk")
PAUSES: Final = ("vendor", "approval", "parts", "customer", "other")
VERDICTS: Final = ("useful", "false", "known")
LIVE: Final = ("open", "acknowledged")
STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "acknowledge": ("open",),
    "unacknowledge": ("acknowledged",),
    "still_working": ("acknowledged",),
    **dict.fromkeys(("assign", "snooze", "pause", "resume", "set_priority", "reroot", "split", "respond", "judge", "resolve"), LIVE),
    "reopen": ("resolved",),
    "close": ("resolved",),
    "merge": ("open", "acknowledged", "resolved"),
    "unmerge": ("merged",),
    "confirm": ("candidate",),
    "comment": ("candidate", "open", "acknowledged", "resolved", "closed", "merged"),
    "review": ("open", "acknowledged", "resolved"),
}
FREE: Final = ("open", "mute", "unmute", "except", "unexcept")
FULL: Final = ("operator", "duty_leader")
Args = Mapping[str, Any]
# the key that a bare value stands for
BARE: Final[Mapping[str, str]] = {
    "assign": "person", "comment": "text", "resolve": "reason", "close": "reason", "snooze": "for", "reroot": "asset", "set_priority": "priority",
    "pause": "for", "judge": "verdict", "unmute": "id", "unexcept": "id", "respond": "person", "review": "text", "acknowledge": "expires", "merge": "into",
}  # fmt: skip
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "acknowledge": ("expires", "sticky"),
    "unacknowledge": (),
    "still_working": (),
    "assign": ("person",),
    "comment": ("text",),
    "resolve": ("reason", "cause"),
    "close": ("reason", "cause", "review"),
    "reopen": (),
    "snooze": ("for",),
    "merge": ("into",),
    "unmerge": (),
    "split": ("rules", "assets", "alerts"),
    "reroot": ("asset",),
    "set_priority": ("priority",),
    "pause": ("for", "why"),
    "resume": (),
    "confirm": (),
    "judge": ("verdict",),
    "open": ("title", "asset", "severity"),
    "mute": ("id", "kind", "match", "from", "until", "why", "by", "weekly", "recurring", "classes"),
    "unmute": ("id",),
    "except": ("match", "until", "why"),
    "unexcept": ("id",),
    "respond": ("person",),
    "review": ("text",),
}


def act(k: Kernel, user: str, do: str | Args, on: Any = None) -> None:
    """Carry out one action of a person. Raises Refused (and keeps the refusal in the audit); then nothing else changed."""
    name, args = _read(do)
    try:
        person = k.person(user)
        if name not in KNOWN:
            raise Refused(f"there is no action {name!r}")
        if person is None:
            raise Refused(f"{user} is not known or disabled")
        if unknown := set(args) - set(KNOWN[name]):
            raise Refused(f"{name} has no key {min(unknown)!r}")
        if name in FREE:
            _free_right(k, person, name, args)
            {"open": _open, "mute": _mute, "unmute": _unmute, "except": _except, "unexcept": _unexcept}[name](k, person, args)
            return
        incident = select(k, on)
        _may(k, person, name, incident)
        allowed = STATES[name]
        if incident.state not in allowed:
            _wrong_state(incident, name)
        _DOES[name](k, person, incident, args)
        k.touch(incident)
    except Refused as err:
        k.audit(f"refused:{name}", user, why=str(err), selector=on if isinstance(on, dict | int) else None)
        raise
    except ValidationError as err:
        message = err.errors(include_input=False, include_url=False)[0]["msg"]
        k.audit(f"refused:{name}", user, why=message)
        raise Refused(f"{name}: {message}") from None
    except ValueError as err:
        k.audit(f"refused:{name}", user, why=str(err))
        raise Refused(f"{name}: {err}") from None


def _read(do: str | Args) -> tuple[str, dict[str, Any]]:
    if isinstance(do, str):
        return do, {}
    if len(do) != 1:
        raise Refused("one action at a time")
    name, value = next(iter(do.items()))
    if value is None:
        return name, {}
    if name == "merge" and isinstance(value, Mapping) and "into" not in value:
        return name, {"into": value}
    if isinstance(value, Mapping):
        return name, dict(value)
    if value is True or value == "":
        return name, {}
    if name not in BARE:
        raise Refused(f"{name} takes a mapping")
    return name, {BARE[name]: value}


def _wrong_state(incident: Incident, name: str) -> None:
    if name == "acknowledge" and incident.ack:
        raise Refused(f"already acknowledged by {incident.ack.by} (state acknowledged)")
    raise Refused(f"{name} is not possible: the incident is {incident.state}; allowed: {', '.join(STATES[name])}")


# rights


def _unit(k: Kernel, incident: Incident) -> str:
    asset = k.assets.get(incident.root)
    return asset.unit if asset else ""


def _sees(k: Kernel, person: Person, incident: Incident) -> None:
    if person.unit and _unit(k, incident) != person.unit:
        raise Refused("not found")


def _may(k: Kernel, person: Person, name: str, incident: Incident) -> None:
    _sees(k, person, incident)
    roles = person.roles
    if any(role in FULL for role in roles) or ("security_officer" in roles and incident.security):
        return
    raise Refused(f"the roles of {person.id} do not allow {name}")


def _leader(person: Person) -> bool:
    return "duty_leader" in person.roles


def _free_right(k: Kernel, person: Person, name: str, args: Args) -> None:
    allowed = ("security_officer", "duty_leader") if name in ("except", "unexcept") else FULL
    if not any(role in allowed for role in person.roles):
        raise Refused(f"the roles of {person.id} do not allow {name}")
    if name == "open" and person.unit and (asset := k.assets.get(str(args.get("asset", "")))) and asset.unit != person.unit:
        raise Refused("not found")


def _text(args: Args, key: str, what: str) -> str:
    value = str(args.get(key) or "").strip()
    if not value:
        raise Refused(f"{what} needs {key!r}")
    return value


# actions on an incident


def _acknowledge(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    lasts = seconds(args["expires"]) if args.get("expires") is not None else k.settings.ack_expiry
    if lasts <= 0:
        raise Refused("an acknowledgement lasts longer than 0 s")
    if incident.snooze is not None:
        incident.snooze = None
        k.set_timer(f"snooze:{incident.nth}", None)
    incident.state, incident.owner = "acknowledged", person.id
    incident.ack = Ack(person.id, k.now, lasts, bool(args.get("sticky", False)))
    if incident.first_ack is None:
        incident.first_ack = k.now
    if incident.ack_clock.open is not None:
        sla.stop(k, incident.ack_clock)
    _plan_ack(k, incident)
    escalation.sync(k, incident)
    sla.judge(k, incident)
    k.audit("acknowledge", person.id, incident=incident, expires=lasts)


def _plan_ack(k: Kernel, incident: Incident) -> None:
    if incident.ack is None:
        return
    incident.ack.until = k.now + incident.ack.lasts
    k.set_timer(f"ack:{incident.nth}", incident.ack.until)
    early = incident.ack.lasts - k.settings.ack_reminder
    k.set_timer(f"remind:{incident.nth}", k.now + early if early > 0 else None)


def _unacknowledge(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    k.audit("unacknowledge", person.id, incident=incident)
    lifecycle.drop_ack(k, incident)


def _still_working(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    _plan_ack(k, incident)
    k.audit("still_working", person.id, incident=incident)


def _assign(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    name = _text(args, "person", "assign")
    if k.person(name) is None:
        raise Refused(f"{name} is not known or disabled and cannot be assigned")
    incident.owner = name
    k.audit("assign", person.id, incident=incident, person=name)


def _comment(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    k.audit("comment", person.id, incident=incident, text=_text(args, "text", "a comment"))


def _reason(args: Args, what: str) -> str:
    reason = _text(args, "reason", what)
    if reason not in REASONS:
        raise Refused(f"{reason!r} is no reason; there are {', '.join(REASONS)}")
    return reason


def _resolve(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    reason = _reason(args, "resolve")
    lifecycle.resolve(k, incident, person.id, reason=reason, cause=str(args.get("cause") or ""), by_person=True)


def _close(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    reason = _reason(args, "close")
    review = str(args.get("review") or incident.review).strip()
    if incident.priority in ("P1", "P2"):
        _text(args, "cause", f"closing a {incident.priority}")
        if not review:
            raise Refused(f"closing a {incident.priority} needs a written review")
    incident.review = review
    lifecycle.close(k, incident, person.id, reason=reason, cause=str(args.get("cause") or ""))


def _reopen(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    lifecycle.reopen(k, incident, person.id)
    incident.needs_person = not incident.firing


def _snooze(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    lasts = seconds(args["for"]) if args.get("for") is not None else 0.0
    if lasts <= 0:
        raise Refused("snooze needs a time, for instance 2h")
    incident.snooze = k.now + lasts
    k.set_timer(f"snooze:{incident.nth}", incident.snooze)
    escalation.sync(k, incident)
    k.audit("snooze", person.id, incident=incident, until=incident.snooze)


def _merge(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    target = select(k, args.get("into"))
    _sees(k, person, target)
    if target.nth == incident.nth:
        raise Refused("an incident cannot be merged into itself")
    if target.state not in LIVE:
        raise Refused(f"merge is only possible into an open or acknowledged incident; that one is {target.state}")
    if not _leader(person) and _unit(k, incident) != _unit(k, target):
        raise Refused("only a duty leader merges incidents of different units")
    roles = person.roles
    if "operator" not in roles and not _leader(person) and not target.security:
        raise Refused(f"the roles of {person.id} do not allow merging into this incident")
    worst = incident.priority
    lifecycle.merge(k, incident, target, person.id)
    if graver(worst, target.priority):
        lifecycle.raise_to(k, target, worst)
    lifecycle.settle(k, target)


def _unmerge(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    if incident.merged_at is None or k.now - incident.merged_at > lifecycle.UNDO_MERGE_S:
        raise Refused("a merge can be undone within 24 h")
    target = lifecycle.survivor(k, incident.nth)
    incident.links = [link for link in incident.links if link[0] != "merged_into"]
    incident.state, incident.merged_at = "open", None
    incident.members = {}
    if target is not None:
        for name, member in list(target.members.items()):
            if member.brought_by == incident.nth:
                alert = k.world.alerts[name]
                lifecycle.remove(k, target, alert)
                lifecycle.add(k, incident, alert, member.why)
        lifecycle.settle(k, target)
    k.audit("unmerge", person.id, incident=incident)
    sla.go_on(k, incident.resolve_clock)
    if incident.first_ack is None:
        sla.go_on(k, incident.ack_clock)
    sla.judge(k, incident)
    ticks.start(k, incident)
    escalation.again(k, incident)
    lifecycle.settle(k, incident)


def _split(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    rules, assets, ids = (_names(args.get(key)) for key in ("rules", "assets", "alerts"))
    chosen = [
        alert
        for name in incident.members
        if (alert := k.world.alerts[name])
        and (rules is None or alert.rule in rules)
        and (assets is None or alert.asset in assets)
        and (ids is None or alert.id in ids)
    ]
    if not chosen or (rules is None and assets is None and ids is None):
        raise Refused("no member fits; nothing is split off")
    told = {name: one for name, one in incident.told.items() if one.problem}
    chosen.sort(key=lambda alert: not alert.firing)
    for alert in chosen:
        lifecycle.remove(k, incident, alert)
    fresh = lifecycle.open_for(k, chosen, link=("split_from", incident.nth), why=f"split off by {person.id}")
    for name, one in told.items():
        known = {alert.id: one.alerts[alert.id] for alert in chosen if alert.id in one.alerts}
        if known:
            from incidents.delivery import note_told

            note_told(k, fresh, name, "first", known)
            fresh.told[name].line, fresh.told[name].last = one.line, one.last
        one.now = {member: True for member in one.now if member in incident.members}
    if incident.root_alert not in incident.members and incident.members and not incident.root_by_person:
        first = k.world.alerts[next(iter(incident.members))]
        incident.root, incident.root_alert = first.asset, first.id
        lifecycle.retitle(k, incident)
    k.audit("split", person.id, incident=incident, into=fresh.nth)
    lifecycle.settle(k, incident)
    lifecycle.settle(k, fresh)


def _names(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _reroot(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    asset = _text(args, "asset", "reroot")
    if asset not in k.assets:
        raise Refused(f"there is no asset {asset!r}")
    own = next((k.world.alerts[name] for name in incident.members if k.world.alerts[name].asset == asset), None)
    before, incident.root_by_person = incident.root, True
    incident.root, incident.root_alert = asset, own.id if own else ""
    lifecycle.retitle(k, incident)
    k.audit("reroot", person.id, incident=incident, before=before)


def _set_priority(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    priority = _text(args, "priority", "set_priority")
    if priority not in ("P1", "P2", "P3", "P4"):
        raise Refused(f"{priority!r} is no priority; there are P1, P2, P3, P4")
    if graver(incident.priority, priority) and incident.priority in ("P1", "P2") and not _leader(person):
        raise Refused(f"only a duty leader lowers a {incident.priority}")
    before, incident.priority_by_person = incident.priority, True
    k.audit("set_priority", person.id, incident=incident, before=before, priority=priority)
    if graver(priority, before):
        lifecycle.raise_to(k, incident, priority)
    else:
        incident.priority = priority
        sla.judge(k, incident)


def _pause(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    waits = _text(args, "for", "pause")
    if waits not in PAUSES:
        raise Refused(f"{waits!r} is nothing to wait for; there are {', '.join(PAUSES)}")
    if incident.pause:
        raise Refused(f"already paused for {incident.pause}")
    incident.pause, incident.pause_why = waits, str(args.get("why") or "")
    incident.pauses.append([k.now])
    sla.stop(k, incident.resolve_clock, done=False)
    sla.judge(k, incident)
    k.audit("pause", person.id, incident=incident, waits=waits, why=incident.pause_why)


def _resume(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    if not incident.pause:
        raise Refused(f"the incident is not paused (state {incident.state})")
    lifecycle.end_pause(k, incident)
    sla.go_on(k, incident.resolve_clock)
    sla.judge(k, incident)
    k.audit("resume", person.id, incident=incident)


def _confirm(k: Kernel, person: Person, incident: Incident, _args: Args) -> None:
    k.audit("confirm", person.id, incident=incident)
    lifecycle.begin(k, incident)


def _judge(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    value = args.get("verdict")
    verdict = "false" if value is False else str(value)
    if verdict not in VERDICTS:
        raise Refused(f"{verdict!r} is no verdict; there are {', '.join(VERDICTS)}")
    incident.verdict = verdict
    k.audit("judge", person.id, incident=incident, verdict=verdict)


def _respond(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    name = _text(args, "person", "respond")
    if k.person(name) is None:
        raise Refused(f"{name} is not known or disabled and cannot be called")
    k.audit("respond", person.id, incident=incident, person=name)
    tell_person(k, name, "escalation", incident)


def _review(k: Kernel, person: Person, incident: Incident, args: Args) -> None:
    incident.review = _text(args, "text", "a review")
    k.audit("review", person.id, incident=incident)


_DOES: Final[Mapping[str, Callable[[Kernel, Person, Incident, Args], None]]] = {
    "acknowledge": _acknowledge,
    "unacknowledge": _unacknowledge,
    "still_working": _still_working,
    "assign": _assign,
    "comment": _comment,
    "resolve": _resolve,
    "close": _close,
    "reopen": _reopen,
    "snooze": _snooze,
    "merge": _merge,
    "unmerge": _unmerge,
    "split": _split,
    "reroot": _reroot,
    "set_priority": _set_priority,
    "pause": _pause,
    "resume": _resume,
    "confirm": _confirm,
    "judge": _judge,
    "respond": _respond,
    "review": _review,
}


# actions on nothing yet


def _open(k: Kernel, person: Person, args: Args) -> None:
    title, asset = _text(args, "title", "open"), str(args.get("asset") or "")
    if asset and asset not in k.assets:
        raise Refused(f"there is no asset {asset!r}")
    severity = str(args.get("severity") or "warning")
    if severity not in tuple(Severity):
        raise Refused(f"{severity!r} is no severity; there are {', '.join(Severity)}")
    incident = lifecycle.create(k, asset, title=title)
    incident.manual, incident.manual_severity = True, severity
    incident.priority = incident.worst = k.priority_of(severity, asset)
    incident.detect_from = k.now
    k.audit("open", person.id, incident=incident, title=title)
    _begin_manual(k, incident)


def _begin_manual(k: Kernel, incident: Incident) -> None:
    ticks.start(k, incident)
    sla.start(k, incident)
    escalation.begin(k, incident)


def _mute(k: Kernel, person: Person, args: Args) -> None:
    for key in ("id", "match", "why"):
        if not args.get(key):
            raise Refused(f"a mute needs {key!r}")
    if args.get("until") is None:
        raise Refused("a mute needs 'until'")
    rule = MuteRule.model_validate({**args, "by": person.id})
    start = k.now if rule.start is None else k.moment(rule.start)
    if rule.end is not None:
        end = k.moment(rule.end)
        if end <= k.now or end <= start:
            raise Refused("'until' must be after now and after 'from'")
        if end - start > k.settings.max_silence:
            raise Refused("that is longer than the longest silence a person may set (max_silence)")
    k.audit("mute", person.id, mute=rule.id, reason=rule.why)
    holds.adopt(k, rule)
    holds.judge_all(k)


def _unmute(k: Kernel, person: Person, args: Args) -> None:
    name = _text(args, "id", "unmute")
    mute = k.world.mutes.get(name)
    if mute is None or mute.stopped or (mute.end is not None and mute.end <= k.now):
        raise Refused(f"not found: there is no mute {name!r} in force or to come")
    k.audit("unmute", person.id, mute=name)
    holds.stop(k, name)


def _except(k: Kernel, person: Person, args: Args) -> None:
    match = TypeAdapter(Match).validate_python(args.get("match") or {})
    narrow = any(key in ("asset", "site", "unit", "located_in", "source") or key.startswith("labels.") for key in match)
    if not ("rule" in match or "class" in match) or not narrow:
        raise Refused("an exception needs 'rule' or 'class' and besides one of asset, site, unit, located_in, labels.*, source")
    if args.get("until") is None:
        raise Refused("an exception needs 'until'")
    until = k.moment(TypeAdapter(Moment).validate_python(args["until"]))
    if until <= k.now:
        raise Refused("'until' must be after now")
    k.world.sequence += 1
    name = str(k.world.sequence)
    k.world.excepts.append(
        MuteState(
            name, "except", {key: list(values) for key, values in match.items()}, [], k.now, until, by=person.id, why=str(args.get("why") or ""), active=True
        )
    )
    k.set_timer(f"except:{name}", until)
    k.audit("except", person.id, until=until, reason=str(args.get("why") or ""))
    for alert in [one for one in k.world.alerts.values() if one.firing and holds.excepted(k, one)]:
        alert_life.end(k, alert, "excepted")


def _unexcept(k: Kernel, person: Person, args: Args) -> None:
    name = _text(args, "id", "unexcept").removeprefix("except-")
    if all(one.id != name for one in k.world.excepts):
        raise Refused(f"not found: there is no exception {name!r} in force")
    k.set_timer(f"except:{name}", None)
    k.audit("unexcept", person.id, exception=f"except-{name}")
    except_over(k, name)


def except_over(k: Kernel, name: str) -> None:
    """An exception ends: what still fires is judged anew."""
    k.world.excepts = [one for one in k.world.excepts if one.id != name]
    for alert in sorted((one for one in k.world.alerts.values() if one.firing and one.excepted), key=lambda one: one.start):
        if not holds.excepted(k, alert):
            alert.held_by = ""
            alert_life.enter(k, alert)
