"""How honest the detectors are, as the service counted it, and what people said about alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.i18n import _, marked
from console.queries.charts import Band, number
from console.queries.times import read, span
from console.words import word
from core.errors import NotFound
from core.names import ALARM, ALERT, BUDGET, OUTLOOK, PREVIEW, QUALITY, TUNING
from store.base import Body, Store
from store.filter import And, Term

ROLLING: Final = "last30"
MONTH: Final = "month-"
DETECTORS: Final[Mapping[str, str]] = {
    "threshold": marked("limits"),
    "count": marked("counted events"),
    "distinct": marked("different values"),
    "sequence": marked("one after another"),
    "absence": marked("silence"),
    "result": marked("own checks"),
    "external": marked("from outside"),
    "compliance": marked("compliance"),
    "self": marked("the product itself"),
    "baseline": marked("single series"),
    "change": marked("change of level"),
    "expiry": marked("dates"),
    "forecast": marked("forecast"),
    "host": marked("whole host"),
    "logs": marked("kinds of log lines"),
    "rates": marked("rate of events"),
    "no_data": marked("missing data"),
    "rate": marked("speed of change"),
    "other": marked("other"),
}


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


def share(value: float | None) -> str:
    """A share in percent, a dash when nothing was judged."""
    return "–" if value is None else f"{value:.0%}"


def row(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One line of a table of figures."""
    precision = body["precision"]
    return {
        _("name"): name,
        _("alarms"): body["alarms"],
        _("a week"): f"{body['a_week']:.1f}",
        _("useful"): body["useful"],
        _("false"): body["false"],
        _("known"): body["known"],
        _("precision"): "–" if precision is None else f"{precision:.0%} ({body['low']:.0%}–{body['high']:.0%})",
        _("false a week"): "–" if body["false_a_week"] is None else f"{body['false_a_week']:.1f}",
        _("over in 5 min"): body["brief"],
        _("assets"): body["assets"],
        _("noisy"): "●" if body["noisy"] else "",
    }


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


def outlooks(store: Store) -> Body | None:
    """The forecasts of the service and how the earlier ones did; None before it has made any."""
    try:
        return store.documents.get(OUTLOOK, "forecast").body
    except NotFound:
        return None


KEYS: Final[Mapping[str, str]] = {
    "for": marked("hold"),
    "above": marked("limit above"),
    "below": marked("limit below"),
    "clear_below": marked("over below"),
    "clear_above": marked("over above"),
    "at_least": marked("at least"),
}
DECISIONS: Final[Mapping[str, str]] = {
    "proposed": marked("proposed"),
    "accepted": marked("in force"),
    "declined": marked("declined"),
    "withdrawn": marked("taken back"),
}


def changes(body: Body) -> str:
    """What would change, such as hold 5m → 10m, in the reader's language."""
    return ", ".join(f"{word(KEYS, key)} {_value(key, body['was'].get(key))} → {_value(key, value)}" for key, value in sorted(body["set"].items()))


def _value(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    return span(timedelta(seconds=value)) if key == "for" else number(value)


def effect(body: Body) -> str:
    """What it would have done, in one sentence."""
    told = body["effect"]
    text = _("In the last 30 days {removed} of {before} alarms would not have come: {false} judged false, {lost} of {useful} judged useful.").format(
        removed=told["removed"], before=told["before"], false=told["removed_false"], lost=told["lost_useful"], useful=told["useful"]
    )
    later = _(" The others would have come {span} later.").format(span=span(timedelta(seconds=told["later_s"]))) if told["later_s"] else ""
    part = _(" Looked at: {n} of {all} series.").format(n=body["series"], all=body["all_series"]) if body["series"] < body["all_series"] else ""
    return text + later + part


def recall(store: Store, month: str = "") -> Body | None:
    """What the last test faults showed (of a month such as 2026-03); None before the first ones."""
    try:
        return store.documents.get(QUALITY, f"recall-{month}" if month else "recall").body
    except NotFound:
        return None
