"""Reports by the calendar: the site's ``reports.yaml`` and when each is due. Pure but for reading the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from compliance.check import Model
from compliance.entries import read_entries
from compliance.reports.content import Language
from core.errors import ConfigError

FILE: Final = "reports.yaml"
MONTHS: Final = {"month": tuple(range(1, 13)), "quarter": (1, 4, 7, 10), "year": (1,)}


class Scheduled(Model):
    """One report that makes itself. ``day``: of the month (or of the week, 1 is Monday); a month that is shorter has it on its last day."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    object: str = ""
    kind: Literal["assessment", "rectification", "summary", "applicability", "units", "evidence", "oscal", "detection"] = "summary"
    format: Literal["docx", "xlsx", "pdf"] = "pdf"
    language: Language = "zh_CN"
    every: Literal["day", "week", "month", "quarter", "year"] = "month"
    day: int = Field(default=1, ge=1, le=31)
    hour: int = Field(default=6, ge=0, le=23)
    keep: int = Field(default=24, ge=1, le=1000)

    @model_validator(mode="after")
    def _day_of_a_week(self) -> Scheduled:
        if self.every == "week" and self.day > 7:
            raise ValueError("day of a weekly report is 1 (Monday) to 7 (Sunday)")
        return self

    @model_validator(mode="after")
    def _of_no_object(self) -> Scheduled:
        if self.kind == "detection" and self.object:
            raise ValueError("a report on detection is about no object; leave `object` out")
        return self

    def due(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest time at which it was due."""
        local = now.astimezone(zone)
        return max(moment for moment in self._around(local) if moment <= local)

    def next_due(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The next time at which it is due."""
        at = now.astimezone(zone)
        while (due := self.due(at, zone)) <= now:
            at += timedelta(days=1)
        return due

    def period(self, due: datetime) -> tuple[datetime, datetime]:
        """[begin, end) of the last whole day, week (from Monday), month, quarter or year before it was due, in the zone of ``due``."""
        midnight = due.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.every == "day":
            return midnight - timedelta(days=1), midnight
        if self.every == "week":
            end = midnight - timedelta(days=midnight.weekday())
            return end - timedelta(days=7), end
        end = midnight.replace(day=1)
        months = end.year * 12 + end.month - 1 - 12 // len(MONTHS[self.every])
        return end.replace(year=months // 12, month=months % 12 + 1), end

    def _around(self, local: datetime) -> Iterable[datetime]:
        at = local.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        if self.every == "day":
            return [at, at - timedelta(days=1)]
        if self.every == "week":
            here = at + timedelta(days=self.day - at.isoweekday())
            return [here, here - timedelta(days=7)]
        months = [(year, month) for year in (local.year - 1, local.year) for month in MONTHS[self.every]]
        return [at.replace(year=year, month=month, day=min(self.day, _days(year, month))) for year, month in months]


SHIPPED: Final = Scheduled(id="detection", kind="detection", format="docx")
"""Made where the site's file has no report on detection: Word, as it needs no further library."""


def in_force(written: Sequence[Scheduled], language: Language) -> list[Scheduled]:
    """Those of the site, and the shipped monthly one on detection unless the site has its own or another of that id."""
    is_own = any(one.kind == SHIPPED.kind or one.id == SHIPPED.id for one in written)
    return [*written, *([] if is_own else [SHIPPED.model_copy(update={"language": language})])]


def _days(year: int, month: int) -> int:
    """How many days a month has."""
    following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - a day of the calendar, not a time
    return (following - timedelta(days=1)).day


def read_schedule(folder: Path) -> tuple[list[Scheduled], list[ConfigError]]:
    """The entries of the site's file and what is wrong with others; no file is no schedule."""
    found, problems = read_entries(folder / FILE, "reports", Scheduled)
    return list(found.values()), list(problems)
