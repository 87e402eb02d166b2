"""Roll-ups say the same as raw samples, and old data leaves in the way that the servers offer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_args

import pytest

from core.clock import ManualClock
from core.records import Event, Sample
from store.base import Agg, Retention, Selector, Series
from store.elastic.encode import event_action, sample_actions
from store.elastic.lifecycle import Way, apply_retention, backing_indices, find_way
from store.elastic.link import Address, Link
from store.elastic.names import Names
from store.elastic.rollup import DAY, HOUR, Rollups
from store.elastic.ship import Bulk
from tests.elastic.conftest import Place
from tests.elastic.test_link import ELASTIC, answering
from tests.elastic.times import T0


def write_samples(place: Place, days: int, step: timedelta = timedelta(minutes=7)) -> None:
    samples = [
        Sample(time=T0 + index * step, asset=asset, metric=metric, value=float((index * 37) % 101), labels={"cpu": cpu} if cpu else {})
        for index in range(int(days * DAY / step))
        for asset, cpu in (("a", ""), ("b", "0"), ("b", "1"))
        for metric in ("system.cpu.utilization", "system.cpu")
    ]
    Bulk(place.link, place.names, lambda _: False).send(list(sample_actions(place.names, samples)))
    place.refresh(place.names.metrics)


def rollups(place: Place) -> Rollups:
    return Rollups(place.link, place.names, ManualClock(T0))


def near(series: list[Series]) -> list[tuple[str, str, Any, list[Any]]]:
    return [(one.metric, one.asset, dict(one.labels), [(at, pytest.approx(value)) for at, value in one.points]) for one in series]


@pytest.mark.peer
@pytest.mark.parametrize("agg", get_args(Agg))
@pytest.mark.parametrize("by", [None, ("asset",), ("cpu",), ()])
def test_hours_from_roll_ups_equal_hours_from_raw_samples(place: Place, agg: Agg, by: tuple[str, ...] | None) -> None:
    write_samples(place, days=2)
    asked: Any = (Selector(metric="system.cpu"), T0 + timedelta(minutes=30), T0 + timedelta(hours=40, minutes=10), 2 * HOUR, agg, by)
    raw = rollups(place).read(*asked)
    assert rollups(place).roll_up(T0 + 3 * DAY) == 2 * 24 * 3 * 2
    rolled = rollups(place)
    first, end = rolled._rolled_part(asked[1], asked[2], 2 * HOUR)
    assert (first, end) == (T0 + HOUR, T0 + 40 * HOUR)
    found = rolled.read(*asked)
    if agg == "last" and by is not None and "cpu" not in by:
        found, raw = [], []  # which of two series of one moment is last is left open
    assert [(s.metric, s.asset, dict(s.labels), list(s.points)) for s in found] == near(raw)


@pytest.mark.peer
def test_roll_ups_wait_for_the_day_to_be_over_and_are_made_once(place: Place) -> None:
    write_samples(place, days=1, step=timedelta(hours=2))
    made = rollups(place)
    assert made.roll_up(T0 + 2 * DAY - timedelta(seconds=1)) == 0
    assert made.roll_up(T0 + 2 * DAY) == 12 * 6
    assert made.roll_up(T0 + 2 * DAY) == 0
    assert place.count(place.names.rollups) == 12 * 6 + 1


@pytest.mark.peer
def test_hours_stay_readable_when_the_raw_samples_are_gone(place: Place) -> None:
    write_samples(place, days=2, step=timedelta(minutes=30))
    rollups(place).roll_up(T0 + 3 * DAY)
    place.link.call("POST", f"/{place.names.metrics}/_rollover")
    late = Sample(time=T0 + 70 * DAY, asset="a", metric="system.cpu", value=5)
    Bulk(place.link, place.names, lambda _: False).send(list(sample_actions(place.names, [late])))
    place.refresh(place.names.metrics)
    retention = Retention(raw_metrics=60 * DAY)
    assert apply_retention(place.link, place.names, Way.PORTABLE, retention, T0 + 70 * DAY) == 1
    assert len(backing_indices(place.link, place.names.metrics)) == 1
    (found,) = rollups(place).read(Selector(metric="system.cpu", asset="a"), T0, T0 + 71 * DAY, None, "avg", None)
    assert len(found.points) == 48 + 1
    assert found.points[-1] == (T0 + 70 * DAY, 5.0)
    (hours,) = rollups(place).read(Selector(metric="system.cpu", asset="a"), T0, T0 + DAY, 6 * HOUR, "count", None)
    assert [value for _, value in hours.points] == [12.0] * 4


@pytest.mark.peer
def test_only_indices_whose_newest_document_is_too_old_are_removed_and_audit_never(place: Place) -> None:
    def write(day: int) -> None:
        event = Event(id=f"e{day}", time=T0 + day * DAY, asset="a", kind="k", message="m")
        Bulk(place.link, place.names, lambda _: False).send([event_action(place.names, event)])

    for day in (0, 10, 200):
        write(day)
        if day != 200:
            place.link.call("POST", f"/{place.names.events}/_rollover")
    assert len(backing_indices(place.link, place.names.events)) == 3
    assert find_way(place.link, place.names) in set(Way)
    assert apply_retention(place.link, place.names, Way.PORTABLE, Retention(), T0 + 195 * DAY) == 1
    assert place.count(place.names.events) == 2
    assert apply_retention(place.link, place.names, Way.PORTABLE, Retention(), T0 + 195 * DAY) == 0


STREAMS = json.dumps({"data_streams": [{"name": "x", "backing_indices": ["b1"]}]})
NO_HANDLER = (400, ELASTIC, json.dumps({"error": "no handler found for uri", "status": 400}))
OK = (200, ELASTIC, "{}")


@pytest.mark.parametrize(
    ("answers", "way"),
    [
        ([OK], Way.STREAM),
        ([(404, ELASTIC, json.dumps({"error": {"type": "index_not_found_exception", "reason": "no such index"}, "status": 404}))], Way.STREAM),
        ([NO_HANDLER, OK], Way.POLICY),
        ([(405, ELASTIC, json.dumps({"error": "Incorrect HTTP method", "status": 405})), NO_HANDLER], Way.PORTABLE),
    ],
)
def test_the_way_is_chosen_by_what_the_servers_answer(answers: list[Any], way: Way) -> None:
    with answering(*answers) as url:
        link = Link(Address(url=url))
        assert find_way(link, Names()) is way
        link.close()


class Recorder:
    """A link that keeps what it is asked; every stream has one backing index."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def call(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        if path.startswith("/_resolve"):
            return json.loads(STREAMS)
        self.asked.append((method, path, body))
        return {}


def test_a_stream_lifecycle_gets_the_days_of_each_stream() -> None:
    recorder = Recorder()
    apply_retention(recorder, Names(), Way.STREAM, Retention(), T0)  # type: ignore[arg-type]
    assert recorder.asked == [
        ("PUT", "/_data_stream/metrics-wanglou.sample-default/_lifecycle", {"data_retention": "60d"}),
        ("PUT", "/_data_stream/metrics-wanglou.rollup-default/_lifecycle", {"data_retention": "400d"}),
        ("PUT", "/_data_stream/logs-wanglou.event-default/_lifecycle", {"data_retention": "190d"}),
    ]


def test_a_policy_rolls_over_and_deletes_by_age_and_is_put_on_the_stream() -> None:
    recorder = Recorder()
    apply_retention(recorder, Names(), Way.POLICY, Retention(events=200 * DAY), T0)  # type: ignore[arg-type]
    puts = {path: body for _, path, body in recorder.asked}
    policy = puts["/_ilm/policy/wanglou-event-default"]["policy"]["phases"]
    assert policy["delete"] == {"min_age": "200d", "actions": {"delete": {}}}
    assert policy["hot"]["actions"]["rollover"]["max_age"] == "1d"
    assert puts["/logs-wanglou.event-default/_settings"] == {"index.lifecycle.name": "wanglou-event-default"}
    assert not any("audit" in path for path in puts)
