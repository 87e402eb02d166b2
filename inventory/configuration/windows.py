"""When configurations may be changed: the site's ``change_windows`` in calendar.yaml. Without any, every time is as good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.calendar import Calendar, DayKind
from core.files import build, read_yaml
from inventory.asset import Asset

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "weekend", "holiday", "every"]


def _clock(given: Any) -> Any:
    """YAML reads 22:00 as text or, in old habit, as 1320 minutes."""
    if isinstance(given, str):
        try:
            return time.fromisoformat(given)
        except ValueError:
            raise ValueError("is no time of day; write it as '22:00'") from None
    raise ValueError("is no time of day; write it in quotes, as '22:00'")


Clock = Annotated[time, BeforeValidator(_clock)]


class Window(BaseModel):
    """A stretch of the day, on kinds of days or on single ones, for some assets or all; it may pass midnight."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: tuple[Day, ...] = ()
    on: tuple[date, ...] = ()
    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="until")
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _some_day(self) -> Window:
        if not self.days and not self.on:
            raise ValueError("names no day; give days (mon ... sun, workday, weekend, holiday, every) or on (dates)")
        return self

    def is_for(self, asset: Asset) -> bool:
        """Whether the window is about this asset."""
        return all(not given or value in given for given, value in ((self.kinds, asset.kind), (self.sites, asset.site), (self.assets, asset.id)))

    def holds(self, moment: datetime, calendar: Calendar) -> bool:
        """Whether ``moment`` lies within, by the site's clock."""
        local = calendar.local(moment)
        today, now = local.date(), local.time()
        if self.begin < self.end:
            return self._opens(today, calendar) and self.begin <= now < self.end
        return (now >= self.begin and self._opens(today, calendar)) or (now < self.end and self._opens(today - timedelta(days=1), calendar))

    def _opens(self, day: date, calendar: Calendar) -> bool:
        kind = calendar.kind(day)
        names = {"every", DAYS[day.weekday()], "workday" if calendar.is_working(day) else "holiday" if kind is DayKind.HOLIDAY else "weekend"}
        return day in self.on or bool(names & set(self.days))


class _Windows(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # the calendar itself reads the other keys

    change_windows: tuple[Window, ...] = ()


def load_windows(path: Path) -> tuple[Window, ...]:
    """The windows of a calendar file, none when there is no file; raises ConfigError with file, line and key."""
    if not path.exists():
        return ()
    document = read_yaml(path)
    return build(document, _Windows).change_windows if isinstance(document.data, dict) else ()


def is_allowed(asset: Asset, moment: datetime, windows: Sequence[Window], calendar: Calendar) -> bool | None:
    """Whether a change of ``asset`` at ``moment`` lies in a window; None when no window is about it."""
    own = [window for window in windows if window.is_for(asset)]
    return any(window.holds(moment, calendar) for window in own) if own else None
