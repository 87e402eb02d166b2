"""Who changed a configuration, told from what the device said near the change: its own word first, then who was logged in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.records import Event

BEFORE: Final = timedelta(minutes=2)  # what is told first and what comes first differ a little
ASTRAY: Final = timedelta(days=1)  # how far a stated time may be from ours
LOGGED_IN: Final = timedelta(hours=1)
OWN: Final = "snapshot.kind"  # marks what we concluded ourselves; it is no witness
SAYS_SO: Final = frozenset({"config_changed", "config_stamp", "config_command"})
LOGIN: Final = frozenset({"login_ok", "session_opened"})


@dataclass(frozen=True, slots=True)
class Author:
    """``how``: "said" when the device named who configured it, "logged in" when that person alone had a session, "" when nobody is known."""

    user: str = ""
    source: str = ""
    time: datetime | None = None
    event: str = ""
    how: str = ""


def author(events: Iterable[Event], last_same: datetime, seen: datetime) -> Author:
    """Who made a change between ``last_same`` and ``seen``: the newest sign of it in that time; ``events`` are those of the device."""
    of_others = (event for event in events if came(event) <= seen + BEFORE and OWN not in event.fields)
    ordered = sorted(of_others, key=came)
    named = [event for event in ordered if _user(event)]
    said = [event for event in named if event.kind in SAYS_SO and came(event) >= last_same - BEFORE]
    if said:
        return _of(said[-1], "said")
    logins = [event for event in named if event.kind in LOGIN and came(event) >= last_same - LOGGED_IN]
    if len({_user(event) for event in logins}) == 1:
        return _of(logins[-1], "logged in")
    unnamed = [event for event in ordered if event.kind in SAYS_SO and came(event) >= last_same - BEFORE]
    return Author(time=came(unnamed[-1]), event=unnamed[-1].id) if unnamed else Author()


def came(event: Event) -> datetime:
    """When an event reached us: clocks of devices may be hours off, ours says what was near the change."""
    try:
        return datetime.fromisoformat(str(event.fields["event.ingested"]))
    except (KeyError, ValueError):
        return event.time


def _user(event: Event) -> str:
    return str(event.fields.get("user.name") or "")


def _of(event: Event, how: str) -> Author:
    return Author(user=_user(event), source=str(event.fields.get("source.ip") or ""), time=came(event) if how == "said" else None, event=event.id, how=how)
