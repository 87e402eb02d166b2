"""Service levels: how long until somebody acknowledges and until it is resolved, in the clock of the priority."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from incidents.kernel import Kernel
from incidents.people import tell_responsible
from incidents.state import Clock, Incident

WARN_AT: Final = 0.8
WORKING: Final = ("P3", "P4")
NEAR: Final = 1e-6


def clocks(incident: Incident) -> tuple[tuple[str, Clock], ...]:
    """Both clocks by name."""
    return ("ack", incident.ack_clock), ("resolve", incident.resolve_clock)


def start(k: Kernel, incident: Incident) -> None:
    """Both clocks run from the opening."""
    incident.ack_clock, incident.resolve_clock = Clock(open=k.now), Clock(open=k.now)
    judge(k, incident)


def stop(k: Kernel, clock: Clock, *, done: bool = True) -> None:
    """A clock stands still; ``done``: what it waits for has happened."""
    if clock.open is not None:
        clock.spans.append([clock.open, k.now])
        clock.open = None
    clock.done = done


def go_on(k: Kernel, clock: Clock) -> None:
    """A clock runs again."""
    if clock.open is None:
        clock.open = k.now
    clock.done = False


def limit(k: Kernel, incident: Incident, name: str) -> float | None:
    """The seconds a priority allows, or None."""
    text = getattr(k.settings.level(incident.priority), name)
    return None if text is None else k.calendar.limit_s(text, working=incident.priority in WORKING)


def used(k: Kernel, incident: Incident, clock: Clock) -> float:
    """Seconds used, in the clock of the present priority."""
    spans = [*clock.spans, *([[clock.open, k.now]] if clock.open is not None else [])]
    if incident.priority not in WORKING:
        return sum(end - begin for begin, end in spans)
    return sum(k.calendar.worked_s(begin, end) for first, last in spans for begin, end in _wall_spans(k, first, last))


def _wall_spans(k: Kernel, first: float, last: float) -> list[tuple[datetime, datetime]]:
    edges = [first, *(since for since, _ in k.world.clock if first < since < last), last]
    spans = []
    for begin, end in pairwise(edges):
        start = k.wall(begin)
        spans.append((start, start + timedelta(seconds=end - begin)))
    return spans


def judge(k: Kernel, incident: Incident) -> None:
    """Warn and breach what is due, and plan the next look."""
    for name, clock in clocks(incident):
        bound = limit(k, incident, name)
        key = f"sla:{incident.nth}:{name}"
        if bound is None or clock.open is None or not incident.live:
            k.set_timer(key, None)
            continue
        spent = used(k, incident, clock)
        if spent >= bound * WARN_AT - NEAR and not clock.warned:
            clock.warned = True
            k.story(incident, "sla_warning", promise=name)
            tell_responsible(k, incident, "sla_warning")
        if spent >= bound - NEAR and not clock.breached:
            clock.breached = True
            k.story(incident, "sla_breach", promise=name)
            tell_responsible(k, incident, "sla_breach")
        k.set_timer(key, None if clock.breached else _due(k, incident, (bound * WARN_AT if not clock.warned else bound) - spent))
        k.touch(incident)


def _due(k: Kernel, incident: Incident, left: float) -> float | None:
    if incident.priority not in WORKING:
        return k.now + left
    moment = k.calendar.after(k.wall(), left)
    return k.now + (moment - k.wall()).total_seconds() if moment else None


def state(k: Kernel, incident: Incident, name: str) -> str:
    """running, warned, breached, met, paused or none."""
    clock = dict(clocks(incident))[name]
    if limit(k, incident, name) is None or incident.state == "candidate":
        return "none"
    if clock.breached:
        return "breached"
    if clock.done:
        return "met"
    if name == "resolve" and incident.pause:
        return "paused"
    return "warned" if clock.warned else "running"
