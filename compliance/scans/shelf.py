"""Ledgers in the store: a file is matched to assets, shown, then taken in. Every import and every word of a person is audited."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from ipaddress import ip_address
from pathlib import PurePath
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.measured.records import class_of
from compliance.run import every
from compliance.scans.found import Scan, Sort, Target
from compliance.scans.ledger import Entry, Ledger, Ruling, changed, from_body, is_news, take, to_body
from compliance.scans.read import read
from compliance.scans.texts import HOSTS
from core.errors import ConfigError, Conflict, NotFound, Refused
from core.names import SCAN
from inventory.asset import Asset
from store.base import ABSENT, Document, Store

WRITERS: Final = frozenset({"operator", *OFFICERS})
"""Who brings scans in and hands vulnerabilities out; rulings are for officers."""
AHEAD: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=366)
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A target of a file and the asset that it is; without one ``why`` says why not. ``is_news`` is False for a scan that is known already."""

    scan: Scan
    target: Target
    asset: str = ""
    why: str = ""
    is_news: bool = True

    @property
    def name(self) -> str:
        """What the file calls the target."""
        return ", ".join(self.target.names[:3]) or self.scan.scanner


def ledgers(store: Store) -> dict[str, Ledger]:
    """All of them by asset."""
    return {document.id: from_body(document.body) for document in every(store, SCAN)}


def ledger_of(store: Store, asset: str) -> Ledger:
    """One; empty for an asset that was never scanned."""
    return _there(store, asset)[1]


def look(
    store: Store, assets: Sequence[Asset], content: bytes, name: str, zone: tzinfo, now: datetime, asset: str = "", day: date | None = None
) -> list[Match]:
    """What a file speaks of and which assets that is; ``asset`` is the one that it speaks of when it does not say. Raises ConfigError or NotFound."""
    scans = read(content, PurePath(name).name, zone, day)
    if asset and asset not in {one.id for one in assets}:
        raise NotFound(f"no asset is {asset}")
    pairs = [(scan, target) for scan in scans for target in scan.targets]
    if asset and len({target.names for _, target in pairs}) > 1:
        raise ConfigError(f"speaks of {len(pairs)} hosts; naming one asset is for a file about one", path=name)
    if late := next((target for _, target in pairs if target.ended > now + AHEAD), None):
        raise ConfigError(f"the scan of {', '.join(late.names) or 'the target'} ended at {late.ended.isoformat()}, which has not come yet", path=name)
    by_name = _by_name(assets)
    known = ledgers(store)
    return [_matched(scan, target, asset, by_name, known) for scan, target in pairs]


def _matched(scan: Scan, target: Target, asset: str, by_name: Mapping[str, list[Asset]], known: Mapping[str, Ledger]) -> Match:
    if not asset:
        said = {text.casefold() for text in (*target.names, *target.addresses) if not _is_local(text)}
        found = _meant(scan.sort, {one.id: one for text in said for one in by_name.get(text, ())})
        if len(found) != 1:
            why = f"{', '.join(found)} all claim to be it" if found else "no asset has this name or address"
            return Match(scan, target, why=why if said else "the file names no host; name the asset")
        asset = found[0]
    return Match(scan, target, asset, is_news=is_news(known.get(asset, Ledger(asset=asset)), scan, target))


def _meant(sort: Sort, found: Mapping[str, Asset]) -> list[str]:
    """Of several with one address those that such a scan is about: the host for a scan of the network or of packages, the business system for web and code."""
    wanted = frozenset({"system"}) if sort in (Sort.WEB, Sort.CODE) else HOSTS
    fit = sorted(name for name, asset in found.items() if class_of(asset.kind) in wanted)
    return fit or sorted(found)


def _by_name(assets: Iterable[Asset]) -> dict[str, list[Asset]]:
    found: dict[str, list[Asset]] = {}
    for asset in assets:
        for text in {text.casefold() for text in (asset.id, asset.name, asset.address, *asset.addresses) if text}:
            found.setdefault(text, []).append(asset)
    return found


def _is_local(text: str) -> bool:
    """Whether a name could be any machine: a loopback address, ``localhost``, a path."""
    try:
        found = ip_address(text)
    except ValueError:
        return text.casefold() in ("localhost", ".", "/")
    return found.is_loopback or found.is_link_local or found.is_unspecified


def take_in(store: Store, found: Sequence[Match], content: bytes, who: str, roles: Collection[str], now: datetime) -> dict[str, Ledger]:
    """Keep what is news and has an asset; returns the ledgers that changed. Raises Refused without the right, or when nothing is left to keep."""
    if not WRITERS & set(roles):
        raise Refused("operators and security officers bring in scans")
    digest = hashlib.sha256(content).hexdigest()
    wanted = [one for one in found if one.asset and one.is_news]
    if not wanted:
        raise Refused("nothing in this file is new and belongs to a known asset")
    kept: dict[str, Ledger] = {}
    for one in wanted:
        after = _change(
            store, one.asset, lambda ledger, one=one: take(ledger, one.scan, one.target, who, digest, now) if is_news(ledger, one.scan, one.target) else ledger
        )
        done = after.scans[one.scan.key]
        body = {
            "scanner": done.scanner,
            "version": done.version,
            "ended": done.ended,
            "sha256": digest,
            "new": done.fresh,
            "again": done.again,
            "fixed": done.fixed,
        }
        store.audit.append(time=now, actor=who, action="scan.import", object=one.asset, body=body)
        kept[one.asset] = after
    return kept


def hand_out(store: Store, asset: str, keys: Collection[str], owner: str, due: date, who: str, roles: Collection[str], now: datetime, today: date) -> Ledger:
    """Say who fixes these until when. Raises Refused."""
    if not WRITERS & set(roles):
        raise Refused("operators and security officers hand vulnerabilities out")
    if not owner.strip() or not today <= due <= today + LONGEST:
        raise Refused("a vulnerability is handed out to somebody, until a day to come, at most a year ahead")
    return _said(store, asset, keys, "scan.hand_out", {"owner": owner.strip(), "due": due.isoformat()}, who, now)


def rule(
    store: Store, asset: str, keys: Collection[str], ruling: Ruling | None, why: str, until: date, who: str, roles: Collection[str], now: datetime, today: date
) -> Ledger:
    """An officer's word on what stays, with reason and last day; None takes it back. Raises Refused."""
    if not OFFICERS & set(roles):
        raise Refused("a security officer rules that something is no vulnerability, or is borne")
    if not why.strip():
        raise Refused("a ruling needs a reason")
    if ruling and not today <= until <= today + LONGEST:
        raise Refused("a ruling ends on a day to come, at most a year ahead")
    values = {"ruling": ruling.value if ruling else "", "why": why.strip(), "until": until.isoformat() if ruling else "", "by": who}
    return _said(store, asset, keys, "scan.rule", values, who, now)


def _said(store: Store, asset: str, keys: Collection[str], action: str, values: Mapping[str, str], who: str, now: datetime) -> Ledger:
    known = {one.key for one in ledger_of(store, asset).open}
    if not keys or not set(keys) <= known:
        raise Refused("choose vulnerabilities that are open")
    body: dict[str, Any] = {"asset": asset, "vulnerabilities": sorted(keys), **values}
    store.audit.append(time=now, actor=who, action=action, object=asset, body=body)
    evidence.note(store.documents, evidence.SCANS, asset, {**body, "who": who, "time": now.isoformat(), "action": action}, now)
    return _change(store, asset, lambda ledger: changed(ledger, keys, **values))


def _there(store: Store, asset: str) -> tuple[Document | None, Ledger]:
    try:
        document = store.documents.get(SCAN, asset)
    except NotFound:
        return None, Ledger(asset=asset)
    return document, from_body(document.body)


def _change(store: Store, asset: str, how: Any) -> Ledger:
    for _ in range(TRIES):
        document, ledger = _there(store, asset)
        after: Ledger = how(ledger)
        try:
            store.documents.put(SCAN, asset, to_body(after), document.version if document else ABSENT)
        except Conflict:
            continue
        return after
    raise Conflict(f"the ledger of {asset} was written by somebody else again and again")


def overdue(entries: Iterable[Entry], today: date) -> Iterator[Entry]:
    """Those that were handed out until a day that has passed."""
    yield from (one for one in entries if one.is_open and one.due and one.due < today.isoformat() and not one.is_set_aside(today))
