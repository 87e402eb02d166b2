"""Working time: which seconds of a span are worked, and when a number of worked seconds is over. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.calendar import Calendar, DayKind
from core.clock import seconds
from incidents.config import DAYS, CalendarBlock, WorkingTime

_DAYS = re.compile(r"(\d+(?:\.\d+)?)d")
HORIZON_DAYS = 3660


class WorkCalendar:
    """Working days and hours of a site."""

    def __init__(self, block: CalendarBlock, hours: WorkingTime, zone: ZoneInfo) -> None:
        self.block, self.hours, self.zone = block, hours, zone
        self._holidays, self._working = frozenset(block.holidays), frozenset(block.working)
        self._national = Calendar(national=True, zone=zone) if block.national else None

    def works(self, day: date) -> bool:
        """Whether people work on a day; a day that is both a holiday and a make-up day works."""
        if day in self._working:
            return True
        if day in self._holidays:
            return False
        if self._national and self._national.name(day):
            return self._national.is_working(day)
        if self._national and day.weekday() >= 5 and self._national.is_working(day):
            return True
        return DAYS[day.weekday()] in self.hours.days

    def is_holiday(self, day: date) -> bool:
        """Whether a day is off although its weekday works, or the country keeps it as a holiday."""
        if self.works(day):
            return False
        return DAYS[day.weekday()] in self.hours.days or bool(self._national and self._national.kind(day) is DayKind.HOLIDAY)

    def is_makeup(self, day: date) -> bool:
        """Whether people work on a day although its weekday is off."""
        return self.works(day) and DAYS[day.weekday()] not in self.hours.days

    def hours_of(self, day: date) -> tuple[datetime, datetime] | None:
        """Begin and end of work on a day."""
        if not self.works(day):
            return None
        return datetime.combine(day, self.hours.start, self.zone), datetime.combine(day, self.hours.end, self.zone)

    def is_working(self, moment: datetime) -> bool:
        """Whether ``moment`` is within working time."""
        span = self.hours_of(moment.astimezone(self.zone).date())
        return bool(span) and span[0] <= moment < span[1]  # type: ignore[index]

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of working time after ``since``."""
        day = since.astimezone(self.zone).date()
        for _ in range(HORIZON_DAYS):
            span = self.hours_of(day)
            if span and span[1] > since:
                yield max(span[0], since), span[1]
            day += timedelta(days=1)

    def worked_s(self, since: datetime, until: datetime) -> float:
        """Seconds of working time in [since, until)."""
        total = 0.0
        for start, end in self.spans(since):
            if start >= until:
                break
            total += (min(end, until) - start).total_seconds()
        return total

    def after(self, since: datetime, worked_s: float) -> datetime | None:
        """The moment at which ``worked_s`` seconds of working time have gone by since ``since``."""
        left = worked_s
        for start, end in self.spans(since):
            length = (end - start).total_seconds()
            if left <= length:
                return start + timedelta(seconds=left)
            left -= length
        return None

    def next_change(self, moment: datetime, *, working: bool) -> datetime | None:
        """The next moment from which it is (or is not) working time."""
        for start, end in self.spans(moment):
            if working:
                return start
            if start > moment:
                return moment
            return end
        return None

    def limit_s(self, text: str | float, *, working: bool) -> float:
        """A service level in seconds; with ``working``, a day has the length of a working day."""
        if working and isinstance(text, str):
            days = sum(float(found) for found in _DAYS.findall(text))
            rest = _DAYS.sub("", text).strip()
            return days * self.hours.length_s + (seconds(rest) if rest else 0.0)
        return seconds(text)
