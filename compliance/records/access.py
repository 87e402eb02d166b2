"""Who may log in: accounts that still work after a contract ended, and log-ins after the end or outside the agreed hours. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from compliance.host import CONFIGURATION
from compliance.kinds import Unreadable, readable, rows
from compliance.records.judge import Record, day_in
from compliance.records.kind import RecordKind
from core.records import Event
from inventory.configuration.accounts import Account, accounts
from inventory.configuration.dialects import dialect_of

ACCOUNTS: Final = "accounts"
DATABASES: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql.accounts": ("superuser", "createrole", "createdb", "replication", "bypassrls"),
    "mysql.accounts": ("super", "file", "grant", "create_user"),
    "redis.accounts": ("dangerous",),
}
"""The accounts inside databases by their text, with the columns that tell of special rights."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW: Final = re.compile(r"(?i)(?:(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))? )?\d\d:\d\d-\d\d:\d\d")
NO_SHELLS: Final = ("/nologin", "/false", "/sync", "/halt", "/shutdown")


def working(texts: Mapping[str, str], names: Iterable[str], now: datetime) -> dict[str, list[str]]:
    """Account -> assets on which it can still log in, out of the account lists of hosts (asset -> text); of the accounts in ``names`` alone.

    A list that cannot be read says nothing. An account whose password is locked is closed only when it cannot log in by a key either: its shell
    refuses, or it has expired.
    """
    wanted = {name.lower() for name in names}
    found: dict[str, list[str]] = defaultdict(list)
    for asset, text in sorted(texts.items()):
        try:
            table = rows(ACCOUNTS, readable(ACCOUNTS, text), now)
        except Unreadable:
            continue
        for row in table:
            expired = row["expire_age"] != "" and float(row["expire_age"]) >= 0
            if row["name"].lower() in wanted and not row["shell"].endswith(NO_SHELLS) and not expired:
                found[row["name"].lower()].append(asset)
    return dict(found)


def in_databases(kind: str, texts: Iterable[tuple[str, str]], names: Iterable[str], now: datetime) -> dict[str, list[str]]:
    """Account -> databases that let it in, each with its special rights (``oa-db [postgresql: superuser]``).

    ``texts`` are (asset, text) of one kind of DATABASES.
    Roles that cannot log in, locked accounts, those past their last day and those without a password that fits are closed. A text that was cut says nothing.
    """
    wanted, engine = {name.lower() for name in names}, kind.partition(".")[0]
    found: dict[str, list[str]] = defaultdict(list)
    for asset, text in texts:
        try:
            table = rows(kind, readable(kind, text), now)
        except Unreadable:
            continue
        for row in table:
            name, past = row["name"].lower(), row.get("valid_until_age", "")
            if name in wanted and row["login"] == "yes" and row["password"] != "missing" and not (past and not past.startswith("-")):  # noqa: S105 - a word of ours
                rights = " ".join(row[right] if right == "dangerous" else right for right in DATABASES[kind] if row[right] not in ("", "no"))
                place = f"{asset} [{engine}: {rights}]" if rights else f"{asset} [{engine}]"
                if place not in found[name]:  # one account from several hosts
                    found[name].append(place)
    return {name: sorted(places) for name, places in found.items()}


def on_devices(texts: Iterable[tuple[str, str]], names: Iterable[str], today: date) -> dict[str, list[str]]:
    """Account -> network devices that let it in, each with the part of the configuration and the rights (``hq-core-01 [aaa: 15]``).

    ``texts`` are (asset, configuration), taken one after the other since together they may be large. A configuration that was cut says nothing.
    """
    wanted = {name.lower() for name in names}
    found: dict[str, list[str]] = defaultdict(list)
    for asset, text in texts:
        small = text.lower()
        here = [name for name in sorted(wanted) if name in small]  # a configuration in which nobody is named need not be taken apart
        for one in _defined(text) if here else ():
            rights = f"{one.where}: {one.privilege}" if one.privilege else one.where
            for name in here if one.works(today) else ():
                if one.is_called(name):
                    found[name].append(f"{asset} [{rights}]".replace(",", " "))
    return {name: sorted(places) for name, places in found.items()}


def _defined(text: str) -> list[Account]:
    try:
        readable(CONFIGURATION, text)
    except Unreadable:
        return []
    return accounts(text, dialect_of(text))


@dataclass(frozen=True, slots=True)
class Breach:
    """A log-in that should not have been: ``why`` is "ended" or "hours"."""

    kind: str
    record: Record
    account: str
    why: str
    event: Event


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose account it is, until when it may be used, and in which hours."""

    kind: RecordKind
    record: Record

    @property
    def until(self) -> date | None:
        """The last day."""
        return day_in(self.record.values, self.kind.ends)

    @property
    def window(self) -> str:
        """The agreed hours, empty for any time."""
        field = self.kind.access.window if self.kind.access else ""
        return str(self.record.values.get(field) or "") if field else ""


def holders(kinds: Mapping[str, RecordKind], records: Mapping[str, Sequence[Record]]) -> dict[str, list[Holder]]:
    """Account (in small letters) -> whose it is."""
    found: dict[str, list[Holder]] = defaultdict(list)
    for kind in kinds.values():
        for record in records.get(kind.id, ()) if kind.access else ():
            for name in record.values.get(kind.access.accounts if kind.access else "", ()):
                found[str(name).lower()].append(Holder(kind, record))
    return dict(found)


def breaches(held: Mapping[str, Sequence[Holder]], events: Iterable[Event], zone: ZoneInfo) -> Iterator[Breach]:
    """Log-ins after the last day, or outside the hours. An account that somebody else still holds in force is no breach."""
    for event in events:
        account = str(event.fields.get("user.name") or "").lower()
        mine = held.get(account, ())
        local = event.time.astimezone(zone)
        why = {index: _why(one, local) for index, one in enumerate(mine)}
        if mine and all(why.values()):
            index = next((number for number, text in why.items() if text == "hours"), 0)
            yield Breach(mine[index].kind.id, mine[index].record, account, why[index], event)


def _why(one: Holder, local: datetime) -> str:
    if one.until is not None and local.date() > one.until:
        return "ended"
    return "" if in_hours(one.window, local) else "hours"


def in_hours(window: str, local: datetime) -> bool:
    """Whether a local time lies in ``Mon-Fri 09:00-18:00`` (days may be left out; hours over midnight belong to the day on which they begin).

    Blank is any time, and so is what nobody can read: the form refuses it, a site's own kind may not.
    """
    if not WINDOW.fullmatch(window):
        return True
    days, _, hours = window.rpartition(" ")
    begin, _, end = hours.partition("-")
    minute, first, last = local.hour * 60 + local.minute, _minutes(begin), _minutes(end)
    if first <= last:
        return first <= minute < last and _on(days, local.weekday())
    return (minute >= first and _on(days, local.weekday())) or (minute < last and _on(days, (local.weekday() - 1) % 7))


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _on(days: str, weekday: int) -> bool:
    if not days:
        return True
    first, _, last = days.lower().partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return begin <= weekday <= end if begin <= end else weekday >= begin or weekday <= end
