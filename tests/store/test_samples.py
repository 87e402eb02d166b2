"""What the contract does not say about samples: compaction, roll-ups past the age of raw samples, readers beside a writer."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.errors import ConfigError, StoreError
from core.records import Sample
from store.base import Retention, Selector
from store.embedded import EmbeddedStore, open_embedded
from tests.store.conftest import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def minutes(start_after: timedelta, n: int, *, assets: int = 1) -> list[Sample]:
    return [
        Sample(time=NOW + start_after + minute * MINUTE, asset=f"a{asset}", metric="m", value=float(minute), labels={})
        for minute in range(n)
        for asset in range(assets)
    ]


def whole(store: EmbeddedStore, asset: str = "") -> list[float]:
    return [value for series in store.metrics.range(Selector(asset=asset), NOW - 400 * DAY, NOW + 400 * DAY) for _, value in series.points]


def test_compaction_changes_nothing_that_is_read(store: EmbeddedStore) -> None:
    store.metrics.write(minutes(-DAY, 3000, assets=3))
    before = whole(store), store.metrics.latest(Selector(), 5 * DAY, NOW), store.metrics.range(Selector(), NOW - DAY, NOW, HOUR)
    assert store.compact() == 9000
    assert store.health().figures["tail_samples"] == 0
    assert (whole(store), store.metrics.latest(Selector(), 5 * DAY, NOW), store.metrics.range(Selector(), NOW - DAY, NOW, HOUR)) == before


def test_samples_survive_closing_and_opening(store: EmbeddedStore, folder: Path) -> None:
    store.metrics.write(minutes(-DAY, 100))
    store.compact()
    store.metrics.write(minutes(-HOUR, 50))
    before = whole(store)
    store.close()
    again = open_embedded(folder)
    assert whole(again) == before
    assert again.metrics.write(minutes(-DAY, 100)).duplicates == 100
    again.close()


def test_a_full_tail_is_compacted_without_being_asked(store: EmbeddedStore) -> None:
    for part in range(25):
        store.metrics.write(minutes(part * 1000 * MINUTE, 1000))
    for _ in range(100):
        if store.health().figures["tail_samples"] < 20_000:
            break
        threading.Event().wait(0.05)
    assert store.health().figures["tail_samples"] < 20_000
    assert len(whole(store)) == 25_000


def test_rollups_stand_for_raw_samples_past_their_age(store: EmbeddedStore) -> None:
    store.metrics.write(minutes(-70 * DAY, 120) + minutes(-DAY, 60))
    store.compact()
    done = store.maintain(Retention(), NOW)
    assert done["raw_days_removed"] == 1
    hours = store.metrics.range(Selector(), NOW - 71 * DAY, NOW, HOUR, "max")
    assert [value for _, value in hours[0].points] == [59, 119, 59]
    days = store.metrics.range(Selector(), NOW - 71 * DAY, NOW, DAY, "count")
    assert [value for _, value in days[0].points] == [120, 60]
    assert [value for _, value in store.metrics.range(Selector(), NOW - 71 * DAY, NOW, 5 * MINUTE, "min")[0].points][:2] == [0, 60]
    assert whole(store)[:3] == [29.5, 89.5, 0]


def test_what_is_older_than_raw_samples_are_kept_is_refused_with_the_reason(store: EmbeddedStore) -> None:
    store.maintain(Retention(), NOW)
    written = store.metrics.write([*minutes(-70 * DAY, 2), *minutes(-DAY, 1)])
    assert (written.accepted, written.duplicates) == (1, 0)
    assert "2 samples are older" in written.rejected[0]


def test_series_without_samples_disappear_and_may_come_back(store: EmbeddedStore) -> None:
    store.metrics.write([*minutes(-70 * DAY, 2), Sample(time=NOW, asset="b", metric="m", value=1.0)])
    store.compact()
    done = store.maintain(Retention(rollups=timedelta(days=61)), NOW)
    assert (done["series_removed"], done["rollup_days_removed"]) == (1, 1)
    assert [sample.asset for sample in store.metrics.series(Selector())] == ["b"]
    assert store.metrics.write([Sample(time=NOW, asset="a0", metric="m", value=5.0)]).accepted == 1
    assert whole(store, asset="a0") == [5.0]


def test_a_jump_of_the_clock_removes_nothing(store: EmbeddedStore) -> None:
    store.metrics.write(minutes(-DAY, 5))
    store.compact()
    store.maintain(Retention(), NOW)
    jumped = NOW + timedelta(days=3650)
    assert "raw_days_removed" not in store.maintain(Retention(), jumped)
    assert "raw_days_removed" not in store.maintain(Retention(), jumped + HOUR)
    assert "raw_days_removed" not in store.maintain(Retention(), NOW + 2 * HOUR)
    assert len(whole(store)) == 5
    for hours in range(2, 28, 5):
        done = store.maintain(Retention(), NOW + hours * HOUR)
    assert done["raw_days_removed"] == 0


def test_readers_beside_writer_and_compaction_see_neither_gaps_nor_doubles(store: EmbeddedStore) -> None:
    stop, wrong, reads = threading.Event(), list[str](), [0]

    def read() -> None:
        while not stop.is_set():
            seen = whole(store, asset="a1")
            reads[0] += 1
            if seen != [float(n) for n in range(len(seen))]:
                wrong.append(str(seen[:50]))
            latest = store.metrics.latest(Selector(asset="a1"), 400 * DAY, NOW)
            if seen and latest[0].value < seen[-1]:
                wrong.append(f"{latest[0].value} after {seen[-1]}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for minute in range(600):
        store.metrics.write([Sample(time=NOW + minute * MINUTE, asset=f"a{n}", metric="m", value=float(minute)) for n in range(3)])
        if minute % 7 == 0:
            store.compact()
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert reads[0] > 10
    assert whole(store, asset="a1") == [float(n) for n in range(600)]


def test_many_threads_write_at_once(store: EmbeddedStore) -> None:
    def write(number: int) -> None:
        for minute in range(30):
            store.metrics.write([Sample(time=NOW + minute * MINUTE, asset=f"a{number}", metric=f"m{n}", value=1.0) for n in range(10)])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(whole(store)) == 8 * 30 * 10


def test_a_console_reads_what_the_service_writes_and_writes_no_samples(store: EmbeddedStore, folder: Path, clock: ManualClock) -> None:
    console = open_embedded(folder, "console", clock=clock)
    store.metrics.write(minutes(-DAY, 10))
    assert len(whole(console)) == 10
    store.compact()
    store.metrics.write(minutes(-HOUR, 10))
    assert len(whole(console)) == 20
    with pytest.raises(StoreError, match="console only reads"):
        console.metrics.write(minutes(-DAY, 1))
    with pytest.raises(StoreError, match="console only reads"):
        console.events.write([])
    console.close()


def test_a_year_that_cannot_be_right_is_rejected(store: EmbeddedStore) -> None:
    written = store.metrics.write([Sample(time=NOW.replace(year=1970), asset="a", metric="m", value=1.0)])
    assert written.accepted == 0
    assert "1970" in written.rejected[0]


def test_a_range_of_many_years_and_many_series_costs_what_is_there(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.metrics.write([*minutes(-3 * DAY, 60, assets=4), *minutes(-DAY, 60, assets=4)])
    store.compact()
    long_ago, far_ahead = NOW.replace(year=1971), NOW.replace(year=2099)
    looked_up = store.metrics.range(Selector(asset=("a1", "a3")), long_ago, far_ahead)
    monkeypatch.setattr("store.embedded.series_file._MOST_LOOKED_UP", 1)
    assert store.metrics.range(Selector(asset=("a1", "a3")), long_ago, far_ahead) == looked_up
    assert [(series.asset, len(series.points)) for series in looked_up] == [("a1", 120), ("a3", 120)]
    assert store.metrics.range(Selector(), long_ago, long_ago + DAY) == []


@pytest.mark.parametrize("wrong", [{"step": timedelta(0)}, {"by": ("asset",)}])
def test_a_senseless_range_is_refused(store: EmbeddedStore, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        store.metrics.range(Selector(), NOW, NOW + DAY, **wrong)  # type: ignore[arg-type]
