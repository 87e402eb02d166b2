"""The report on detection of a past span, for the calendar of reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from compliance.reports.content import Content, Words
from compliance.reports.detection import content, moment_of, span_title
from compliance.reports.schedule import Scheduled
from core.names import QUALITY, TUNING
from detectors.honesty import Alarm
from service.quality.figures import read_alarms, summary
from store.base import Body, Store

RECALLS = "recall-"


def report_of(store: Store, scheduled: Scheduled, detector: Callable[[Alarm], str], due: datetime, now: datetime, zone: ZoneInfo) -> Content:
    """What happened in the whole period before ``due``, counted from the alarms with the verdicts of now. Raises StoreError."""
    begin, end = scheduled.period(due.astimezone(zone))
    figures = summary(read_alarms(store, begin, end), begin, end, detector)
    proposals = [document.body for document in store.documents.find(TUNING, limit=500).items]
    decided = sorted((body for body in proposals if begin <= moment_of(body) < end), key=moment_of)
    span = span_title(begin, end)
    return content(span, {**figures, "updated": now.isoformat()}, _tested(store, begin, end), decided, Words(scheduled.language, zone), now)


def _tested(store: Store, begin: datetime, end: datetime) -> Body | None:
    """The last test faults of the months of the span."""
    found = {document.id: document.body for document in store.documents.find(QUALITY, limit=500).items if document.id.startswith(RECALLS)}
    within = [body for body in found.values() if begin <= datetime.fromisoformat(body["updated"]) < end]
    return max(within, key=lambda body: datetime.fromisoformat(body["updated"]), default=None)
