"""Who is on duty: the plans that the service writes, as calendar, gaps and hand-over of a shift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from console.i18n import _, marked
from console.queries.cases import Case
from console.queries.times import read
from core.calendar import Calendar
from core.names import HANDOVER, ROSTER, ROSTER_CHANGE
from store.base import Store

WEEKDAYS: Final = (marked("Mon"), marked("Tue"), marked("Wed"), marked("Thu"), marked("Fri"), marked("Sat"), marked("Sun"))
MARKS: Final[Mapping[str, str]] = {"override": "✎", "swap": "⇄", "disabled": "✕", "turn": ""}
HANDOVER_DAYS: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A stretch of duty; ``person`` is empty when nobody has it. ``why``: turn, override, swap, disabled."""

    start: datetime
    end: datetime
    person: str
    why: str

    @property
    def text(self) -> str:
        """The person with a mark for what is not their turn, or that nobody is there."""
        return f"{self.person} {MARKS.get(self.why, '')}".strip() if self.person else f"✕ {_('nobody')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The plan of one rota."""

    name: str
    shifts: tuple[Shift, ...]

    def at(self, moment: datetime) -> Shift | None:
        """The shift of a moment."""
        return next((shift for shift in self.shifts if shift.start <= moment < shift.end), None)

    def of_day(self, day: date, zone: ZoneInfo) -> list[Shift]:
        """What concerns a day, in order."""
        start = datetime.combine(day, time(), zone)
        return [shift for shift in self.shifts if shift.start < start + timedelta(days=1) and shift.end > start]

    def gaps(self, now: datetime) -> list[Shift]:
        """When nobody is there from now on."""
        return [shift for shift in self.shifts if not shift.person and shift.end > now]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A stand-in or a swap that somebody recorded."""

    id: str
    kind: str
    rota: str
    who: str
    start: datetime
    end: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one shift tells the next."""

    time: datetime
    by: str
    rota: str
    text: str


def rosters(store: Store) -> list[Roster]:
    """All plans by name."""
    found = [Roster(name=document.id, shifts=tuple(map(_shift, document.body["shifts"]))) for document in store.documents.find(ROSTER, limit=1000).items]
    return sorted(found, key=lambda roster: roster.name)


def changes(store: Store, now: datetime) -> list[Change]:
    """What was changed and is not over, by its begin."""
    found = [_change(document.id, document.body) for document in store.documents.find(ROSTER_CHANGE, limit=5000).items]
    return sorted((change for change in found if change.end > now), key=lambda change: change.start)


def notes(store: Store, now: datetime) -> list[Note]:
    """The notes of the last days, the newest first."""
    found = [document.body for document in store.documents.find(HANDOVER, sort="-time", limit=200).items]
    made = [Note(time=read(body["time"]) or now, by=str(body["by"]), rota=str(body["rota"]), text=str(body["text"])) for body in found]
    return [note for note in made if now - note.time < HANDOVER_DAYS]


def day_label(day: date, calendar: Calendar) -> str:
    """The day, its weekday and what is special about it: the holiday's name, or that one works although it is a weekend."""
    special = "" if day.weekday() < 5 else _("working day")
    if not calendar.is_working(day):
        special = calendar.name(day)
    return f"{day:%m-%d} {_(WEEKDAYS[day.weekday()])}" + (f" · {special}" if special else "")


def calendar_rows(found: Sequence[Roster], first: date, days: int, calendar: Calendar, zone: ZoneInfo) -> list[dict[str, str]]:
    """A row a day, a column a rota: who, and from when where somebody takes over on that day."""
    return [
        {_("day"): day_label(day, calendar), **{roster.name: _cell(roster.of_day(day, zone), day, zone) for roster in found}}
        for day in (first + timedelta(days=n) for n in range(days))
    ]


def _cell(shifts: Iterable[Shift], day: date, zone: ZoneInfo) -> str:
    starts = [(shift.start.astimezone(zone), shift) for shift in shifts]
    return " → ".join(f"{start:%H:%M} {shift.text}" if start.date() == day and start.time() != time() else shift.text for start, shift in starts)


def handed_over(cases: Iterable[Case], since: datetime) -> dict[str, list[Case]]:
    """What a shift did and leaves: opened, ended (since its begin) and open (whenever it began), the gravest first."""
    found: dict[str, list[Case]] = {"open": [], "opened": [], "ended": []}
    for case in sorted(cases, key=lambda case: case.order):
        ended = read(case.body.get("resolved"))
        if case.is_live:
            found["open"].append(case)
        if case.opened and case.opened >= since:
            found["opened"].append(case)
        if ended and ended >= since and not case.is_live:
            found["ended"].append(case)
    return found


def _shift(body: Mapping[str, str]) -> Shift:
    return Shift(start=datetime.fromisoformat(body["from"]), end=datetime.fromisoformat(body["until"]), person=body["person"], why=body["why"])


def _change(id: str, body: Mapping[str, str]) -> Change:
    who = f"{body['gives']} → {body['takes']}" if body["kind"] == "swap" else body["person"]
    return Change(
        id=id,
        kind=body["kind"],
        rota=body["rota"],
        who=who,
        start=datetime.fromisoformat(body["from"]),
        end=datetime.fromisoformat(body["until"]),
        by=body["by"],
        why=body["why"],
    )
