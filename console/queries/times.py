"""Times as people read them: the site's clock, and how long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from console.i18n import _


def read(text: object) -> datetime | None:
    """An ISO time of a stored body; None for nothing."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def clock(time: datetime | None, zone: ZoneInfo, now: datetime | None = None) -> str:
    """Site time; of today only the time of day."""
    if time is None:
        return ""
    local = time.astimezone(zone)
    is_today = now is not None and now.astimezone(zone).date() == local.date()
    return f"{local:%H:%M:%S}" if is_today else f"{local:%Y-%m-%d %H:%M:%S}"


def span(length: timedelta) -> str:
    """A length of time in the one or two largest units."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return _("{n} s").format(n=seconds)
    if seconds < 3600:
        return _("{n} min").format(n=seconds // 60)
    if seconds < 86_400 and seconds % 3600 < 60:
        return _("{h} h").format(h=seconds // 3600)
    if seconds < 86_400:
        return _("{h} h {m} min").format(h=seconds // 3600, m=seconds % 3600 // 60)
    if seconds % 86_400 < 3600:
        return _("{d} d").format(d=seconds // 86_400)
    return _("{d} d {h} h").format(d=seconds // 86_400, h=seconds % 86_400 // 3600)


def ago(time: datetime | None, now: datetime) -> str:
    """How long ago, or how far ahead."""
    if time is None:
        return ""
    return _("in {span}").format(span=span(time - now)) if time > now + timedelta(seconds=1) else _("{span} ago").format(span=span(now - time))
