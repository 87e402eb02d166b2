"""The ledger of an asset: its newest scans, what is open on it and since when, what is fixed. Pure.

What a scan shows is open since the first scan that showed it. It is fixed when the next whole scan of the same scanner shows it no longer; what a scanner saw
after logging in is not fixed by one that saw the asset from outside alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from compliance.scans.found import LEVELS, Found, Level, Scan, Sort, Target

REMEMBERED: Final = timedelta(days=400)
"""How long what is fixed stays in the ledger."""
DAYS: Final[Mapping[Level, int]] = {Level.CRITICAL: 15, Level.HIGH: 30, Level.MEDIUM: 90, Level.LOW: 180}
"""Days in which a vulnerability of a level is usually to be fixed; proposed as the day when it is handed out."""


class Ruling(StrEnum):
    """What an officer said of a vulnerability that stays: it is none here, or it is borne until a day."""

    FALSE_POSITIVE = "false_positive"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A vulnerability of an asset with its times (ISO), who answers for it until when, and an officer's ruling with its last day."""

    key: str
    id: str
    place: str
    level: Level
    title: str
    scanner: str
    sort: Sort
    first: str
    last: str
    fixed: str = ""
    again: int = 0
    saw_inside: bool = False
    cves: tuple[str, ...] = ()
    fix: str = ""
    traits: tuple[str, ...] = ()
    owner: str = ""
    due: str = ""
    ruling: str = ""
    why: str = ""
    until: str = ""
    by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the last scan still showed it."""
        return not self.fixed

    def is_set_aside(self, today: date) -> bool:
        """Whether a ruling holds today."""
        return bool(self.ruling) and self.until >= today.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A scan that was brought in: when it ended, who brought it, the digest of its file, and what it changed."""

    scanner: str
    version: str
    sort: Sort
    ended: str
    brought: str
    by: str
    sha256: str
    has_login: bool
    is_whole: bool
    fresh: int = 0
    again: int = 0
    fixed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything kept of one asset; ``began`` is when its first scan ended, ``scans`` the newest by scanner and sort."""

    asset: str
    began: str = ""
    scans: Mapping[str, Done] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    @property
    def open(self) -> tuple[Entry, ...]:
        """What is open, the worst and oldest first."""
        return tuple(sorted((one for one in self.entries if one.is_open), key=lambda one: (LEVELS.index(one.level), one.first, one.key)))

    @property
    def newest(self) -> Done | None:
        """The newest scan of all."""
        return max(self.scans.values(), key=lambda one: one.ended, default=None)


def is_news(ledger: Ledger, scan: Scan, target: Target) -> bool:
    """Whether a scan is newer than the one of the same scanner that is known."""
    known = ledger.scans.get(scan.key)
    return known is None or known.ended < _utc(target.ended)


def take(ledger: Ledger, scan: Scan, target: Target, by: str, sha256: str, now: datetime) -> Ledger:
    """The ledger after a scan that is news."""
    ended, scanner = _utc(target.ended), scan.scanner
    seen = {f"{scan.key} {one.key}": one for one in target.found}
    before = {one.key: one for one in ledger.entries}
    after = [_seen(before.get(key), key, one, scan, target, ended) for key, one in seen.items()]
    gone = [_gone(one, scan, target, ended) for key, one in before.items() if key not in seen]
    oldest = _utc(now - REMEMBERED)
    done = Done(
        scanner=scanner,
        version=scan.version,
        sort=scan.sort,
        ended=ended,
        brought=_utc(now),
        by=by,
        sha256=sha256,
        has_login=target.has_login,
        is_whole=target.is_whole,
        fresh=sum(key not in before for key in seen),
        again=sum(key in before and not before[key].is_open for key in seen),
        fixed=sum(one.fixed == ended for one in gone),
    )
    kept = tuple(one for one in (*after, *gone) if one.is_open or one.fixed >= oldest)
    return replace(ledger, began=min(ledger.began or ended, ended), scans={**ledger.scans, scan.key: done}, entries=kept)


def _seen(before: Entry | None, key: str, one: Found, scan: Scan, target: Target, ended: str) -> Entry:
    told = {"level": one.level, "title": one.title, "cves": one.cves, "fix": one.fix, "traits": one.traits, "last": ended}
    if before is None:
        more: dict[str, Any] = {"key": key, "id": one.id, "place": one.place, "scanner": scan.scanner, "sort": scan.sort, "first": ended}
        return Entry(**more, **told, saw_inside=target.has_login)  # type: ignore[arg-type]
    fresh = replace(before, **told, saw_inside=before.saw_inside or target.has_login)  # type: ignore[arg-type]
    return fresh if before.is_open else replace(fresh, first=ended, fixed="", again=before.again + 1, saw_inside=target.has_login)


def _gone(one: Entry, scan: Scan, target: Target, ended: str) -> Entry:
    is_same = one.is_open and (one.scanner, one.sort) == (scan.scanner, scan.sort)
    return replace(one, fixed=ended) if is_same and target.is_whole and (target.has_login or not one.saw_inside) else one


def changed(ledger: Ledger, keys: Iterable[str], **values: str) -> Ledger:
    """The ledger with some fields of the entries of ``keys`` set."""
    wanted = frozenset(keys)
    return replace(ledger, entries=tuple(replace(one, **values) if one.key in wanted else one for one in ledger.entries))  # type: ignore[arg-type]


def counts(entries: Iterable[Entry]) -> dict[Level, int]:
    """How many of each level."""
    found = list(entries)
    return {level: sum(one.level is level for one in found) for level in LEVELS}


def to_body(ledger: Ledger) -> dict[str, Any]:
    """As the store keeps it."""
    entries = [{**asdict(one), "cves": list(one.cves), "traits": list(one.traits)} for one in ledger.entries]
    return {"asset": ledger.asset, "began": ledger.began, "scans": {key: asdict(one) for key, one in ledger.scans.items()}, "entries": entries}


def from_body(body: Mapping[str, Any]) -> Ledger:
    """A kept ledger."""
    scans = {key: Done(**{**one, "sort": Sort(one["sort"])}) for key, one in body["scans"].items()}
    return Ledger(asset=body["asset"], began=body["began"], scans=scans, entries=tuple(_entry(one) for one in body["entries"]))


def _entry(body: Mapping[str, Any]) -> Entry:
    told = {**body, "level": Level(body["level"]), "sort": Sort(body["sort"]), "cves": tuple(body["cves"]), "traits": tuple(body["traits"])}
    return Entry(**told)


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def worst(ledgers: Sequence[Ledger], today: date) -> list[Ledger]:
    """Those with the worst and the most open things first."""

    def rank(ledger: Ledger) -> tuple[int, ...]:
        return tuple(-number for number in counts(one for one in ledger.open if not one.is_set_aside(today)).values())

    return sorted(ledgers, key=lambda ledger: (rank(ledger), ledger.asset))
