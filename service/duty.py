"""Duty as people change it: stand-ins, swaps and notes of hand-over asked for in the console, and the plan that the console shows.

Rotas stand in the site's files; what people change from day to day is a document of kind ``roster-change`` and is laid over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from secrets import token_hex
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.clock import Clock
from core.errors import NotFound, Refused
from core.names import HANDOVER, ROSTER, ROSTER_CHANGE
from incidents.config import Configuration, Override, Rota, Swap
from incidents.people import Shift
from service.alerting.live import LiveAlerting
from store.base import ABSENT, Body, Store

LEADER: Final = "duty_leader"
MAY_NOTE: Final = frozenset({"operator", LEADER, "security_officer"})
BACK, AHEAD, KEPT = timedelta(days=7), timedelta(days=35), timedelta(days=8)
LONGEST: Final = timedelta(days=60)
NOTE_LENGTH: Final = 4000
Intent = Mapping[str, Any]


def read_changes(store: Store, now: datetime) -> dict[str, Body]:
    """What people changed and is not long past, by id."""
    found = {document.id: document.body for document in store.documents.find(ROSTER_CHANGE, limit=5000).items}
    return {name: body for name, body in found.items() if datetime.fromisoformat(body["until"]) > now - KEPT}


def with_changes(config: Configuration, changes: Mapping[str, Body]) -> Configuration:
    """The configuration with people's changes laid over its rotas; a change of a rota that is gone has no effect."""
    return config.model_copy(update={"rotas": tuple(_changed(rota, changes) for rota in config.rotas)})


def _changed(rota: Rota, changes: Mapping[str, Body]) -> Rota:
    mine = [body for _, body in sorted(changes.items()) if body["rota"] == rota.id]
    overrides = [Override.model_validate({key: body[key] for key in ("person", "from", "until")}) for body in mine if body["kind"] == "override"]
    swaps = [Swap.model_validate({key: body[key] for key in ("gives", "takes", "from", "until")}) for body in mine if body["kind"] == "swap"]
    return rota.model_copy(update={"overrides": (*rota.overrides, *overrides), "swaps": (*rota.swaps, *swaps)})


class Duty:
    """``on_change`` is called when rotas have to be read anew."""

    def __init__(self, store: Store, alerting: LiveAlerting, clock: Clock, zone: ZoneInfo, on_change: Callable[[], None]) -> None:
        self._store, self._alerting, self._clock, self._zone, self._on_change = store, alerting, clock, zone, on_change
        self._written: dict[str, Body] = {}

    @property
    def carriers(self) -> dict[str, Callable[[Intent], str]]:
        """The intents that it carries out, by name."""
        return {"duty_override": self.stand_in, "duty_swap": self.swap, "duty_cancel": self.cancel, "hand_over": self.hand_over}

    def round(self) -> None:
        """Write the plan of each rota where it differs from what is written; one that is gone is taken away."""
        midnight = datetime.combine(self._clock.now().astimezone(self._zone).date(), time(), self._zone)
        rosters = self._alerting.rosters(midnight - BACK, midnight + AHEAD)
        for name, shifts in rosters.items():
            body = {"rota": name, "shifts": [_shown(shift) for shift in shifts]}
            if self._written.get(name) != body:
                self._store.documents.put(ROSTER, name, body)
                self._written[name] = body
        for document in self._store.documents.find(ROSTER, limit=1000).items:
            if document.id not in rosters:
                self._store.documents.delete(ROSTER, document.id)

    def stand_in(self, intent: Intent) -> str:
        """Somebody else is on duty for a time (args: rota, person, from, until, why). Raises Refused."""
        args = self._args(intent, "person")
        if LEADER not in intent.get("roles", ()):
            raise Refused("putting somebody else on duty is for duty leaders; two people may swap by themselves")
        return self._record(intent, {"kind": "override", **args})

    def swap(self, intent: Intent) -> str:
        """One person takes another's shifts within a time (args: rota, gives, takes, from, until, why). Raises Refused."""
        args = self._args(intent, "gives", "takes")
        if args["gives"] == args["takes"]:
            raise Refused("giver and taker are the same person")
        if LEADER not in intent.get("roles", ()) and intent["user"] not in (args["gives"], args["takes"]):
            raise Refused("a swap is recorded by one of the two, or by a duty leader")
        return self._record(intent, {"kind": "swap", **args})

    def cancel(self, intent: Intent) -> str:
        """Take a change back (args: id), by who made it or a duty leader. Raises Refused."""
        name, who = str((intent.get("args") or {}).get("id", "")), str(intent["user"])
        try:
            body = self._store.documents.get(ROSTER_CHANGE, name).body
        except NotFound:
            raise Refused("this change is not there any more") from None
        if LEADER not in intent.get("roles", ()) and who != body["by"]:
            raise Refused("a change is taken back by who made it, or by a duty leader")
        self._store.documents.delete(ROSTER_CHANGE, name)
        self._audit(who, "duty.cancel", body["rota"], body)
        self._on_change()
        return ""

    def hand_over(self, intent: Intent) -> str:
        """A note for the next shift (args: rota, text). Raises Refused."""
        args, who = dict(intent.get("args") or {}), str(intent["user"])
        rota, text = str(args.get("rota", "")), str(args.get("text", "")).strip()
        if not MAY_NOTE & set(intent.get("roles") or ()):
            raise Refused("notes of hand-over are for operators, duty leaders and security officers")
        if not text or len(text) > NOTE_LENGTH:
            raise Refused(f"a note has 1 to {NOTE_LENGTH} characters")
        now = self._clock.now()
        body = {"rota": rota, "by": who, "time": now.isoformat(), "text": text}
        self._store.documents.put(HANDOVER, f"{now:%Y%m%dT%H%M%S}-{token_hex(3)}", body, ABSENT)
        self._audit(who, "duty.hand_over", rota or "-", body)
        return ""

    def _args(self, intent: Intent, *people: str) -> dict[str, Any]:
        """The checked arguments: a known rota, known people, a time that is not past and not endless, and a reason."""
        args = dict(intent.get("args") or {})
        now = self._clock.now()
        if str(args.get("rota", "")) not in self._alerting.rosters(now, now):
            raise Refused(f"there is no rota {str(args.get('rota', ''))!r}")
        for key in people:
            if not self._alerting.is_person(str(args.get(key, ""))):
                raise Refused(f"{str(args.get(key, ''))!r} is nobody that can be on duty")
        start, end = _time(args, "from"), _time(args, "until")
        if not max(start, now) < end <= start + LONGEST:
            raise Refused(f"the time must end in the future, after it begins, and last {LONGEST.days} days at most")
        if not str(args.get("why", "")).strip():
            raise Refused("say why")
        kept = {key: str(args[key]) for key in ("rota", *people)}
        return {**kept, "from": start.isoformat(), "until": end.isoformat(), "why": str(args["why"]).strip()[:500]}

    def _record(self, intent: Intent, body: Body) -> str:
        now, who = self._clock.now(), str(intent["user"])
        whole = {**body, "by": who, "time": now.isoformat()}
        self._store.documents.put(ROSTER_CHANGE, f"{now:%Y%m%dT%H%M%S}-{token_hex(3)}", whole, ABSENT)
        self._audit(who, f"duty.{body['kind']}", body["rota"], whole)
        self._on_change()
        return ""

    def _audit(self, who: str, action: str, rota: str, body: Body) -> None:
        self._store.audit.append(time=self._clock.now(), actor=who, action=action, object=rota, body=body)


def _shown(shift: Shift) -> dict[str, str]:
    return {"from": shift.start.isoformat(), "until": shift.end.isoformat(), "person": shift.person, "why": shift.why}


def _time(args: Mapping[str, Any], key: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(args.get(key, "")))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(f"{key!r} must be a time with its zone")
    return found
