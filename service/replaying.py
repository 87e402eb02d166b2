"""``wanglou detect replay``: detectors over the store's history, set against what people said about the alerts of that time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from core.clock import seconds
from core.errors import ConfigError
from core.names import ALARM
from core.records import Event, Finding, Sample
from detectors import DETECTORS, READERS
from detectors.replay import Judged, Report, fresh, fresh_reader, replay, replay_events
from detectors.series.host import SCORER
from store.base import Events, Metrics, Selector, Store
from store.filter import EVERYTHING, Filter, Terms

CHUNK: Final = timedelta(hours=6)  # read at once
EVENT_CHUNK: Final = timedelta(hours=1)
MOST_EVENTS: Final = 50_000
TICK: Final = timedelta(minutes=5)
POLL_S: Final = 60  # samples of one asset within a minute are one batch, as a poll brings them
MOST_JUDGED: Final = 10_000
MOST_SHOWN: Final = 200


def replay_all(
    store: Store, names: Sequence[str], back: str, assets: Sequence[str], metrics: Sequence[str], budget: str, now: datetime, scorer: str = SCORER
) -> Iterator[Report]:
    """One report per detector over the last ``back`` (such as 30d). Raises ConfigError for what is unknown, StoreError."""
    try:
        since = now - timedelta(seconds=seconds(back))
    except (ValueError, OverflowError) as err:
        raise ConfigError(f"--since: {err}") from err
    wanted = names or sorted({*DETECTORS, *READERS})
    watchers = [fresh(name, budget, scorer) for name in wanted if name not in READERS]
    readers = [fresh_reader(name, budget) for name in wanted if name in READERS]
    verdicts, days = judged(store), (now - since).total_seconds() / 86400
    for watcher in watchers:
        polls = batches(store.metrics, Selector(asset=tuple(assets), metric=tuple(metrics)), since, now)
        yield replay(watcher, polls, days, verdicts)
    for reader in readers:
        yield replay_events(reader, minutes(store.events, assets, since, now), days, verdicts)


def minutes(events: Events, assets: Sequence[str], since: datetime, until: datetime) -> Iterator[tuple[datetime, list[Event]]]:
    """Stored events by the minute, oldest first, with empty batches in pauses; read piece by piece, at most 50,000 of each hour. Raises StoreError."""
    where = Terms("asset.id", tuple(assets)) if assets else EVERYTHING
    start = since
    while start < until:
        end = min(start + EVENT_CHUNK, until)
        yield from ticks(newest_events(events, where, start, end), start, end)
        start = end


def newest_events(events: Events, where: Filter, since: datetime, until: datetime) -> list[Event]:
    """The newest 50,000 at most, oldest first. Raises StoreError."""
    found: list[Event] = []
    cursor: str | None = None
    while len(found) < MOST_EVENTS:
        page = events.search(where, since=since, until=until, limit=1000, cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return found[::-1]


def ticks(events: Sequence[Event], since: datetime, until: datetime) -> Iterator[tuple[datetime, list[Event]]]:
    """Events by the minute, and empty batches each five minutes of a pause, so that silence is looked for."""
    last = since
    for _, minute in groupby(events, key=lambda event: int(event.time.timestamp() // 60)):
        batch = list(minute)
        yield from _pause(last, batch[-1].time)
        yield batch[-1].time, batch
        last = batch[-1].time
    yield from _pause(last, until)


def _pause(last: datetime, now: datetime) -> Iterator[tuple[datetime, list[Event]]]:
    at = last + TICK
    while at < now:
        yield at, []
        at += TICK


def batches(metrics: Metrics, selector: Selector, since: datetime, until: datetime) -> Iterator[list[Sample]]:
    """Stored samples as the polls brought them: by asset and minute, oldest first; read piece by piece. Raises StoreError."""
    start = since
    while start < until:
        end = min(start + CHUNK, until)
        found = metrics.range(selector, start, end)
        samples = [Sample(time=at, asset=one.asset, metric=one.metric, value=value, labels=one.labels) for one in found for at, value in one.points]
        for _, poll in groupby(sorted(samples, key=_poll), key=_poll):
            yield sorted(poll, key=lambda sample: sample.time)
        start = end


def _poll(sample: Sample) -> tuple[int, str]:
    return int(sample.time.timestamp() // POLL_S), sample.asset


def judged(store: Store) -> list[Judged]:
    """What people said about alarms."""
    told = store.documents.find(ALARM, Terms("verdict", ("useful", "false", "known")), sort="-start", limit=MOST_JUDGED).items
    return [
        Judged(datetime.fromisoformat(document.body["start"]), str(document.body["asset"]), str(document.body["rule"]), str(document.body["verdict"]))
        for document in told
    ]


def lines(report: Report) -> Iterator[str]:
    """For people: each finding, then the figures."""
    for finding in report.findings[:MOST_SHOWN]:
        yield f"{finding.time.isoformat(timespec='minutes')}  {finding.severity:8}  {finding.asset}  {_words(finding)}"
    if len(report.findings) > MOST_SHOWN:
        yield f"... and {len(report.findings) - MOST_SHOWN} more"
    figures = report.summary()
    yield (
        f"{report.detector}: {figures['alarms']} alarms in {figures['days']} days over {figures['series']} series"
        f" ({figures['alarms_per_series_and_day']} a day and series); {figures['samples']} samples, {figures['us_per_sample']} us each; {_precision(report)}"
    )


def _words(finding: Finding) -> str:
    if not finding.firing:
        return f"ended: {finding.title}"
    return f"{finding.evidence.get('zh', finding.title)} / {finding.evidence.get('en', '')}"


def _precision(report: Report) -> str:
    if not report.verdicts:
        return "nobody judged any of them"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(report.verdicts.items()))
    return f"judged by people: {counts}" + (f" (precision {report.precision:.0%})" if report.precision is not None else "")
