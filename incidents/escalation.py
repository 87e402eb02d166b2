"""Chains: whom to call, after what wait, until somebody acknowledges. The chain is the copy taken at the start."""

from __future__ import annotations

from typing import Final

from incidents.config import Chain, Notify, OnlyIf
from incidents.delivery import send
from incidents.kernel import Kernel
from incidents.people import on_call, receivers_of
from incidents.state import Call, Escalation, Incident

RECENT_S: Final = 300.0
MOST_STEPS: Final = 10_000


def select(k: Kernel, incident: Incident) -> Chain | None:
    """The first chain that matches: its keys are looked up in one firing member (the root's alert first)."""
    names = [incident.root_alert, *incident.loud, *incident.firing, *incident.members]
    alerts = [k.world.alerts[name] for name in dict.fromkeys(names) if name in k.world.alerts]
    for chain in k.chains:
        if any(k.matches(chain.match, alert, incident.priority) for alert in alerts) or (not alerts and _fits_root(k, chain, incident)):
            return chain
    return None


def _fits_root(k: Kernel, chain: Chain, incident: Incident) -> bool:
    known = {"asset": [incident.root], "priority": [incident.priority], "severity": [incident.manual_severity]}
    return all(set(values) & set(known.get(key) or k.asset_values(incident.root, key)) for key, values in chain.match.items())


def begin(k: Kernel, incident: Incident) -> None:
    """Choose the chain at the opening and start it unless everything is held."""
    chain = select(k, incident)
    incident.escalation = Escalation(chain.model_dump(mode="json", by_alias=True)) if chain else None
    sync(k, incident)


def again(k: Kernel, incident: Incident) -> None:
    """From step 1, with the chain it has."""
    if incident.escalation:
        _stop_timer(k, incident)
        incident.escalation = Escalation(incident.escalation.chain, called=incident.escalation.called)
        sync(k, incident)
    else:
        begin(k, incident)


def reselect(k: Kernel, incident: Incident) -> bool:
    """A raised priority: another chain (True) is taken from step 1, leaving out who was called just now; the same one goes on."""
    chain = select(k, incident)
    old = incident.escalation
    if chain is None or (old and old.chain["id"] == chain.id):
        return False
    called = old.called if old else {}
    _stop_timer(k, incident)
    spare = {name: True for name, at in called.items() if k.now - at < RECENT_S}
    incident.escalation = Escalation(chain.model_dump(mode="json", by_alias=True), called=called, spare=spare)
    return True


def sync(k: Kernel, incident: Incident) -> None:
    """Run or pause, as the incident's state asks: it runs while open, not snoozed and not wholly held."""
    esc = incident.escalation
    if esc is None or esc.done:
        return
    wanted = incident.state == "open" and incident.snooze is None and not (incident.firing and not incident.loud)
    if wanted and not esc.running:
        esc.running = True
        if esc.left is not None:
            esc.due, esc.left = k.now + esc.left, None
            k.set_timer(f"step:{incident.nth}", esc.due)
        else:
            go(k, incident)
    elif not wanted and esc.running:
        esc.running = False
        esc.left = None if esc.due is None else max(0.0, esc.due - k.now)
        _stop_timer(k, incident)


def _stop_timer(k: Kernel, incident: Incident) -> None:
    k.set_timer(f"step:{incident.nth}", None)
    if incident.escalation:
        incident.escalation.due = None


def stop(k: Kernel, incident: Incident) -> None:
    """No more calls for this incident."""
    _stop_timer(k, incident)
    if incident.escalation:
        incident.escalation.running, incident.escalation.done, incident.escalation.left = False, True, None


def go(k: Kernel, incident: Incident) -> None:
    """Do steps until one waits."""
    esc = incident.escalation
    if esc is None or not esc.running:
        return
    esc.due = None
    chain = Chain.model_validate(esc.chain)
    for _ in range(MOST_STEPS):
        if not esc.running or esc is not incident.escalation:
            return
        if esc.step >= len(chain.steps) and not _next_round(k, incident, esc, chain):
            return
        if _do_step(k, incident, esc, chain):
            return


def _next_round(k: Kernel, incident: Incident, esc: Escalation, chain: Chain) -> bool:
    if esc.round >= chain.times:
        esc.running, esc.done = False, True
        k.audit("escalation_exhausted", incident=incident, chain=chain.id)
        return False
    esc.round, esc.step = esc.round + 1, 0
    return True


def _do_step(k: Kernel, incident: Incident, esc: Escalation, chain: Chain) -> bool:
    """Do one step; True when it waits."""
    step, number = chain.steps[esc.step], esc.step
    if step.only_if is not None and not esc.skip:
        return _condition(k, incident, esc, step.only_if)
    esc.step += 1
    if esc.skip:
        esc.skip = False
        return False
    if step.wait is not None:
        if esc.drop_wait:
            return False
        esc.due = k.now + step.wait
        k.set_timer(f"step:{incident.nth}", esc.due)
        return True
    esc.drop_wait = False
    if step.notify is not None:
        esc.drop_wait = not _call(k, incident, esc, chain, number, step.notify)
    elif step.webhook:
        send(k, "escalation", step.webhook, incident)
    elif step.resolve:
        from incidents.lifecycle import resolve

        resolve(k, incident, "system", reason="self_recovered", by_person=True)
        return True
    return False


def _condition(k: Kernel, incident: Incident, esc: Escalation, wanted: OnlyIf) -> bool:
    esc.drop_wait = False
    if _holds(k, incident, wanted):
        esc.step += 1
        return False
    if wanted.else_ == "skip":
        esc.step, esc.skip = esc.step + 1, True
        return False
    if wanted.working_time is not None:
        moment = k.calendar.next_change(k.wall(), working=wanted.working_time)
        k.set_timer(f"step:{incident.nth}", k.now + (moment - k.wall()).total_seconds() if moment else None)
    return True


def _holds(k: Kernel, incident: Incident, wanted: OnlyIf) -> bool:
    if wanted.working_time is not None:
        return k.calendar.is_working(k.wall()) == wanted.working_time
    since = k.now - (wanted.within or 0)
    return sum(member.joined >= since for member in incident.members.values()) >= (wanted.alerts_at_least or 1)


def joined(k: Kernel, incident: Incident) -> None:
    """An alert joined: a step that waits for enough of them may go on."""
    esc = incident.escalation
    if esc and esc.running and esc.due is None and esc.left is None and esc.step < len(esc.chain["steps"]) and esc.chain["steps"][esc.step].get("only_if"):
        go(k, incident)


def _called(k: Kernel, chain: Chain, number: int, whom: Notify) -> list[str]:
    if whom.rota:
        names = [on_call(k, whom.rota)]
    elif whom.person or whom.team:
        names = [whom.person] if whom.person else list(whom.team)
    elif whom.role:
        names = [person.id for person in k.config.people if whom.role in person.roles]
    else:
        key = f"{chain.id}:{number}"
        names = []
        for _ in whom.round_robin:
            place = k.world.robins.get(key, 0)
            k.world.robins[key] = place + 1
            candidate = whom.round_robin[place % len(whom.round_robin)]
            if k.person(candidate):
                names = [candidate]
                break
    return [name for name in names if name and k.person(name)]


def _call(k: Kernel, incident: Incident, esc: Escalation, chain: Chain, number: int, whom: Notify) -> bool:
    """Call people; False when nobody was reached, so that the wait after it falls away."""
    level = sum(step.notify is not None for step in chain.steps[: number + 1])
    people = _called(k, chain, number, whom)
    if not people:
        k.audit("level_empty", incident=incident, level=level)
        return False
    fresh = [name for name in people if not (name in esc.spare and k.now - esc.called.get(name, -RECENT_S) < RECENT_S)]
    if not fresh:
        return True
    k.world.sequence += 1
    esc.call = k.world.sequence
    call = Call(incident.nth, ",".join(fresh))
    k.world.calls[esc.call] = call
    for name in fresh:
        esc.called[name] = k.now
        k.call_rows.append({"person": name, "level": level, "at": k.now, "incident": incident.nth})
        k.audit("escalate", incident=incident, person=name, level=level)
    for receiver in dict.fromkeys(one for name in fresh for one in receivers_of(k, name, incident.priority)):
        call.waiting[receiver] = True
        if send(k, "escalation", receiver, incident, person=",".join(fresh), call=esc.call) is None:
            del call.waiting[receiver]
    return bool(call.waiting)


def call_failed(k: Kernel, call_id: int, receiver: str) -> None:
    """A receiver of a called person failed; when all have, the next level is called at once."""
    call = k.world.calls.get(call_id)
    if call is None:
        return
    call.waiting.pop(receiver, None)
    incident = k.world.incidents[call.incident]
    esc = incident.escalation
    if call.waiting:
        return
    del k.world.calls[call_id]
    if esc is not None and esc.call == call_id and esc.running:
        _stop_timer(k, incident)
        steps = esc.chain["steps"]
        while esc.step < len(steps) and steps[esc.step].get("wait") is not None:
            esc.step += 1
        go(k, incident)
