"""Snapshots as documents: a new version only when the text changed, "seen last" moved on otherwise.

Kind "snapshot" holds one document per asset and kind of snapshot: digest and text of the newest version, when it was taken and seen last. Kind
"snapshot-version" holds every version. The version is written before the newest, so that a crash between both costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.errors import Conflict, NotFound
from core.records import Snapshot, utc
from store.base import ABSENT, Body, Document, Store
from store.filter import And, Term, of_asset

NEWEST: Final = "snapshot"
VERSION: Final = "snapshot-version"
FLEETING: Final = frozenset({"snmp.topology"})  # different at every look and of no interest later: only the newest is kept
_TRIES: Final = 5


def save_snapshot(store: Store, snapshot: Snapshot) -> bool:
    """Keep ``snapshot``; True when its text differs from the newest one (or is the first). An older one than the newest changes nothing."""
    for _ in range(_TRIES):
        try:
            return _save(store, snapshot)
        except Conflict:
            continue
    raise Conflict(f"snapshot {snapshot.kind} of {snapshot.asset} was written by somebody else again and again")


def latest_snapshot(store: Store, asset: str, kind: str) -> Snapshot | None:
    """The newest text and when it was seen last; None when there is none."""
    there = _newest(store, asset, kind)
    return None if there is None else _snapshot(there.body, "seen")


def snapshot_history(store: Store, asset: str, kind: str, limit: int = 100) -> list[Snapshot]:
    """All versions (of a fleeting kind the newest), newest first, each with the time at which it was first seen."""
    if kind in FLEETING:
        there = _newest(store, asset, kind)
        return [] if there is None else [_snapshot(there.body, "taken")]
    where = And((of_asset(asset), Term("kind", kind)))
    return [_snapshot(document.body, "taken") for document in store.documents.find(VERSION, where, sort="-taken", limit=limit).items]


@dataclass(frozen=True, slots=True)
class Version:
    """One version; its time is when it was seen first, ``before`` when the version before it was seen last (None for the first of all)."""

    snapshot: Snapshot
    before: datetime | None


def snapshot_versions(store: Store, asset: str, kind: str, limit: int = 100) -> list[Version]:
    """As ``snapshot_history``, with what is known of the moment at which a version came in the place of another."""
    where = And((of_asset(asset), Term("kind", kind)))
    found = store.documents.find(VERSION, where, sort="-taken", limit=limit).items
    return [Version(_snapshot(one.body, "taken"), datetime.fromisoformat(one.body["before"]) if one.body.get("before") else None) for one in found]


def _save(store: Store, snapshot: Snapshot) -> bool:
    there, taken = _newest(store, snapshot.asset, snapshot.kind), utc(snapshot.time).isoformat()
    if there is not None and there.body["seen"] > taken:
        return False
    changed = there is None or there.body["sha256"] != snapshot.sha256
    body = {"asset": snapshot.asset, "kind": snapshot.kind, "taken": taken, "sha256": snapshot.sha256, "body": snapshot.body}
    if changed and snapshot.kind not in FLEETING:
        store.documents.put(VERSION, f"{_id(snapshot.asset, snapshot.kind)}/{taken}", body | ({"before": there.body["seen"]} if there else {}))
    if not changed and there is not None:
        body["taken"] = there.body["taken"]
    store.documents.put(NEWEST, _id(snapshot.asset, snapshot.kind), body | {"seen": taken}, there.version if there else ABSENT)
    return changed


def _newest(store: Store, asset: str, kind: str) -> Document | None:
    try:
        return store.documents.get(NEWEST, _id(asset, kind))
    except NotFound:
        return None


def _id(asset: str, kind: str) -> str:
    return f"{asset}/{kind}"


def _snapshot(body: Body, time: str) -> Snapshot:
    return Snapshot(time=datetime.fromisoformat(body[time]), asset=body["asset"], kind=body["kind"], body=body["body"])
