"""The contract of a store: what every back end does alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from core.errors import Conflict, NotFound
from core.records import Event, Sample, Snapshot
from store.base import ABSENT, Retention, Selector, Store
from store.filter import EVERYTHING, And, Exists, Filter, Match, Not, Or, Prefix, Range, Term, Terms, from_dict
from store.snapshots import latest_snapshot, save_snapshot, snapshot_history

# Half past eight, some days ago: the day is over, so that a back end may have rolled it up.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


def sample(value: float, after: timedelta = timedelta(0), *, asset: str = "web-1", metric: str = "system.cpu.utilization", **labels: str) -> Sample:
    return Sample(time=NOON + after, asset=asset, metric=metric, value=value, labels=labels)


def event(id: str, after: timedelta = timedelta(0), *, asset: str = "web-1", kind: str = "log", message: str = "", **fields: Any) -> Event:
    return Event(id=id, time=NOON + after, asset=asset, kind=kind, message=message, fields={name.replace("__", "."): value for name, value in fields.items()})


def values(store: Store, selector: Selector, since: datetime = NOON, until: datetime = NOON + DAY, **options: Any) -> list[list[float]]:
    store.refresh()
    return [[value for _, value in series.points] for series in store.metrics.range(selector, since, until, **options)]


def found(store: Store, where: Filter, since: datetime = NOON - DAY, until: datetime = NOON + DAY) -> list[str]:
    store.refresh()
    return [item.id for item in store.events.search(where, since=since, until=until).items]


CPU = Selector(metric="system.cpu.utilization")


# Samples


def test_samples_come_back_as_they_were_written(store: Store) -> None:
    numbers = [0.1 + 0.2, -1e-300, 12345678901234567.0, 0.0, 42.0]
    written = store.metrics.write([sample(number, n * MINUTE, cpu="0") for n, number in enumerate(numbers)])
    assert (written.accepted, written.duplicates, written.rejected) == (5, 0, ())
    store.refresh()
    (series,) = store.metrics.range(CPU, NOON, NOON + DAY)
    assert (series.metric, series.asset, dict(series.labels)) == ("system.cpu.utilization", "web-1", {"cpu": "0"})
    assert series.points == tuple((NOON + n * MINUTE, number) for n, number in enumerate(numbers))


def test_the_first_value_of_a_moment_wins_within_a_batch_and_between_batches(store: Store) -> None:
    first = store.metrics.write([sample(1), sample(2), sample(3, MINUTE)])
    again = store.metrics.write([sample(9), sample(9, MINUTE), sample(4, 2 * MINUTE)])
    assert (first.accepted, first.duplicates) == (2, 1)
    assert (again.accepted, again.duplicates) == (1, 2)
    assert values(store, CPU) == [[1, 3, 4]]


def test_the_first_value_still_wins_after_maintenance(store: Store) -> None:
    store.metrics.write([sample(1), sample(2, MINUTE)])
    store.maintain(Retention(), NOON + 3 * DAY)
    again = store.metrics.write([sample(9), sample(9, MINUTE), sample(3, timedelta(seconds=30))])
    assert (again.accepted, again.duplicates) == (1, 2)
    assert values(store, CPU) == [[1, 3, 2]]
    store.maintain(Retention(), NOON + 3 * DAY)
    assert values(store, CPU) == [[1, 3, 2]]


def test_what_is_no_number_is_rejected_alone_and_with_a_reason(store: Store) -> None:
    written = store.metrics.write([sample(float("nan")), sample(1, MINUTE), sample(float("inf"), 2 * MINUTE), sample(float("-inf"), 3 * MINUTE)])
    assert written.accepted == 1
    assert len(written.rejected) == 3
    assert all("system.cpu.utilization" in reason and "web-1" in reason for reason in written.rejected)
    assert values(store, CPU) == [[1]]


def test_an_empty_batch_is_no_error(store: Store) -> None:
    assert store.metrics.write([]).accepted == 0
    assert store.events.write([]).accepted == 0


def test_a_range_is_half_open(store: Store) -> None:
    store.metrics.write([sample(n, n * MINUTE) for n in range(4)])
    assert values(store, CPU, NOON + MINUTE, NOON + 3 * MINUTE) == [[1, 2]]
    assert values(store, CPU, NOON + MINUTE, NOON + MINUTE) == []


def test_milliseconds_count(store: Store) -> None:
    store.metrics.write([sample(1, timedelta(milliseconds=1)), sample(2, timedelta(milliseconds=2))])
    store.refresh()
    (series,) = store.metrics.range(CPU, NOON, NOON + DAY)
    assert [time for time, _ in series.points] == [NOON + timedelta(milliseconds=1), NOON + timedelta(milliseconds=2)]


def test_late_samples_take_their_place(store: Store) -> None:
    store.metrics.write([sample(3, 2 * MINUTE)])
    store.metrics.write([sample(1), sample(2, MINUTE)])
    assert values(store, CPU) == [[1, 2, 3]]


def test_buckets_are_aligned_to_the_epoch_and_empty_ones_absent(store: Store) -> None:
    store.metrics.write([sample(2, 4 * MINUTE), sample(4, 6 * MINUTE), sample(8, 7 * MINUTE), sample(6, 21 * MINUTE)])
    store.refresh()
    (series,) = store.metrics.range(CPU, NOON + 3 * MINUTE, NOON + HOUR, 5 * MINUTE)
    assert series.points == ((NOON, 2), (NOON + 5 * MINUTE, 6), (NOON + 20 * MINUTE, 6))


@pytest.mark.parametrize(("agg", "expected"), [("avg", 3.0), ("min", 1.0), ("max", 6.0), ("sum", 12.0), ("count", 4.0), ("last", 2.0)])
@pytest.mark.parametrize("step", [5 * MINUTE, HOUR, DAY])
@pytest.mark.parametrize("maintained", [False, True])
def test_every_aggregation_on_raw_samples_and_rollups(store: Store, agg: str, expected: float, step: timedelta, maintained: bool) -> None:
    store.metrics.write([sample(1), sample(6, MINUTE), sample(3, 2 * MINUTE), sample(2, 3 * MINUTE)])
    if maintained:
        store.maintain(Retention(), NOON + 3 * DAY)
    assert values(store, CPU, NOON - DAY, NOON + DAY, step=step, agg=agg) == [[expected]]


def test_a_bucket_may_be_part_rolled_up_part_new(store: Store) -> None:
    store.metrics.write([sample(1), sample(3, MINUTE)])
    store.maintain(Retention(), NOON + 3 * DAY)
    store.metrics.write([sample(8, 2 * MINUTE), sample(5, 90 * MINUTE)])
    assert values(store, CPU, NOON - HOUR, NOON + 3 * HOUR, step=30 * MINUTE) == [[4, 5]]


def test_series_are_told_apart_by_asset_metric_and_labels(store: Store) -> None:
    store.metrics.write(
        [
            sample(1, cpu="0"),
            sample(2, cpu="1"),
            sample(3, asset="web-2", cpu="0"),
            sample(4, metric="system.memory.utilization"),
            sample(5, cpu="0", mode="idle"),
        ]
    )
    assert values(store, Selector()) == [[1], [5], [2], [3], [4]]
    assert values(store, Selector(asset="web-2")) == [[3]]
    assert values(store, Selector(asset=("web-1", "web-2"), metric="system.cpu.utilization")) == [[1], [5], [2], [3]]
    assert values(store, Selector(metric=("system.memory.utilization", "no.such.metric"))) == [[4]]
    assert values(store, Selector(metric="no.such.metric")) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"mountpoint": "/"}, [1]),
        ({"mountpoint": "!/"}, [2, 3, 4]),
        ({"mountpoint": "/v*"}, [2, 3]),
        ({"mountpoint": "!/v*"}, [1, 4]),
        ({"mountpoint": ("/", "/var")}, [1, 2]),
        ({"mountpoint": ("/", "/v*")}, [1, 2, 3]),
        ({"mountpoint": "/v*", "device": "sdb"}, [3]),
        ({"device": "sdz"}, []),
        ({"nothing": "x"}, []),
        ({"nothing": "!x"}, [1, 2, 3, 4]),
    ],
)
def test_labels_select_by_equality_difference_prefix_and_any_of(store: Store, labels: Mapping[str, Any], expected: list[float]) -> None:
    disks = [("/", "sda"), ("/var", "sda"), ("/var/lib", "sdb"), ("/数据", "sdb")]
    store.metrics.write([sample(n, metric="system.filesystem.utilization", mountpoint=at, device=on) for n, (at, on) in enumerate(disks, 1)])
    assert sorted(value for series in values(store, Selector(labels=labels)) for value in series) == expected


def test_grouping_joins_series_of_one_metric(store: Store) -> None:
    store.metrics.write(
        [sample(1, cpu="0", mode="user"), sample(2, cpu="0", mode="idle"), sample(3, cpu="1", mode="user"), sample(7, asset="web-2", cpu="0", mode="user")]
    )
    store.refresh()

    def grouped(*by: str) -> dict[tuple[str, ...], float]:
        series = store.metrics.range(CPU, NOON, NOON + DAY, HOUR, "sum", by)
        return {(one.asset, *(f"{name}={value}" for name, value in sorted(one.labels.items()))): one.points[0][1] for one in series}

    assert grouped() == {("",): 13}
    assert grouped("asset") == {("web-1",): 6, ("web-2",): 7}
    assert grouped("cpu") == {("", "cpu=0"): 10, ("", "cpu=1"): 3}
    assert grouped("asset", "mode") == {("web-1", "mode=user"): 4, ("web-1", "mode=idle"): 2, ("web-2", "mode=user"): 7}


def test_the_last_value_of_a_group_is_the_newest_of_all_its_series(store: Store) -> None:
    store.metrics.write([sample(1, 2 * MINUTE, cpu="0"), sample(2, MINUTE, cpu="1")])
    assert values(store, CPU, step=HOUR, agg="last", by=()) == [[1]]


@pytest.mark.parametrize("maintained", [False, True])
def test_latest_gives_the_newest_sample_of_each_series_within_an_age(store: Store, maintained: bool) -> None:
    store.metrics.write([sample(1, cpu="0"), sample(2, 10 * MINUTE, cpu="0"), sample(3, 5 * MINUTE, cpu="1")])
    if maintained:
        store.maintain(Retention(), NOON + 3 * DAY)
    store.refresh()
    assert sorted(one.value for one in store.metrics.latest(CPU, HOUR, NOON + 12 * MINUTE)) == [2, 3]
    (newest,) = store.metrics.latest(CPU, 2 * MINUTE, NOON + 12 * MINUTE)
    assert (newest.value, newest.time, dict(newest.labels)) == (2, NOON + 10 * MINUTE, {"cpu": "0"})
    assert store.metrics.latest(CPU, MINUTE, NOON + 12 * MINUTE) == []


def test_a_late_sample_does_not_become_the_latest(store: Store) -> None:
    store.metrics.write([sample(2, 10 * MINUTE)])
    store.metrics.write([sample(1)])
    store.refresh()
    assert [one.value for one in store.metrics.latest(CPU, HOUR, NOON + 12 * MINUTE)] == [2]


def test_series_lists_each_series_once(store: Store) -> None:
    store.metrics.write([sample(n, n * MINUTE, cpu=str(n % 2)) for n in range(6)])
    store.refresh()
    assert sorted((one.labels["cpu"], one.value) for one in store.metrics.series(CPU)) == [("0", 4), ("1", 5)]
    assert [one.value for one in store.metrics.series(Selector(labels={"cpu": "1"}))] == [5]


def test_names_may_hold_any_text(store: Store) -> None:
    odd = {"mountpoint": "/a \"b\" \\ 'c' %_ 数据 😀", "empty": ""}
    store.metrics.write([replace(sample(1, asset="机房-1"), labels=odd)])
    store.refresh()
    (series,) = store.metrics.range(Selector(asset="机房-1"), NOON, NOON + DAY)
    assert dict(series.labels) == odd


# Events


def test_events_come_back_as_they_were_written(store: Store) -> None:
    written = event("e1", message="Login failed 登录失败", source__ip="10.0.0.7", source__port=22, user__roles=["admin", "audit"], ok=True, load=0.5)
    assert store.events.write([written]).accepted == 1
    store.refresh()
    (read,) = store.events.search(since=NOON, until=NOON + SECOND).items
    assert (read.id, read.time, read.asset, read.kind, read.message, dict(read.fields)) == (
        written.id,
        written.time,
        written.asset,
        written.kind,
        written.message,
        dict(written.fields),
    )


def test_the_first_event_of_an_id_wins(store: Store) -> None:
    first = store.events.write([event("e1", message="one"), event("e1", message="two"), event("e2")])
    again = store.events.write([event("e1", message="three"), event("e3")])
    assert (first.accepted, first.duplicates) == (2, 1)
    assert (again.accepted, again.duplicates) == (1, 1)
    store.refresh()
    assert store.events.count(EVERYTHING, NOON, NOON + DAY) == 3
    assert [one.message for one in store.events.search(Term("event.id", "e1"), since=NOON, until=NOON + DAY).items] == ["one"]


def test_events_come_newest_first_and_ties_by_id(store: Store) -> None:
    store.events.write([event("b"), event("a", MINUTE), event("c"), event("d", -40 * DAY)])
    assert found(store, EVERYTHING, NOON - 60 * DAY) == ["a", "c", "b", "d"]


def test_event_ranges_are_half_open(store: Store) -> None:
    store.events.write([event(str(n), n * SECOND) for n in range(4)])
    assert found(store, EVERYTHING, NOON + SECOND, NOON + 3 * SECOND) == ["2", "1"]


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_join_to_the_whole(store: Store, limit: int) -> None:
    store.events.write([event(f"e{n:02}", (n // 3) * SECOND - (n % 2) * 35 * DAY) for n in range(20)])
    store.refresh()
    whole, cursor, pages = [], None, 0
    while True:
        page = store.events.search(since=NOON - 60 * DAY, until=NOON + DAY, limit=limit, cursor=cursor)
        whole += [one.id for one in page.items]
        pages += 1
        if page.cursor is None:
            break
        cursor = page.cursor
    expected = sorted(range(20), key=lambda n: ((n // 3) * SECOND - (n % 2) * 35 * DAY, f"e{n:02}"), reverse=True)
    assert whole == [f"e{n:02}" for n in expected]
    assert pages == -(-20 // limit)


EVENTS = [
    event("login", message="Failed password for root from 10.0.0.7 port 22", event__severity=3, source__ip="10.0.0.7", user__name="root", tags=["ssh", "auth"]),
    event("disk", MINUTE, asset="db-1", message="磁盘空间不足：/数据 已用 95%", event__severity=7, file__path="/数据"),
    event("trap", 2 * MINUTE, asset="sw-1", kind="trap", message="linkDown ifIndex.3 eth0_1", event__severity=5, network__bytes=1.5),
    event("door", 3 * MINUTE, asset="room-1", kind="door", message="门已打开", event__severity=5, user__name="张伟", badge="00123"),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EVERYTHING, "door trap disk login"),
        (Term("event.kind", "trap"), "trap"),
        (Term("asset.id", "db-1"), "disk"),
        (Term("event.id", "door"), "door"),
        (Term("source.ip", "10.0.0.7"), "login"),
        (Term("event.severity", 5), "door trap"),
        (Term("network.bytes", 1.5), "trap"),
        (Term("tags", "auth"), "login"),
        (Term("user.name", "张伟"), "door"),
        (Term("user.name", "zhang"), ""),
        (Term("no.such.field", "x"), ""),
        (Terms("asset.id", ("db-1", "sw-1")), "trap disk"),
        (Terms("event.severity", (3, 7)), "disk login"),
        (Terms("asset.id", ()), ""),
        (Range("event.severity", gte=5), "door trap disk"),
        (Range("event.severity", gt=5), "disk"),
        (Range("event.severity", gt=3, lt=7), "door trap"),
        (Range("event.severity", lte=3), "login"),
        (Range("@timestamp", gte=(NOON + MINUTE).isoformat(), lt=(NOON + 3 * MINUTE).isoformat()), "trap disk"),
        (Exists("user.name"), "door login"),
        (Exists("tags"), "login"),
        (Prefix("asset.id", "d"), "disk"),
        (Prefix("user.name", "张"), "door"),
        (Prefix("file.path", "/数"), "disk"),
        (Prefix("tags", "ss"), "login"),
        (Match("message", "failed ROOT"), "login"),
        (Match("message", "root failed"), "login"),
        (Match("message", "failed banana"), ""),
        (Match("message", "failed for", phrase=True), ""),
        (Match("message", "password for root", phrase=True), "login"),
        (Match("message", "10.0.0.7"), "login"),
        (Match("message", "10.0.0"), ""),
        (Match("message", "eth0_1"), "trap"),
        (Match("message", "磁盘"), "disk"),
        (Match("message", "空间"), "disk"),
        (Match("message", "打开"), "door"),
        (Match("message", "磁盘 95"), "disk"),
        (Match("message", "盘磁"), ""),
        (Match("message", "磁间"), ""),
        (And((Term("event.kind", "log"), Range("event.severity", gte=4))), "disk"),
        (Or((Term("event.kind", "door"), Term("source.ip", "10.0.0.7"))), "door login"),
        (Or(()), ""),
        (Not(Term("event.kind", "log")), "door trap"),
        (Not(Exists("user.name")), "trap disk"),
        (Not(Term("user.name", "root")), "door trap disk"),
        (And((Not(Or((Term("event.kind", "log"), Match("message", "门")))), Exists("event.severity"))), "trap"),
    ],
    ids=lambda value: str(value.to_dict())[:70] if hasattr(value, "to_dict") else "",
)
def test_every_filter_on_events(store: Store, where: Filter, expected: str) -> None:
    store.events.write(EVENTS)
    assert found(store, where) == expected.split()
    assert found(store, from_dict(where.to_dict())) == expected.split()
    assert store.events.count(where, NOON - DAY, NOON + DAY) == len(expected.split())


def test_a_histogram_shows_empty_bars_and_splits_by_the_top_values(store: Store) -> None:
    store.events.write([event(str(n), n * MINUTE, kind=kind, level=kind.upper()) for n, kind in enumerate(["log", "log", "trap", "door", "log"])])
    store.events.write([event("late", 25 * MINUTE, kind="trap", level="TRAP")])
    store.refresh()
    bars = store.events.histogram(EVERYTHING, NOON + MINUTE, NOON + 30 * MINUTE, 5 * MINUTE, by="level", size=2)
    assert [(bar.start, bar.count) for bar in bars] == [(NOON + n * 5 * MINUTE, count) for n, count in enumerate([4, 0, 0, 0, 0, 1])]
    assert dict(bars[0].by) == {"LOG": 2, "TRAP": 1}
    assert dict(bars[5].by) == {"TRAP": 1}


def test_a_histogram_counts_only_what_fits_the_filter(store: Store) -> None:
    store.events.write(EVENTS)
    store.refresh()
    bars = store.events.histogram(Term("event.kind", "log"), NOON, NOON + 4 * MINUTE, 2 * MINUTE)
    assert [bar.count for bar in bars] == [2, 0]


def test_top_values_come_by_frequency(store: Store) -> None:
    store.events.write(
        [event(str(n), n * SECOND, asset=asset, user__name=user) for n, (asset, user) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")])]
    )
    store.refresh()
    assert store.events.top(EVERYTHING, NOON, NOON + DAY, "asset.id") == [("a", 3), ("b", 1)]
    assert store.events.top(Term("asset.id", "a"), NOON, NOON + DAY, "user.name") == [("x", 2), ("y", 1)]
    assert store.events.top(EVERYTHING, NOON, NOON + DAY, "user.name", size=1) == [("x", 3)]
    assert store.events.top(EVERYTHING, NOON, NOON + DAY, "nothing") == []


def test_hostile_events_are_kept_and_found(store: Store) -> None:
    odd = event("'; DROP TABLE event; --", message='<script>alert("x")</script> \x00\x1b[31m " OR 1=1', user__name="\"'\\%_*")
    store.events.write([odd])
    assert found(store, Term("event.id", "'; DROP TABLE event; --")) == [odd.id]
    assert found(store, Term("user.name", "\"'\\%_*")) == [odd.id]
    assert found(store, Match("message", '" OR alert')) == [odd.id]
    assert found(store, Match("message", "* NOT (")) == []
    store.refresh()
    (read,) = store.events.search(since=NOON, until=NOON + SECOND).items
    assert read.message == odd.message


# Documents


def test_documents_come_back_as_they_were_written(store: Store) -> None:
    body = {"name": "核心交换机", "ports": 48, "on": True, "note": None, "load": 0.25, "tags": ["core", "A"], "place": {"room": "B1", "unit": 12}}
    written = store.documents.put("asset", "sw/1 核心", body)
    read = store.documents.get("asset", "sw/1 核心")
    assert read == written
    assert (read.kind, read.id, read.body) == ("asset", "sw/1 核心", body)
    assert abs(read.updated - datetime.now(UTC)) < 5 * MINUTE


def test_a_missing_document_is_not_found(store: Store) -> None:
    store.documents.put("asset", "a", {})
    for kind, name in (("asset", "b"), ("rule", "a")):
        with pytest.raises(NotFound):
            store.documents.get(kind, name)
        with pytest.raises(NotFound):
            store.documents.delete(kind, name)


def test_a_write_that_expects_another_version_is_refused(store: Store) -> None:
    first = store.documents.put("rule", "r", {"n": 1}, ABSENT)
    second = store.documents.put("rule", "r", {"n": 2}, first.version)
    assert second.version != first.version
    for stale in (first.version, ABSENT, "99999"):
        with pytest.raises(Conflict):
            store.documents.put("rule", "r", {"n": 3}, stale)
    assert store.documents.get("rule", "r").body == {"n": 2}
    store.documents.put("rule", "r", {"n": 4})
    assert store.documents.get("rule", "r").body == {"n": 4}


def test_a_write_that_expects_a_version_of_nothing_is_refused(store: Store) -> None:
    with pytest.raises(Conflict):
        store.documents.put("rule", "r", {}, "1")
    with pytest.raises(NotFound):
        store.documents.get("rule", "r")


def test_removal_is_conditional_too(store: Store) -> None:
    first = store.documents.put("rule", "r", {"n": 1})
    second = store.documents.put("rule", "r", {"n": 2})
    with pytest.raises(Conflict):
        store.documents.delete("rule", "r", first.version)
    store.documents.delete("rule", "r", second.version)
    with pytest.raises(NotFound):
        store.documents.get("rule", "r")
    assert store.documents.find("rule").items == ()


def test_a_version_never_comes_back_after_removal(store: Store) -> None:
    first = store.documents.put("rule", "r", {"n": 1}, ABSENT)
    store.documents.delete("rule", "r")
    store.documents.put("rule", "r", {"n": 2}, ABSENT)
    with pytest.raises(Conflict):
        store.documents.put("rule", "r", {"n": 3}, first.version)


def test_a_written_document_is_found_at_once(store: Store) -> None:
    store.documents.put("rule", "r", {"state": "on"})
    assert [one.id for one in store.documents.find("rule", Term("state", "on")).items] == ["r"]
    store.documents.put("rule", "r", {"state": "off"})
    assert store.documents.find("rule", Term("state", "on")).items == ()


INCIDENTS: Mapping[str, dict[str, Any]] = {
    "i1": {"state": "open", "priority": 1, "title": "磁盘满", "assets": ["web-1", "db-1"], "owner": {"name": "li", "since": "2026-03-01"}, "muted": False},
    "i2": {"state": "open", "priority": 3, "title": "link down", "assets": ["sw-1"], "owner": {"name": "wang"}, "muted": True},
    "i3": {"state": "closed", "priority": 2, "title": "door", "assets": [], "steps": [{"by": "li", "n": 1}, {"by": "zhao", "n": 2}]},
    "i4": {"state": "closed", "title": "no priority"},
}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EVERYTHING, "i1 i2 i3 i4"),
        (Term("id", "i3"), "i3"),
        (Range("id", gte="i2", lt="i4"), "i2 i3"),
        (Term("state", "open"), "i1 i2"),
        (Term("priority", 2), "i3"),
        (Term("muted", True), "i2"),
        (Term("assets", "db-1"), "i1"),
        (Term("owner.name", "wang"), "i2"),
        (Term("steps.by", "zhao"), "i3"),
        (Terms("priority", (1, 2)), "i1 i3"),
        (Range("priority", gte=2), "i2 i3"),
        (Range("owner.since", lt="2026-04-01"), "i1"),
        (Exists("priority"), "i1 i2 i3"),
        (Exists("owner.name"), "i1 i2"),
        (Not(Exists("priority")), "i4"),
        (Prefix("title", "磁"), "i1"),
        (Prefix("assets", "sw"), "i2"),
        (And((Term("state", "closed"), Not(Term("priority", 2)))), "i4"),
        (Or((Term("priority", 1), Term("title", "door"))), "i1 i3"),
    ],
    ids=lambda value: str(value.to_dict())[:70] if hasattr(value, "to_dict") else "",
)
def test_every_filter_on_documents(store: Store, where: Filter, expected: str) -> None:
    for name, body in INCIDENTS.items():
        store.documents.put("incident", name, body)
    store.documents.put("other", "i1", INCIDENTS["i1"])
    assert [one.id for one in store.documents.find("incident", where).items] == expected.split()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("", "i1 i2 i3 i4"), ("priority", "i1 i3 i2 i4"), ("-priority", "i2 i3 i1 i4"), ("state", "i3 i4 i1 i2"), ("-state", "i1 i2 i3 i4")],
)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_documents_are_sorted_and_paged(store: Store, sort: str, expected: str, limit: int) -> None:
    for name, body in INCIDENTS.items():
        store.documents.put("incident", name, body)
    page = store.documents.find("incident", sort=sort, limit=limit)
    assert page.total == 4
    whole = [one.id for one in page.items]
    while page.cursor is not None:
        page = store.documents.find("incident", sort=sort, limit=limit, cursor=page.cursor)
        whole += [one.id for one in page.items]
    assert whole == expected.split()


def test_an_updated_document_can_be_claimed_by_one_only(store: Store) -> None:
    lease = store.documents.put("lease", "l", {"owner": ""})
    won = 0
    for node in ("a", "b", "c"):
        try:
            store.documents.put("lease", "l", {"owner": node}, lease.version)
            won += 1
        except Conflict:
            continue
    assert won == 1
    assert store.documents.get("lease", "l").body == {"owner": "a"}


# Audit


def append(store: Store, n: int, actor: str = "li") -> None:
    store.audit.append(
        time=NOON + n * MINUTE + timedelta(microseconds=7),
        actor=actor,
        action="asset.edit" if n % 2 else "login",
        object=f"asset:{n}",
        body={"n": n, "说明": "改"},
    )


def test_audit_entries_form_a_chain(store: Store) -> None:
    for n in range(1, 6):
        append(store, n)
    entries = store.audit.read()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert all(later.previous == earlier.hash for earlier, later in pairwise(entries))
    assert len({entry.hash for entry in entries}) == 5
    assert entries[2].time == NOON + 3 * MINUTE + timedelta(microseconds=7)
    assert (entries[2].actor, entries[2].action, entries[2].object, entries[2].body) == ("li", "asset.edit", "asset:3", {"n": 3, "说明": "改"})
    assert store.audit.verify() is None


def test_audit_is_read_in_parts_and_by_who_what_and_on_what(store: Store) -> None:
    for n in range(1, 7):
        append(store, n, actor="li" if n < 4 else "wang")
    assert [entry.seq for entry in store.audit.read(after=2, limit=2)] == [3, 4]
    assert [entry.seq for entry in store.audit.read(actor="wang")] == [4, 5, 6]
    assert [entry.seq for entry in store.audit.read(action="login", actor="wang")] == [4, 6]
    assert [entry.seq for entry in store.audit.read(object="asset:2")] == [2]
    assert [entry.seq for entry in store.audit.read(newest=True, limit=2)] == [6, 5]
    assert store.audit.read(actor="nobody") == []


def test_an_empty_chain_is_whole(store: Store) -> None:
    assert store.audit.read() == []
    assert store.audit.verify() is None


# Snapshots


def snapshot(body: str, after: timedelta) -> Snapshot:
    return Snapshot(time=NOON + after, asset="web-1", kind="sshd_config", body=body)


def test_a_snapshot_gets_a_version_only_when_its_text_changed(store: Store) -> None:
    assert latest_snapshot(store, "web-1", "sshd_config") is None
    assert [save_snapshot(store, snapshot(body, n * MINUTE)) for n, body in enumerate(["a", "a", "b", "b", "a"])] == [True, False, True, False, True]
    assert [(one.body, one.time) for one in snapshot_history(store, "web-1", "sshd_config")] == [
        ("a", NOON + 4 * MINUTE),
        ("b", NOON + 2 * MINUTE),
        ("a", NOON),
    ]
    save_snapshot(store, snapshot("a", 9 * MINUTE))
    assert latest_snapshot(store, "web-1", "sshd_config") == snapshot("a", 9 * MINUTE)
    assert snapshot_history(store, "web-2", "sshd_config") == []


def test_an_old_snapshot_does_not_replace_a_newer_one(store: Store) -> None:
    save_snapshot(store, snapshot("new", HOUR))
    assert not save_snapshot(store, snapshot("old", MINUTE))
    assert latest_snapshot(store, "web-1", "sshd_config") == snapshot("new", HOUR)


# The whole


def test_health_says_that_all_is_well(store: Store) -> None:
    store.metrics.write([sample(1)])
    health = store.health()
    assert health.ok, health.message
    assert health.figures
