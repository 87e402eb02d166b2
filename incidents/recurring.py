"""Windows that come back: every week, on the nth working day or day of the month, on holidays, on make-up days. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from incidents.config import DAYS, Recurring, Weekly
from incidents.state import MuteState
from incidents.working import WorkCalendar

LOOK_AHEAD_DAYS: Final = 400
Window = Weekly | Recurring


def of(mute: MuteState) -> Window | None:
    """The window of a mute that comes back, else None."""
    if mute.weekly is not None:
        return Weekly.model_validate(mute.weekly)
    return None if mute.recurring is None else Recurring.model_validate(mute.recurring)


def state(window: Window, local: datetime, calendar: WorkCalendar) -> tuple[bool, float | None]:
    """Whether it is in force at a local time, and in how many seconds that changes (None: not within 400 days)."""
    for shift in range(-1, LOOK_AHEAD_DAYS):
        day = local.date() + timedelta(days=shift)
        start = datetime.combine(day, window.start, local.tzinfo)
        end = datetime.combine(day + timedelta(days=window.end <= window.start), window.end, local.tzinfo)
        if end <= local or not falls_on(window, day, calendar):
            continue
        return start <= local, ((end if start <= local else start) - local).total_seconds()
    return False, None


def falls_on(window: Window, day: date, calendar: WorkCalendar) -> bool:
    """Whether a window begins on a day."""
    if isinstance(window, Weekly):
        return DAYS[day.weekday()] in window.day
    if window.on:
        return _is_kind(window.on, day, calendar)
    if window.month_day:
        return _is_place(day, window.month_day, lambda _day: True)
    if window.working_day:
        return _is_place(day, window.working_day, calendar.works)
    if DAYS[day.weekday()] not in window.day:
        return False
    return not window.nth or _is_place(day, window.nth, partial(_same_weekday, day))


def _is_kind(kind: str, day: date, calendar: WorkCalendar) -> bool:
    if kind == "holiday":
        return calendar.is_holiday(day)
    if kind == "makeup":
        return calendar.is_makeup(day)
    return calendar.works(day) == (kind == "workday")


def _same_weekday(day: date, other: date) -> bool:
    return day.weekday() == other.weekday()


def _is_place(day: date, places: tuple[int, ...], counts: Callable[[date], bool]) -> bool:
    """Whether a day is the nth (or nth from the end) of those days of its month that count."""
    if not counts(day):
        return False
    length = monthrange(day.year, day.month)[1]
    before = sum(counts(day.replace(day=number)) for number in range(1, day.day + 1))
    after = sum(counts(day.replace(day=number)) for number in range(day.day, length + 1))
    return before in places or -after in places
