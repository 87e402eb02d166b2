"""What telemetry already knows of a round's items: pure functions over the newest samples and the stored verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from compliance.rounds.template import Item, Reading
from compliance.verdict import Outcome
from core.records import Sample
from store.base import Body

SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a round is filled from; ``kinds`` maps the id of each asset to its kind."""

    samples: Sequence[Sample]
    verdicts: Sequence[Body]
    kinds: Mapping[str, str]


def fill(item: Item, facts: Facts, now: datetime) -> dict[str, Any] | None:
    """The reading of an item as a JSON body, None for an item that telemetry does not know.

    ``state`` is ok, deviates or missing (nothing is known, or not of everything: a person looks); ``count`` how much was looked at; ``bad``
    how much of it is out of order; ``seen`` up to 20 of it, what is out of order first; ``time`` of the oldest value.
    """
    if item.read is None:
        return None
    rows = _values(item.read, facts, now) if item.read.metric else _verdicts(item.read, facts)
    rows.sort(key=lambda row: (not row["bad"], row["order"], row["asset"], row["what"]))
    bad = sum(row["bad"] for row in rows)
    seen = [{key: row[key] for key in ("asset", "what", "value", "bad")} for row in rows[:SHOWN]]
    state = "deviates" if bad else "ok" if rows and all(row["value"] != Outcome.UNKNOWN for row in rows) else "missing"
    return {"state": state, "count": len(rows), "bad": bad, "seen": seen, "time": min((row["time"] for row in rows), default="")}


def _is_meant(asset: str, kinds: Collection[str], known: Mapping[str, str]) -> bool:
    return asset in known and (not kinds or known[asset] in kinds)


def _values(read: Reading, facts: Facts, now: datetime) -> list[dict[str, Any]]:
    youngest = now - timedelta(minutes=read.age_minutes)
    return [
        {
            "asset": sample.asset,
            "what": " ".join(f"{value}" for _, value in sorted(sample.labels.items())),
            "value": round(sample.value, 3),
            "bad": not read.holds(sample.value),
            "order": -sample.value if read.most is not None else sample.value,
            "time": sample.time.isoformat(),
        }
        for sample in facts.samples
        if sample.metric == read.metric and sample.time >= youngest and _is_meant(sample.asset, read.kinds, facts.kinds) and _matches(sample, read.labels)
    ]


def _matches(sample: Sample, labels: Mapping[str, str]) -> bool:
    return all(sample.labels.get(name) == value for name, value in labels.items())


def _verdicts(read: Reading, facts: Facts) -> list[dict[str, Any]]:
    return [
        {
            "asset": body["asset"],
            "what": body["check"],
            "value": body["outcome"],
            "bad": body["outcome"] == Outcome.FAIL,
            "order": 0.0 if body["outcome"] == Outcome.UNKNOWN else 1.0,
            "time": body["time"],
        }
        for body in facts.verdicts
        if body["check"] in read.checks and body["outcome"] != Outcome.NOT_APPLICABLE and _is_meant(body["asset"], read.kinds, facts.kinds)
    ]


def metrics_of(items: Iterable[Item]) -> tuple[str, ...]:
    """The metrics that a template reads."""
    return tuple(sorted({item.read.metric for item in items if item.read and item.read.metric}))
