"""What is known of an asset's vulnerabilities as a text that checks read (kind ``scan.record``), and of the estate (``estate.scans``). Pure.

Times stand in it, not ages, so that it changes with scans and words of people alone. One row ``asset`` tells the class and the newest scan of all, a row
``scan`` the newest scan of each sort, a row ``open`` what is open, a row ``aside`` what an officer set aside until a day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from compliance.measured.records import class_of
from compliance.objects import ProtectionObject
from compliance.scans.found import Level, Sort
from compliance.scans.ledger import Entry, Ledger
from inventory.asset import Asset

KIND: Final = "scan.record"
ASKED: Final = frozenset({"network", "host", "system", "other"})
"""Classes of assets that scanners look at."""
HOSTS: Final = frozenset({"network", "host"})
COLUMNS: Final = ("what", "name", "level", "sort", "first", "last", "place", "traits", "owner", "due", "title")
PATCHED_IN: Final = timedelta(days=60)
BAD: Final = (Level.CRITICAL, Level.HIGH)


def texts(assets: Sequence[Asset], ledgers: Mapping[str, Ledger], objects: Sequence[ProtectionObject], exposed: Collection[str], today: date) -> dict[str, str]:
    """Asset -> text. As long as the site has brought in no scan at all nothing is said of anything; of a sensor or a room only what was scanned."""
    began = min((ledger.began for ledger in ledgers.values() if ledger.began), default="")
    return {
        asset.id: _text(asset, ledgers.get(asset.id), objects, began, today, is_exposed=asset.id in exposed)
        if began and (class_of(asset.kind) in ASKED or asset.id in ledgers)
        else ""
        for asset in assets
    }


def _text(asset: Asset, ledger: Ledger | None, objects: Iterable[ProtectionObject], began: str, today: date, *, is_exposed: bool) -> str:
    newest = ledger.newest if ledger else None
    rows = [_row("asset", name=asset.kind, sort=class_of(asset.kind), last=newest.ended if newest else "", traits="exposed" if is_exposed else "")]
    if ledger:
        rows += list(_of(ledger, today, is_exposed=is_exposed))
    if used := _in_use(asset, objects):
        rows.append(_row("use", name=_before(ledger, used, began), first=used.isoformat()))
    return "".join(rows)


def _of(ledger: Ledger, today: date, *, is_exposed: bool) -> Iterator[str]:
    for sort in Sort:
        if done := max((one for one in ledger.scans.values() if one.sort is sort), key=lambda one: one.ended, default=None):
            yield _row("scan", name=f"{done.scanner} {done.version}", sort=sort, last=done.ended, traits="login" if done.has_login else "")
    for one in ledger.open:
        aside = one.is_set_aside(today)
        traits = ",".join((*one.traits, *(("exposed",) if is_exposed else ())))
        more = {"owner": one.by if aside else one.owner, "due": one.until if aside else one.due, "title": f"{one.ruling}: {one.why}" if aside else one.title}
        yield _row(
            "aside" if aside else "open", name=one.id, level=one.level, sort=one.sort, first=one.first, last=one.last, place=one.place, traits=traits, **more
        )


def _row(what: str, **values: str) -> str:
    cells = {**dict.fromkeys(COLUMNS, ""), "what": what, **values}
    return "\t".join(" ".join(str(cells[column]).split()) for column in COLUMNS) + "\n"


def _in_use(asset: Asset, objects: Iterable[ProtectionObject]) -> date | None:
    """Since when a business system is in use, as the register of protection objects has it."""
    if class_of(asset.kind) != "system":
        return None
    return min((one.dates.in_use for one in objects if one.dates.in_use and one.has(asset)), default=None)


def _before(ledger: Ledger | None, used: date, began: str) -> str:
    """Whether a scan was there before the system went into use: yes, no, or untold when it went into use before the site's first scan was brought in."""
    if ledger and ledger.began and ledger.began[:10] <= used.isoformat():
        return "yes"
    return "no" if used.isoformat() > began[:10] else "untold"


def exposed(assets: Iterable[Asset], objects: Iterable[ProtectionObject], outside: Collection[str]) -> frozenset[str]:
    """Assets that face the outside: on the boundary of an object, in a zone of the role outside, or with the tag ``internet``."""
    borders = {asset for one in objects for asset in one.boundary}
    return frozenset(asset.id for asset in assets if asset.id in borders or asset.id in outside or "internet" in asset.tags)


def estate(assets: Iterable[Asset], ledgers: Mapping[str, Ledger], now: datetime) -> str:
    """How many hosts and network devices are scanned from inside, and how many of these have no critical or high hole left that could be mended long ago."""
    old = (now - PATCHED_IN).isoformat()
    hosts = [asset.id for asset in assets if class_of(asset.kind) in HOSTS]
    inside = [ledger for host in hosts if (ledger := ledgers.get(host)) and any(one.has_login for one in ledger.scans.values())]
    late = [ledger.asset for ledger in inside if any(_is_late(one, old, now.date()) for one in ledger.open)]
    share = round(100 * (len(inside) - len(late)) / len(inside)) if inside else ""
    told = {"hosts": len(hosts), "inside": len(inside), "late": len(late), "patched_percent": share, "late_assets": " ".join(sorted(late)[:20])}
    return "".join(f"{name}={value}\n" for name, value in told.items())


def _is_late(one: Entry, old: str, today: date) -> bool:
    return one.level in BAD and "fixable" in one.traits and one.first <= old and not one.is_set_aside(today)
