"""How honest the detectors are, as the service counted it, and what people said about alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.queries.charts import Band
from console.queries.times import read
from core.errors import NotFound
from core.names import ALARM, ALERT, BUDGET, OUTLOOK, PREVIEW, QUALITY, TUNING
from store.base import Body, Store
from store.filter import And, Range, Term

ROLLING: Final = "last30"
MONTH: Final = "month-"


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict, and whose."""

    verdict: str = ""
    by: str = ""


def said_of(store: Store, incident: str) -> dict[str, Said]:
    """Alert -> what was said about its newest alarm of this incident."""
    found: dict[str, Said] = {}
    for document in store.documents.find(ALARM, Term("incident", incident), sort="start", limit=1000).items:
        found[str(document.body["fingerprint"])] = Said(str(document.body["verdict"]), str(document.body["by"]))
    return found


def spans(store: Store) -> dict[str, Body]:
    """Name -> figures: the last 30 days first, then months, the newest first; empty until the service has counted."""
    found = {document.id: document.body for document in store.documents.find(QUALITY, limit=500).items if "by_rule" in document.body}
    months = sorted((name for name in found if name.startswith(MONTH)), reverse=True)
    return {name: found[name] for name in ([ROLLING] if ROLLING in found else []) + months}


ORDER: Final = ("proposed", "accepted", "declined", "withdrawn")


def proposals(store: Store) -> list[Body]:
    """Proposals of settings, those that wait for a decision first."""
    found = [document.body for document in store.documents.find(TUNING, limit=500).items]
    return sorted(found, key=lambda body: (ORDER.index(body["state"]) if body["state"] in ORDER else len(ORDER), body["rule"]))


def budgets(store: Store) -> list[Body]:
    """Budgets that people chose."""
    return [document.body for document in store.documents.find(BUDGET, limit=500).items]


def previews(store: Store) -> list[tuple[str, Body]]:
    """(id, preview), the newest first."""
    return [(document.id, document.body) for document in store.documents.find(PREVIEW, sort="-begun", limit=10).items]


def level_changes(store: Store, asset: str, metric: str, since: datetime, until: datetime) -> list[datetime]:
    """When the level of a metric moved for good, as the detector ``change`` found it."""
    where = And((Term("asset", asset), Term("rule", "change"), Term("metric", metric)))
    found = [read(document.body.get("since")) for document in store.documents.find(ALARM, where, sort="-start", limit=50).items]
    return sorted({at for at in found if at is not None and since <= at < until})


def band_now(store: Store, asset: str, metric: str) -> Band | None:
    """What the detector ``baseline`` expects of a series of which it has an alert; None when it has none."""
    where = And((Term("asset", asset), Term("rule", "baseline"), Term("state", "firing")))
    for document in store.documents.find(ALERT, where, limit=100).items:
        proof = document.body.get("evidence") or {}
        if proof.get("metric") == metric and proof.get("low") is not None:
            return Band(low=float(proof["low"]), high=float(proof["high"]), at=read(str(proof.get("since") or "")))
    return None


def bands_then(store: Store, asset: str, metric: str, since: datetime, until: datetime) -> list[Band]:
    """What ``baseline`` expected when it alarmed within the range, of alarms that are over, the oldest first, at most twenty."""
    where = And((Term("asset", asset), Term("rule", "baseline"), Term("metric", metric), Range("end", gte=since.isoformat())))
    found = []
    for document in store.documents.find(ALARM, where, sort="-start", limit=20).items:
        begin, end = read(str(document.body["start"])), read(str(document.body["end"]))
        if begin and end and begin < until and document.body.get("low") is not None:
            found.append(Band(low=float(document.body["low"]), high=float(document.body["high"]), at=begin, end=end))
    return found[::-1]


def outlooks(store: Store) -> Body | None:
    """The forecasts of the service and how the earlier ones did; None before it has made any."""
    try:
        return store.documents.get(OUTLOOK, "forecast").body
    except NotFound:
        return None


def recall(store: Store, month: str = "") -> Body | None:
    """What the last test faults showed (of a month such as 2026-03); None before the first ones."""
    try:
        return store.documents.get(QUALITY, f"recall-{month}" if month else "recall").body
    except NotFound:
        return None
