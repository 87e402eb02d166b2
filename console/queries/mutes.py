"""Mutes as pages read them, what a new one would cover, and what is held at present."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.i18n import _, marked
from console.queries.cases import Case, Member
from console.queries.times import read
from core.clock import seconds
from core.names import MUTE
from incidents.graph import locations
from incidents.match import Match, matches
from inventory.asset import Asset
from store.base import Store

GROUPS: Final = ("kind", "site", "unit", "located_in")
DAYS: Final[Mapping[str, str]] = {
    "mon": marked("Mon"), "tue": marked("Tue"), "wed": marked("Wed"), "thu": marked("Thu"), "fri": marked("Fri"), "sat": marked("Sat"), "sun": marked("Sun"),
}  # fmt: skip
ON: Final[Mapping[str, str]] = {
    "workday": marked("working days"),
    "day_off": marked("days off"),
    "holiday": marked("holidays"),
    "makeup": marked("make-up days"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """One mute; ``state``: active, planned (also between two windows of one that comes back) or past. ``change``: when that changes next."""

    id: str
    kind: str
    match: Mapping[str, Any]
    begin: datetime | None
    end: datetime | None
    by: str
    why: str
    state: str
    window: Mapping[str, Any]
    change: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A firing alert that is told to nobody: why, by what, and in which incident."""

    why: str
    holder: str
    member: Member
    case: Case


def read_mutes(store: Store, now: datetime, keep: timedelta = timedelta(days=7)) -> list[Mute]:
    """Those in force, then planned ones, then those that ended lately."""
    found = [_mute(document.id, document.body, now) for document in store.documents.find(MUTE, limit=2000).items]
    kept = [mute for mute in found if mute.state != "past" or (mute.end and now - mute.end < keep)]
    return sorted(kept, key=lambda mute: (("active", "planned", "past").index(mute.state), mute.change or mute.end or now))


def match_text(match: Mapping[str, Any]) -> str:
    """What a mute covers, as ``field=value``."""
    return ", ".join(f"{key}={'|'.join(map(str, value)) if isinstance(value, list | tuple) else value}" for key, value in match.items())


def window_text(window: Mapping[str, Any]) -> str:
    """When a mute comes back, in words: ``Sat, Sun 22:00-02:00``."""
    if not window:
        return ""
    hours = f"{str(window.get('from', ''))[:5]}-{str(window.get('to', ''))[:5]}"
    days = ", ".join(_(DAYS.get(str(day), str(day))) for day in _list(window.get("day")))
    if nth := _list(window.get("nth")):
        days = _("{days} number {n} of the month").format(days=days, n=_places(nth))
    elif places := _list(window.get("working_day")):
        days = _("working day {n} of the month").format(n=_places(places))
    elif places := _list(window.get("month_day")):
        days = _("day {n} of the month").format(n=_places(places))
    elif window.get("on"):
        days = _(ON.get(str(window["on"]), str(window["on"])))
    return f"{days} {hours}"


def groups(assets: Iterable[Asset]) -> list[tuple[str, str]]:
    """(key, value) of everything by which several assets can be muted at once."""
    return sorted({(key, str(value)) for asset in assets for key in GROUPS if (value := getattr(asset, key, ""))})


def match_of(chosen: Sequence[str], groups_chosen: Iterable[tuple[str, str]], rule: str, severities: Sequence[str]) -> dict[str, Any]:
    """A match from what was chosen; empty when nothing was."""
    found: dict[str, list[str]] = {"asset": list(chosen), "rule": [rule] if rule else [], "severity": list(severities)}
    for key, value in groups_chosen:
        found.setdefault(key, []).append(value)
    return {key: values for key, values in found.items() if values}


def covered(cases: Iterable[Case], match: Match, assets: Mapping[str, Asset], kind: str = "silence", classes: Sequence[str] = ()) -> list[Held]:
    """The alerts that fire now and that a mute would hold; judged as the service does. Raises ValueError for a match that makes no sense."""
    if not match:
        return []
    domains = classes or ("operations",)
    return [
        Held(kind, "", member, case)
        for case in cases
        for member in case.firing
        if (kind in ("silence", "except") or member.body.get("domain", "operations") in domains) and matches(match, _look(member, assets))
    ]


def held(cases: Iterable[Case]) -> list[Held]:
    """Everything that is held now."""
    return [Held(member.held_by, str(member.body.get("holder") or ""), member, case) for case in cases for member in case.firing if member.held_by]


def held_by_mute(found: Iterable[Held]) -> Counter[str]:
    """Mute -> how many alerts it holds now."""
    return Counter(one.holder for one in found if one.why in ("silence", "maintenance", "freeze"))


def length(text: str) -> timedelta:
    """A duration as people write it."""
    return timedelta(seconds=seconds(text))


def _look(member: Member, assets: Mapping[str, Asset]) -> Callable[[str], Sequence[str]]:
    asset = assets.get(member.asset)

    def values(key: str) -> Sequence[str]:
        if key.startswith("labels."):
            found: Any = (member.body.get("labels") or {}).get(key[7:], "")
        elif key in ("rule", "asset", "severity"):
            found = getattr(member, key)
        elif key == "source":
            return [str(one) for one in member.body.get("sources") or ()]
        elif key == "class":
            found = member.body.get("class", "")
        elif key == "located_in":
            return locations(assets, member.asset)
        else:
            found = getattr(asset, key, "") if asset else ""
        return [str(found)] if found else []

    return values


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value in (None, "") else [value]


def _places(numbers: Iterable[int]) -> str:
    return ", ".join(_("last") if number == -1 else str(number) for number in numbers)


def _mute(id: str, body: Mapping[str, Any], now: datetime) -> Mute:
    begin, end = read(body.get("from")), read(body.get("until"))
    window = body.get("weekly") or body.get("recurring") or {}
    between = bool(window) and not body.get("active", True)
    state = "past" if (end and end <= now) or body.get("ended") else "planned" if between or (begin and begin > now) else "active"
    return Mute(
        id=str(body.get("id", id)),
        kind=str(body.get("kind", "silence")),
        match=body.get("match") or {},
        begin=begin,
        end=end,
        by=str(body.get("by", "")),
        why=str(body.get("why", "")),
        state=state,
        window=window,
        change=read(body.get("changes")) or (begin if state == "planned" else end),
    )
