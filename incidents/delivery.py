"""Notices on their way: held back, attempted, retried, counted; and what a receiver is told by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from incidents.config import Receiver
from incidents.kernel import STATE_REASONS, Kernel
from incidents.state import Delivery, Incident, Shelf, Told

ANSWER_WITHIN_S: Final = 10.0
RETRY_AFTER_S: Final = 10.0
RETRY_MOST_S: Final = 300.0
DEAD_AFTER_S: Final = 120.0
NEVER_HELD: Final = "escalation"
IN_HOUSE: Final = frozenset({"mail"})
RESTRICTED: Final = "restricted"
"""Receivers that hear of incidents about assets with this tag are those in the house alone; no chat, no SMS, no hook to elsewhere."""


def send(
    k: Kernel, reason: str, receiver_id: str, incident: Incident | None = None, *, person: str = "", call: int = 0, names: tuple[int, ...] = ()
) -> Delivery | None:
    """Send a notice now, unless the receiver's quiet hours, digest or limit hold it back."""
    receiver = k.receivers.get(receiver_id)
    if receiver is None or not receiver.enabled:
        return None
    if receiver.kind not in IN_HOUSE:
        told = tuple(nth for nth in names if not is_restricted(k, k.world.incidents[nth]))
        if (incident and is_restricted(k, incident)) or (names and not told):
            for nth in (incident.nth,) if incident else names:
                k.kept(nth, receiver_id, reason, "restricted")
            return None
        names = told
    if reason != NEVER_HELD and _shelved(k, receiver, reason, incident, names):
        return None
    key = (incident.nth, receiver_id) if incident and reason in STATE_REASONS else None
    if key and (waiting := k.world.deliveries.get(k.slots.get(key, 0))):
        waiting.reason = reason
        if waiting.inflight is None and reason == "worse":
            attempt(k, waiting)
        return waiting
    k.world.sequence += 1
    delivery = Delivery(k.world.sequence, receiver_id, reason, incident.nth if incident else 0, k.now, person=person, call=call, names=list(names))
    k.world.deliveries[delivery.id] = delivery
    if key:
        k.slots[key] = delivery.id
    attempt(k, delivery)
    if _is_dead(k, receiver_id):
        _to_fallback(k, delivery)
    return delivery


def _is_dead(k: Kernel, receiver: str) -> bool:
    """Whether a receiver refuses, or has failed for two minutes."""
    shelf = k.world.shelves.get(receiver)
    return shelf is not None and (shelf.refused or (shelf.fail_since is not None and k.now - shelf.fail_since >= DEAD_AFTER_S))


def _to_fallback(k: Kernel, delivery: Delivery) -> None:
    """A copy to the fallback of a dead receiver, once; the retries to the receiver itself go on."""
    receiver = k.receivers.get(delivery.receiver)
    if receiver is None or not receiver.fallback or delivery.copied:
        return
    delivery.copied = True
    names = tuple(delivery.names)
    if copy := send(k, delivery.reason, receiver.fallback, k.world.incidents.get(delivery.incident), person=delivery.person, names=names):
        copy.copied = True


def is_restricted(k: Kernel, incident: Incident) -> bool:
    """Whether the incident speaks of an asset that bears the tag."""
    assets = {incident.root, *(k.world.alerts[name].asset for name in incident.members if name in k.world.alerts)}
    return any(RESTRICTED in k.assets[name].tags for name in assets if name in k.assets)


def attempt(k: Kernel, delivery: Delivery) -> None:
    """Hand the notice to the outside with its present content; without an answer within 10 s it has failed."""
    delivery.inflight, delivery.due, delivery.tries = k.now, None, delivery.tries + 1
    incident = k.world.incidents.get(delivery.incident)
    delivery.told = _present(k, incident) if incident else {}
    k.set_timer(f"send:{delivery.id}", None)
    k.set_timer(f"hang:{delivery.id}", k.now + ANSWER_WITHIN_S)
    k.attempts.append(delivery)


def retry(k: Kernel, delivery_id: int) -> None:
    """A retry falls due; the notice is dropped when it lost its sense."""
    delivery = k.world.deliveries.get(delivery_id)
    if delivery is None:
        return
    incident = k.world.incidents.get(delivery.incident)
    if delivery.names:
        delivery.names = [nth for nth in delivery.names if (one := k.world.incidents[nth]).live or _worth(k, one, delivery.receiver)]
    lost = not delivery.names if incident is None else not incident.live and not _knows(incident, delivery.receiver)
    receiver = k.receivers.get(delivery.receiver)
    lost = lost or bool(incident and receiver and receiver.kind not in IN_HOUSE and is_restricted(k, incident))
    if lost:
        drop(k, delivery)
    else:
        attempt(k, delivery)


def outcome(k: Kernel, delivery_id: int, answer: str, retry_after: float | None = None) -> Delivery | None:
    """What became of an attempt: ``ok``, a status such as 500, or ``hang``. Returns a delivery whose call failed."""
    delivery = k.world.deliveries.get(delivery_id)
    if delivery is None:
        return None
    k.set_timer(f"hang:{delivery_id}", None)
    delivery.inflight = None
    if answer == "ok":
        _accepted(k, delivery)
        return None
    return _failed(k, delivery, answer, retry_after)


def _failed(k: Kernel, delivery: Delivery, answer: str, retry_after: float | None) -> Delivery | None:
    shelf = shelf_of(k, delivery.receiver)
    if answer.isdigit() and 400 <= int(answer) < 500 and answer not in ("408", "425", "429"):
        drop(k, delivery)
        k.complain(
            f"channel:{delivery.receiver}",
            delivery.receiver,
            f"Delivery channel refused: receiver {delivery.receiver} answers {answer}",
            f"通知渠道拒绝: 接收端 {delivery.receiver} 返回 {answer}",
        )
        shelf.refused = True
        _to_fallback(k, delivery)
    else:
        if shelf.fail_since is None:
            shelf.fail_since = k.now
            k.set_timer(f"dead:{delivery.receiver}", k.now + DEAD_AFTER_S)
        wait = (retry_after if retry_after is not None else RETRY_AFTER_S) if answer == "429" else delivery.delay
        if answer != "429":
            delivery.delay = min(delivery.delay * 2, RETRY_MOST_S)
        delivery.due = k.now + wait
        k.set_timer(f"send:{delivery.id}", delivery.due)
    return delivery if delivery.call else None


def still_dead(k: Kernel, receiver: str) -> None:
    """Two minutes of failures are over."""
    if shelf_of(k, receiver).fail_since is not None:
        k.complain(
            f"channel:{receiver}",
            receiver,
            f"Delivery channel fails: receiver {receiver} does not accept notices",
            f"通知渠道故障: 接收端 {receiver} 不接收通知",
        )
        for waiting in [one for one in k.world.deliveries.values() if one.receiver == receiver]:
            _to_fallback(k, waiting)


def drop(k: Kernel, delivery: Delivery) -> None:
    """Forget a notice."""
    k.world.deliveries.pop(delivery.id, None)
    k.set_timer(f"send:{delivery.id}", None)
    k.set_timer(f"hang:{delivery.id}", None)
    if k.slots.get((delivery.incident, delivery.receiver)) == delivery.id:
        del k.slots[(delivery.incident, delivery.receiver)]


def pending(k: Kernel, incident: Incident, receiver: str) -> Delivery | None:
    """The notice about an incident's state that is on its way to a receiver."""
    return k.world.deliveries.get(k.slots.get((incident.nth, receiver), 0))


def _accepted(k: Kernel, delivery: Delivery) -> None:
    drop(k, delivery)
    shelf = shelf_of(k, delivery.receiver)
    shelf.fail_since, shelf.refused = None, False
    k.set_timer(f"dead:{delivery.receiver}", None)
    k.calm(f"channel:{delivery.receiver}")
    incident = k.world.incidents.get(delivery.incident)
    priority = incident.priority if incident else _gravest(k, delivery.names)
    receiver = k.receivers.get(delivery.receiver)
    if receiver and receiver.limit and priority != "P1" and delivery.reason != NEVER_HELD:
        shelf.sent.append(k.now)
    k.sent_rows.append(
        {"to": delivery.receiver, "reason": delivery.reason, "at": k.now, "priority": priority, "incident": delivery.incident, "content": delivery.content}
    )
    if incident:
        k.story(incident, "notice", receiver=delivery.receiver, reason=delivery.reason, person=delivery.person)
        note_told(k, incident, delivery.receiver, delivery.reason, delivery.told)
    if delivery.reason in ("digest", "summary"):
        for nth in delivery.names:
            one = k.world.incidents[nth]
            note_told(k, one, delivery.receiver, "first" if one.live else "resolved", _present(k, one))
    if delivery.call and (call := k.world.calls.get(delivery.call)):
        call.reached = True
        del k.world.calls[delivery.call]


def _present(k: Kernel, incident: Incident) -> dict[str, list[str]]:
    return {name: [str((alert := k.world.alerts[name]).occurrence), alert.severity] for name in incident.loud}


def note_told(k: Kernel, incident: Incident, receiver: str, reason: str, present: dict[str, list[str]]) -> None:
    """Remember what a receiver knows now."""
    told = incident.told.setdefault(receiver, Told())
    told.alerts.update(present)
    told.now = {name: True for name in told.now if name in incident.firing} | dict.fromkeys(present, True)
    told.unmute = {name: True for name in told.unmute if name not in present}
    told.last = k.now
    if reason in STATE_REASONS:
        told.force = ""
    if reason == "reopened":
        told.reopened = incident.reopened
    if reason == "resolved":
        told.problem = told.called = False
        told.now = {}
    elif reason == "escalation":
        told.called = True
    elif reason in STATE_REASONS:
        told.problem = True
    k.touch(incident)


def _knows(incident: Incident, receiver: str) -> bool:
    told = incident.told.get(receiver)
    return bool(told and (told.problem or told.called))


def forget_untold(k: Kernel, incident: Incident) -> None:
    """A resolved incident is not told to those who were never told of it."""
    for delivery in [one for one in k.world.deliveries.values() if one.incident == incident.nth]:
        if not _knows(incident, delivery.receiver):
            drop(k, delivery)


# holding back


def shelf_of(k: Kernel, receiver: str) -> Shelf:
    """What is held back for a receiver."""
    return k.world.shelves.setdefault(receiver, Shelf())


def is_shelved(k: Kernel, incident: Incident, receiver: str) -> bool:
    """Whether a notice about this incident waits in quiet hours, a limit or a digest."""
    shelf = k.world.shelves.get(receiver)
    name = str(incident.nth)
    return bool(shelf) and (name in shelf.quiet or name in shelf.limit or name in shelf.digest)  # type: ignore[union-attr]


def unshelve(k: Kernel, incident: Incident) -> None:
    """The priority rose: what held its notices back may not apply to it any more."""
    name = str(incident.nth)
    for receiver_id, shelf in k.world.shelves.items():
        receiver = k.receivers.get(receiver_id)
        if receiver is None:
            continue
        if quiet_until(k, receiver, incident.priority) is None:
            shelf.quiet.pop(name, None)
        if incident.priority == "P1":
            shelf.limit.pop(name, None)
        if receiver.digest is None or incident.priority not in receiver.digest.priority:
            shelf.digest.pop(name, None)


def _gravest(k: Kernel, names: list[int] | tuple[int, ...]) -> str:
    return min((k.world.incidents[nth].priority for nth in names), default="")


def _shelved(k: Kernel, receiver: Receiver, reason: str, incident: Incident | None, names: tuple[int, ...]) -> bool:
    if reason in ("digest", "summary"):
        return False
    priority = incident.priority if incident else _gravest(k, names)
    entries = {str(nth): True for nth in ((incident.nth,) if incident else names)}
    shelf = shelf_of(k, receiver.id)
    if receiver.digest and incident and priority in receiver.digest.priority:
        shelf.digest.update(entries)
        if f"digest:{receiver.id}" not in k.world.timers:
            k.set_timer(f"digest:{receiver.id}", k.now + receiver.digest.every)
        return _kept(k, receiver, reason, entries, "digest")
    if (ends := quiet_until(k, receiver, priority)) is not None:
        shelf.quiet.update(entries)
        k.set_timer(f"quiet:{receiver.id}", ends)
        return _kept(k, receiver, reason, entries, "quiet_hours")
    if receiver.limit and priority != "P1" and not _room(k, receiver, shelf):
        shelf.limit.update(entries)
        return _kept(k, receiver, reason, entries, "limit")
    return False


def _kept(k: Kernel, receiver: Receiver, reason: str, entries: Mapping[str, bool], why: str) -> bool:
    for nth in entries:
        k.kept(int(nth), receiver.id, reason, why)
    return True


def _room(k: Kernel, receiver: Receiver, shelf: Shelf) -> bool:
    limit = receiver.limit
    if limit is None:
        return True
    shelf.sent = [at for at in shelf.sent if at > k.now - limit.within]
    flying = [one.inflight or k.now for one in k.world.deliveries.values() if one.receiver == receiver.id and one.reason != NEVER_HELD]
    if len(shelf.sent) + len(flying) < limit.notices:
        return True
    k.set_timer(f"limit:{receiver.id}", min([*shelf.sent, *flying]) + limit.within)
    return False


def quiet_until(k: Kernel, receiver: Receiver, priority: str) -> float | None:
    """When the present quiet hours of a receiver end; None when they do not apply."""
    quiet = receiver.quiet
    if quiet is None or priority in quiet.except_:
        return None
    local = k.wall().astimezone(k.config.zone)
    for day in (local.date() - timedelta(days=1), local.date()):
        start = datetime.combine(day, quiet.start, k.config.zone)
        end = datetime.combine(day + timedelta(days=quiet.end <= quiet.start), quiet.end, k.config.zone)
        if start <= local < end:
            return k.now + (end - local).total_seconds()
    return None


def end_quiet(k: Kernel, receiver_id: str) -> None:
    """Quiet hours are over: one digest of what is still open."""
    shelf, receiver = shelf_of(k, receiver_id), k.receivers.get(receiver_id)
    if receiver and (ends := quiet_until(k, receiver, "")) is not None:
        k.set_timer(f"quiet:{receiver_id}", ends)
        return
    held, shelf.quiet = shelf.quiet, {}
    names = tuple(nth for nth in map(int, held) if k.world.incidents[nth].state == "open" and not k.world.incidents[nth].snooze)
    if names:
        send(k, "digest", receiver_id, names=names)


def end_digest(k: Kernel, receiver_id: str) -> None:
    """A digest is due; it is not sent when nothing in it is worth telling any more."""
    shelf = shelf_of(k, receiver_id)
    held, shelf.digest = shelf.digest, {}
    receiver = k.receivers.get(receiver_id)
    ends = quiet_until(k, receiver, _gravest(k, list(map(int, held)))) if receiver and held else None
    if ends is not None:
        shelf.quiet.update(held)
        k.set_timer(f"quiet:{receiver_id}", ends)
        return
    if names := tuple(nth for nth in map(int, held) if _worth(k, k.world.incidents[nth], receiver_id)):
        send(k, "digest", receiver_id, names=names)


def _worth(k: Kernel, incident: Incident, receiver_id: str) -> bool:
    if incident.live:
        return incident.state == "open"
    receiver = k.receivers.get(receiver_id)
    return _knows(incident, receiver_id) and bool(receiver and receiver.resolved)


def end_limit(k: Kernel, receiver_id: str) -> None:
    """There is room again: one summary of what did not fit."""
    shelf, receiver = shelf_of(k, receiver_id), k.receivers.get(receiver_id)
    if receiver is None or not shelf.limit or not _room(k, receiver, shelf):
        return
    held, shelf.limit = shelf.limit, {}
    if names := tuple(nth for nth in map(int, held) if k.world.incidents[nth].live or _worth(k, k.world.incidents[nth], receiver_id)):
        send(k, "summary", receiver_id, names=names)


def content_of(k: Kernel, delivery: Delivery) -> dict[str, Any]:
    """The present content of a notice, as data for the templates."""
    incident = k.world.incidents.get(delivery.incident)
    if incident is None:
        roots = [k.world.incidents[nth].root for nth in delivery.names]
        return {"reason": delivery.reason, "person": delivery.person, "number": len(roots), "roots": roots, "priority": _gravest(k, delivery.names)}
    alerts = [k.world.alerts[name] for name in incident.members]
    root = k.world.alerts.get(incident.root_alert) or next(iter(alerts), None)
    newest = next((alert for alert in sorted(alerts, key=lambda one: -one.last_seen) if alert.asset == incident.root and alert.text), root)
    return {
        "reason": delivery.reason,
        "incident": incident.nth,
        "root": incident.root,
        "title": incident.title,
        "priority": incident.priority,
        "state": "snoozed" if incident.snooze else incident.state,
        "rules": list(dict.fromkeys(alert.rule for alert in alerts if alert.rule)),
        "members": len(alerts),
        "held": sum(alert.firing and bool(alert.held_by) for alert in alerts),
        "firing": len(incident.firing),
        "assets": list(dict.fromkeys(alert.asset for alert in alerts if alert.asset))[:20],
        "text": (newest.text or newest.title) if newest else "",
        "owner": incident.owner,
        "opened": k.wall(incident.opened).isoformat(),
    }
