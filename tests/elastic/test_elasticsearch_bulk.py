"""The bulk loop against a real server, and against refusals that a healthy server gives only under pressure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.errors import StoreAway
from core.records import Event, Sample
from store.base import Selector
from store.elastic.encode import Action, event_action, sample_actions
from store.elastic.link import Address, Busy, Link
from store.elastic.names import Names
from store.elastic.series import raw_points
from store.elastic.ship import FEWEST_ACTIONS, MOST_ACTIONS, Bulk
from tests.elastic.conftest import Place
from tests.elastic.test_link import ELASTIC, answering
from tests.elastic.times import T0


def never(_: float) -> bool:
    return False


def bulk(place: Place) -> Bulk:
    return Bulk(place.link, place.names, never)


def sample(metric: str, value: float, minute: int = 0) -> Sample:
    return Sample(time=T0 + timedelta(minutes=minute), asset="a", metric=metric, value=value, labels={"device": "sda"})


def event(number: int, **fields: Any) -> Event:
    return Event(id=f"e{number}", time=T0 + timedelta(seconds=number), asset="a", kind="syslog", message="m", fields=fields)


@pytest.mark.peer
def test_samples_of_one_moment_share_a_document_and_a_repeat_is_known(place: Place) -> None:
    actions = list(sample_actions(place.names, [sample("system.disk.io", 1), sample("system.disk.time", 2), sample("system.disk.io", 3, minute=1)]))
    assert len(actions) == 2
    assert bulk(place).send(actions).created == 2
    again = bulk(place).send(actions)
    assert (again.created, again.repeated) == (0, 2)
    assert place.count(place.names.metrics) == 2


@pytest.mark.peer
def test_a_later_batch_adds_what_is_missing_at_a_moment_and_never_changes_a_value(place: Place) -> None:
    for part in ([sample("a.one", 1)], [sample("a.one", 99), sample("a.two", 2)], [sample("a.three", 3), sample("a.two", 98)], [sample("a.one", 97)]):
        bulk(place).send(list(sample_actions(place.names, part)))
    place.refresh(place.names.metrics)
    found = raw_points(place.link, place.names, Selector(), T0, T0 + timedelta(minutes=1))
    assert {one.metric: [value for _, value in one.points] for one in found} == {"a.one": [1.0], "a.two": [2.0], "a.three": [3.0]}


@pytest.mark.peer
def test_one_refused_document_becomes_a_dead_letter_and_the_others_are_stored(place: Place) -> None:
    bad = Action(place.names.events, "bad", {"@timestamp": "yesterday", "event.id": "x", "message": "m"})
    sent = bulk(place).send([event_action(place.names, event(1)), bad, event_action(place.names, event(2))])
    assert sent.created == 2
    assert [dead.action.id for dead in sent.dead] == ["bad"]
    assert "yesterday" in sent.dead[0].reason
    assert place.count(place.names.events) == 2


@pytest.mark.peer
def test_a_field_may_change_its_type_between_events(place: Place) -> None:
    shapes: list[dict[str, Any]] = [{"x": 1}, {"x": "text"}, {"x": True}, {"x": 1.5}, {"x": None}, {"x": [1, "b"]}, {"x": {"deep": 1}}, {"x.deep": "flat"}]
    sent = bulk(place).send([event_action(place.names, event(n, **shape)) for n, shape in enumerate(shapes)])
    assert (sent.created, sent.dead) == (len(shapes), [])


@pytest.mark.peer
def test_an_event_with_thousands_of_fields_is_kept(place: Place) -> None:
    sent = bulk(place).send([event_action(place.names, event(1, **{f"field{n}": "v" for n in range(8000)}))])
    assert (sent.created, sent.dead) == (1, [])


@pytest.mark.peer
def test_a_batch_in_doubt_is_not_doubled_across_a_rollover(place: Place) -> None:
    actions = [event_action(place.names, event(n)) for n in range(300)]
    first = bulk(place)
    assert first.send(actions[:200]).created == 200
    place.link.call("POST", f"/{place.names.events}/_rollover")
    restarted = bulk(place)
    sent = restarted.send(actions, in_doubt=True)
    assert (sent.created, sent.repeated) == (100, 200)
    assert place.count(place.names.events) == 300
    assert first.send(actions, in_doubt=True).repeated == 300
    assert place.count(place.names.events) == 300


def item(status: int, kind: str = "") -> dict[str, Any]:
    return {"create": {"_index": "i", "status": status, **({"error": {"type": kind, "reason": "because"}} if kind else {})}}


def answer(*items: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    return 200, ELASTIC, json.dumps({"errors": any("error" in one["create"] for one in items), "items": items})


def test_only_refused_items_are_sent_again_with_growing_jittered_pauses() -> None:
    refused = item(429, "es_rejected_execution_exception")
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    actions = [event_action(Names(), event(n)) for n in range(3)]
    with answering(answer(item(201), refused, refused), answer(refused, item(201)), answer(item(201))) as url:
        loop = Bulk(Link(Address(url=url)), Names(), pause, random.Random(1))
        sent = loop.send(actions)
    assert (sent.created, loop.retries, len(pauses)) == (3, 2, 2)
    assert 0 <= pauses[0] <= 0.5
    assert 0 <= pauses[1] <= 1.0


def test_a_wholly_refused_request_halves_the_batch_and_recovers() -> None:
    sizes: list[int] = []
    loop = Bulk(Link(Address(url="http://127.0.0.1:1")), Names(), never)
    loop._link = _Counting(sizes, busy=3)  # type: ignore[assignment]
    sent = loop.send([event_action(Names(), event(n)) for n in range(2 * MOST_ACTIONS)])
    assert sent.created == 2 * MOST_ACTIONS
    assert sizes[:4] == [MOST_ACTIONS, MOST_ACTIONS // 2, MOST_ACTIONS // 4, MOST_ACTIONS // 8]
    assert min(sizes) >= FEWEST_ACTIONS
    assert max(sizes[4:]) > MOST_ACTIONS // 2


class _Counting:
    """A link that is busy some times and then takes everything."""

    def __init__(self, sizes: list[int], busy: int) -> None:
        self._sizes, self._busy = sizes, busy

    def call(self, method: str, path: str, body: bytes, **_: Any) -> dict[str, Any]:
        count = body.count(b'{"create"')
        self._sizes.append(count)
        if self._busy:
            self._busy -= 1
            raise Busy("full")
        return {"errors": False, "items": [item(201)] * count}


def test_it_stops_when_told_in_the_middle_of_a_pause() -> None:
    stop: Callable[[float], bool] = lambda _: True  # noqa: E731
    with answering(answer(item(503, "unavailable"))) as url, pytest.raises(StoreAway, match="stopped"):
        Bulk(Link(Address(url=url)), Names(), stop).send([event_action(Names(), event(1))])
