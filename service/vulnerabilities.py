"""What ``wanglou scan`` does: scanners' result files in, and what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from compliance.answers import OFFICERS
from compliance.scans.ledger import Ledger, counts, worst
from compliance.scans.shelf import Match, ledgers, look, take_in
from core.settings import Settings
from inventory.book import Book
from service.disk import read_bytes
from store.base import Store

WHO: Final = "command line"


def brought_in(settings: Settings, store: Store, path: Path, asset: str, day: date | None, now: datetime, *, do: bool) -> Iterator[str]:
    """Say what a file speaks of; with ``do`` keep it. Raises ConfigError, NotFound or Refused before anything is kept."""
    content = read_bytes(path)
    found = look(store, Book(store).all(), content, str(path), settings.zone, now, asset, day)
    yield from (_told(one) for one in found)
    if not do:
        yield "nothing was kept; say --do to keep it"
        return
    for name, ledger in take_in(store, found, content, WHO, OFFICERS, now).items():
        yield f"{name}: {_changes(ledger, found)}; {_open(ledger, now.date())}"
    yield "judged within the hour"


def _told(one: Match) -> str:
    where = f"is {one.asset}" if one.asset else f"left out: {one.why}"
    news = "" if one.is_news else ", which is known already"
    part = "" if one.target.is_whole else ", not whole: nothing counts as fixed"
    return f"{one.name} {where}: {one.scan.scanner} of {one.target.ended.isoformat(timespec='minutes')}, {len(one.target.found)} found{news}{part}"


def _changes(ledger: Ledger, found: Sequence[Match]) -> str:
    done = [ledger.scans[key] for key in {one.scan.key for one in found if one.asset == ledger.asset} if key in ledger.scans]
    return f"{sum(one.fresh for one in done)} new, {sum(one.again for one in done)} again, {sum(one.fixed for one in done)} fixed"


def _open(ledger: Ledger, today: date) -> str:
    there = counts(one for one in ledger.open if not one.is_set_aside(today))
    return "open " + ", ".join(f"{count} {level}" for level, count in there.items())


def listed(store: Store, now: datetime) -> Iterator[str]:
    """Every asset that was scanned, the worst first."""
    found = worst(list(ledgers(store).values()), now.date())
    if not found:
        yield "no scan was brought in yet"
    for ledger in found:
        newest = ledger.newest
        yield f"{ledger.asset}: {_open(ledger, now.date())}; " + (f"{newest.scanner} {newest.ended[:10]}" if newest else "never scanned")
