"""Working days: Chinese public holidays and make-up working days, which a site can extend.

The national arrangement comes from the package chinesecalendar (State Council notices); years it does not
know yet are judged by weekday alone unless the site's file names their days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from core.files import read_yaml

SHANGHAI = ZoneInfo("Asia/Shanghai")


class DayKind(StrEnum):
    """What a day is, as detectors and duty plans tell days apart."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days work. ``holidays`` and ``working`` are the site's own days and win; a day in both works."""

    holidays: Mapping[date, str] = field(default_factory=dict)
    working: Mapping[date, str] = field(default_factory=dict)
    national: bool = True
    zone: ZoneInfo = SHANGHAI

    def kind(self, day: date) -> DayKind:
        """Workday, weekend, public holiday or make-up working day."""
        weekend = day.weekday() >= 5
        if day in self.working:
            return DayKind.MAKEUP if weekend else DayKind.WORKDAY
        if day in self.holidays:
            return DayKind.HOLIDAY
        if self.national and (known := _national(day)):
            return known
        return DayKind.WEEKEND if weekend else DayKind.WORKDAY

    def is_working(self, day: date) -> bool:
        """Whether people work on ``day``."""
        return self.kind(day) in (DayKind.WORKDAY, DayKind.MAKEUP)

    def name(self, day: date) -> str:
        """The name of a holiday in English, else empty."""
        return self.holidays.get(day) or (_national_name(day) if self.national else "")

    def local(self, moment: datetime) -> datetime:
        """``moment`` in the site's zone."""
        return moment.astimezone(self.zone)

    def add_working_days(self, moment: datetime, days: int) -> datetime:
        """The same time of day, ``days`` working days later."""
        local = self.local(moment)
        day = local.date()
        while days > 0:
            day += timedelta(days=1)
            days -= self.is_working(day)
        return datetime.combine(day, time(local.hour, local.minute, local.second), self.zone)


def load_calendar(path: Path | None, zone: ZoneInfo = SHANGHAI) -> Calendar:
    """The site's calendar file: ``national: true``, ``holidays: [2026-04-06 or {day, name}]``, ``working: [...]``.

    Raises ConfigError with file and line.
    """
    if path is None or not path.exists():
        return Calendar(zone=zone)
    document = read_yaml(path)
    data = document.data or {}
    if not isinstance(data, dict) or (unknown := set(data) - {"national", "holidays", "working", "change_windows"}):
        where = (next(iter(unknown)),) if isinstance(data, dict) else ()
        raise document.error("unknown key; a calendar has national, holidays, working and change_windows", where)
    days: dict[str, dict[date, str]] = {"holidays": {}, "working": {}}
    for key, found in days.items():
        for number, entry in enumerate(data.get(key) or ()):
            text, name = (entry.get("day"), entry.get("name", "")) if isinstance(entry, dict) else (entry, "")
            try:
                found[date.fromisoformat(str(text))] = str(name)
            except ValueError:
                raise document.error("is no day; write 2026-04-06", (key, number)) from None
    return Calendar(holidays=days["holidays"], working=days["working"], national=bool(data.get("national", True)), zone=zone)


@lru_cache(maxsize=4096)
def _national(day: date) -> DayKind | None:
    import chinese_calendar

    try:
        if chinese_calendar.is_workday(day):
            return DayKind.MAKEUP if day.weekday() >= 5 else DayKind.WORKDAY
        return DayKind.HOLIDAY if chinese_calendar.get_holiday_detail(day)[1] else DayKind.WEEKEND
    except NotImplementedError:
        return None


def _national_name(day: date) -> str:
    import chinese_calendar

    try:
        return chinese_calendar.get_holiday_detail(day)[1] or ""
    except NotImplementedError:
        return ""
