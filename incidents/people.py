"""Who is on duty and who is told in person. Rotas are wall-clock in the site's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from incidents import recurring
from incidents.config import Recurring, Rota
from incidents.delivery import send
from incidents.kernel import Kernel
from incidents.state import Incident

LOOK_AHEAD_S: Final = 7 * 86400.0
MOST_BOUNDARIES: Final = 5000


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of duty. ``person`` is empty when nobody is told; ``why``: turn, override, swap, or disabled (the planned one's account is)."""

    start: datetime
    end: datetime
    person: str
    why: str


def shifts(k: Kernel, rota_id: str, start: datetime, end: datetime) -> list[Shift]:
    """The plan of a rota between two wall times, without holes: what nobody has is a shift of nobody."""
    rota = k.rotas.get(rota_id)
    found: list[Shift] = []
    moment = start
    while rota is not None and moment < end and len(found) < MOST_BOUNDARIES:
        until = min(_next_boundary(k, rota, moment) or end, end)
        person, why = _planned(k, rota, moment)
        known, zone = k.people.get(person), k.config.zone
        gone = known is not None and known.disabled
        found.append(Shift(moment.astimezone(zone), until.astimezone(zone), "" if gone else person, "disabled" if gone else why))
        moment = until
    return found


def on_call(k: Kernel, rota_id: str, at: datetime | None = None) -> str:
    """The person on duty at a wall time (default now), or empty."""
    rota = k.rotas.get(rota_id)
    if rota is None:
        return ""
    name, _ = _planned(k, rota, at or k.wall())
    known = k.people.get(name)
    return "" if known and known.disabled else name


def _resolved(k: Kernel, value: float | datetime) -> datetime:
    return value if isinstance(value, datetime) else k.wall(0.0) + timedelta(seconds=value)


def _planned(k: Kernel, rota: Rota, at: datetime) -> tuple[str, str]:
    """Who is planned, and why: turn, override or swap."""
    for override in reversed(rota.overrides):
        if _resolved(k, override.start) <= at < _resolved(k, override.end):
            return override.on, "override"
    person = _in_turn(k, rota, at)
    for swap in reversed(rota.swaps):
        if swap.takes and person and person == swap.gives and _resolved(k, swap.start) <= at < _resolved(k, swap.end):
            return swap.takes, "swap"
    return person, "turn"


@dataclass(frozen=True, slots=True)
class _Turns:
    """People in turn from a moment on, maybe within a window alone."""

    people: tuple[str, ...]
    begin: datetime
    shift_s: float
    during: Recurring | None = None

    def at(self, moment: datetime) -> str:
        """Whose turn it is, or empty."""
        passed = (moment - self.begin).total_seconds()
        return self.people[int(passed // self.shift_s) % len(self.people)] if passed >= 0 and self.people else ""

    def next_change(self, after: datetime) -> datetime:
        """When the next turn begins."""
        passed = (after - self.begin).total_seconds()
        return self.begin if passed < 0 else self.begin + timedelta(seconds=(passed // self.shift_s + 1) * self.shift_s)


def _layers(k: Kernel, rota: Rota) -> list[_Turns]:
    """The rota's own turns, then its layers, the last of which counts."""
    zone = k.config.zone
    own = _Turns(rota.people, datetime.combine(rota.start, rota.handover, zone), rota.shift)
    return [
        own,
        *(
            _Turns(layer.people, datetime.combine(layer.start or rota.start, layer.handover or rota.handover, zone), layer.shift or rota.shift, layer.during)
            for layer in rota.layers
        ),
    ]


def _in_turn(k: Kernel, rota: Rota, at: datetime) -> str:
    local = at.astimezone(k.config.zone)
    for turns in reversed(_layers(k, rota)):
        is_in_force = turns.during is None or recurring.state(turns.during, local, k.calendar)[0]
        if is_in_force and (name := turns.at(local)):
            return name
    return ""


def _next_boundary(k: Kernel, rota: Rota, after: datetime) -> datetime | None:
    local = after.astimezone(k.config.zone)
    layers = _layers(k, rota)
    changes = [recurring.state(turns.during, local, k.calendar)[1] for turns in layers if turns.during]
    windows = [local + timedelta(seconds=seconds) for seconds in changes if seconds is not None]
    spans = [*((one.start, one.end) for one in rota.overrides), *((one.start, one.end) for one in rota.swaps)]
    planned = [_resolved(k, moment) for span in spans for moment in span]
    return min((moment for moment in (*(turns.next_change(local) for turns in layers), *windows, *planned) if moment > after), default=None)


def plan_rotas(k: Kernel) -> None:
    """Set the next change of duty of every rota and look for gaps."""
    for key in [key for key in k.world.timers if key.startswith("rota:") and key[5:] not in k.rotas]:
        k.set_timer(key, None)
    for name in [name for name in k.world.duty if name not in k.rotas]:
        del k.world.duty[name]
        k.calm(f"rota:{name}")
    for name, rota in k.rotas.items():
        k.world.duty.setdefault(name, on_call(k, name))
        boundary = _next_boundary(k, rota, k.wall())
        k.set_timer(f"rota:{name}", k.now + (boundary - k.wall()).total_seconds() if boundary else None)
    find_gaps(k)


def change_duty(k: Kernel, name: str) -> None:
    """A boundary of a rota: hand over when somebody else is on duty now and incidents need that person."""
    before, person = k.world.duty.get(name, ""), on_call(k, name)
    k.world.duty[name] = person
    if person and person != before:
        names = tuple(nth for nth, incident in k.world.incidents.items() if incident.live and name in _rotas_of(incident))
        if names:
            tell_person(k, person, "handover", names=names)
    plan_rotas(k)


def _rotas_of(incident: Incident) -> list[str]:
    steps = incident.escalation.chain["steps"] if incident.escalation else []
    return [step["notify"]["rota"] for step in steps if step.get("notify") and step["notify"].get("rota")]


def find_gaps(k: Kernel) -> None:
    """A time within the next 7 days in which nobody is on duty is an alert about the product itself."""
    upcoming: list[float] = []
    for name, rota in k.rotas.items():
        start = k.wall()
        end = start + timedelta(seconds=LOOK_AHEAD_S)
        moment: datetime | None = start
        gap: datetime | None = None
        for _ in range(MOST_BOUNDARIES):
            if moment is None:
                break
            if not on_call(k, name, moment):
                gap = moment
                break
            moment = _next_boundary(k, rota, moment)
        if gap is not None and gap <= end:
            when = gap.astimezone(k.config.zone)
            k.complain(
                f"rota:{name}",
                name,
                f"The rota {name} has a gap: nobody on duty at {when:%Y-%m-%d %H:%M}",
                f"值班表 {name} 有空档: {when:%Y-%m-%d %H:%M} 无人值班",
            )
        else:
            k.calm(f"rota:{name}")
            if gap is not None:
                upcoming.append(k.now + (gap - end).total_seconds())
    k.set_timer("gaps:", min(upcoming, default=None))


def receivers_of(k: Kernel, person: str, priority: str = "") -> list[str]:
    """Receivers by which a person is told at a priority now: of the first of their rules that fits, else all of theirs."""
    known = k.person(person)
    if known is None:
        return []
    local = k.wall().astimezone(k.config.zone).time()
    chosen = next((rule.receivers for rule in known.rules if rule.fits(priority, local)), known.receivers)
    return [name for name in chosen if name in k.receivers]


def tell_person(k: Kernel, person: str, reason: str, incident: Incident | None = None, names: tuple[int, ...] = ()) -> None:
    """One notice to each receiver of a person."""
    for receiver in dict.fromkeys(receivers_of(k, person, incident.priority if incident else "")):
        send(k, reason, receiver, incident, person=person, names=names)


def tell_responsible(k: Kernel, incident: Incident, reason: str) -> None:
    """Notices in person: to the owner, else to whom the chain's first rota has on duty; breaches to every duty leader too."""
    if incident.snooze is not None or (incident.firing and not incident.loud):
        return
    people = [incident.owner] if incident.owner else [on_call(k, name) for name in _rotas_of(incident)[:1]]
    if reason == "sla_breach":
        people += [person.id for person in k.config.people if "duty_leader" in person.roles and not person.disabled]
    for receiver in dict.fromkeys(receiver for person in people for receiver in receivers_of(k, person, incident.priority)):
        send(k, reason, receiver, incident)
