"""Mutes as pages read them, and what a new one would cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console.queries.cases import live_cases
from console.queries.times import read
from core.clock import seconds
from core.names import MUTE
from store.base import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """One mute; ``state``: active, planned or past. ``repeats`` says when a weekly one returns."""

    id: str
    kind: str
    match: Mapping[str, Any]
    begin: datetime | None
    end: datetime | None
    by: str
    why: str
    state: str
    repeats: str = ""


def read_mutes(store: Store, now: datetime, keep: timedelta = timedelta(days=7)) -> list[Mute]:
    """Those in force, then planned ones, then those that ended lately."""
    found = [_mute(document.id, document.body, now) for document in store.documents.find(MUTE).items]
    kept = [mute for mute in found if mute.state != "past" or (mute.end and now - mute.end < keep)]
    return sorted(kept, key=lambda mute: (("active", "planned", "past").index(mute.state), mute.end or now))


def match_text(match: Mapping[str, Any]) -> str:
    """What a mute covers, as ``field=value``."""
    return ", ".join(f"{key}={'|'.join(map(str, value)) if isinstance(value, list | tuple) else value}" for key, value in match.items())


def covered(store: Store, match: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(asset, rule) of the alerts that fire now and that a match on asset and rule would cover."""
    if not match:
        return []
    found = {
        (member.asset, member.rule)
        for case in live_cases(store)
        for member in case.firing
        if all(_is_one(getattr(member, key), value) for key, value in match.items())
    }
    return sorted(found)


def length(text: str) -> timedelta:
    """A duration as people write it."""
    return timedelta(seconds=seconds(text))


def _is_one(value: str, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, list | tuple) else value == wanted


def _mute(id: str, body: Mapping[str, Any], now: datetime) -> Mute:
    begin, end = read(body.get("from")), read(body.get("until"))
    weekly = body.get("weekly")
    repeats = f"{weekly.get('day', '')} {weekly.get('from', '')}-{weekly.get('to', '')}" if isinstance(weekly, Mapping) else ""
    state = "past" if (end and end <= now) or body.get("ended") else "planned" if begin and begin > now else "active"
    return Mute(
        id=str(body.get("id", id)),
        kind=str(body.get("kind", "silence")),
        match=body.get("match") or {},
        begin=begin,
        end=end,
        by=str(body.get("by", "")),
        why=str(body.get("why", "")),
        state=state,
        repeats=repeats,
    )
