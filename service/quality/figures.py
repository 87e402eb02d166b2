"""The figures of a span as one document: what the quality page shows and the monthly report says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.names import ALARM
from detectors import DETECTORS
from detectors.honesty import Alarm, figures
from store.base import Body, Store
from store.filter import And, Range

PAGE: Final = 1_000
MOST: Final = 50_000
LEARNED: Final = frozenset({*DETECTORS, "logs", "rates"})


def detector_of(rule: str, kind: str) -> str:
    """Which detector a rule's alarms come from: a learning one by its name, "compliance", "self", else ``kind``, that of the written rule."""
    head = rule.split(".", maxsplit=1)[0]
    if rule in LEARNED or head in ("compliance", "self"):
        return head
    return kind or "other"


def alarm_of(body: Body) -> Alarm:
    """The alarm behind a stored document."""
    return Alarm(
        rule=str(body["rule"]),
        asset=str(body["asset"]),
        group=str(body.get("group") or "-"),
        start=datetime.fromisoformat(body["start"]),
        end=datetime.fromisoformat(body["end"]) if body.get("end") else None,
        metric=str(body.get("metric", "")),
        labels=body.get("labels") or {},
        verdict=str(body.get("verdict", "")),
        incident=str(body.get("incident", "")),
    )


def read_alarms(store: Store, since: datetime, until: datetime) -> list[Alarm]:
    """Alarms that opened in [since, until), the newest first, at most 50,000. Raises StoreError."""
    where = And((Range("start", gte=since.isoformat(), lt=until.isoformat()),))
    found: list[Alarm] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = store.documents.find(ALARM, where, sort="-start", limit=PAGE, cursor=cursor)
        found += [alarm_of(document.body) for document in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    return found


def summary(alarms: Sequence[Alarm], since: datetime, until: datetime, detector: Callable[[Alarm], str]) -> dict[str, Any]:
    """Everything of one span, as JSON values."""
    days = max((until - since).total_seconds() / 86400, 1 / 24)
    total = figures(alarms, days, lambda _alarm: "all")
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "days": round(days, 3),
        "total": total[0].body() if total else None,
        "by_detector": [row.body() for row in figures(alarms, days, detector)],
        "by_rule": [row.body() for row in figures(alarms, days, lambda alarm: alarm.rule)],
        "by_group": [row.body() for row in figures(alarms, days, lambda alarm: alarm.group)],
        "by_rule_and_group": [row.body() for row in figures(alarms, days, lambda alarm: f"{alarm.rule} · {alarm.group}")][:200],
        "updated": until.isoformat(),
    }


def months(now: datetime, zone: ZoneInfo, back: int) -> list[tuple[str, datetime, datetime]]:
    """(name such as 2026-03, begin, end) of this month and the ``back`` before it, in the site's zone; this one ends now."""
    local = now.astimezone(zone)
    begin = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [(f"{begin:%Y-%m}", begin, local)]
    for _ in range(back):
        end, begin = begin, (begin - timedelta(days=1)).replace(day=1)
        found.append((f"{begin:%Y-%m}", begin, end))
    return found
