from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from inventory.topology.history import Known, body_of, fold, known_of, neighbours
from inventory.topology.links import Link, links
from tests.inventory.topology.makers import NOW, device, directory, mac, told

HOUR = timedelta(hours=1)


def pair(port: str = "1") -> list[Link]:
    one = device("a", 1, neighbours=[told(port, "b", "2")])
    two = device("b", 2, neighbours=[told("2", "a", port)])
    return links(directory(one, two))


def learned() -> list[Link]:
    return links(directory(device("a", 1, fdb=[[mac(2), "1", 10]]), device("b", 2, fdb=[[mac(1), "2", 10]])))


def test_a_link_that_vanishes_is_gone_and_returns_as_the_same_one() -> None:
    (there,) = fold([], pair(), NOW)
    (gone,) = fold([there], [], NOW + HOUR)
    assert (there.state(NOW), gone.state(NOW + HOUR), gone.gone) == ("there", "gone", NOW + HOUR)
    later = [replace(link, seen=NOW + 3 * HOUR) for link in pair()]
    (back,) = fold([gone], later, NOW + 3 * HOUR)
    assert (back.id, back.gone, len(back.spans), back.first) == (there.id, None, 2, NOW)
    assert [back.was_there(NOW + hours * HOUR) for hours in (0, 2, 3)] == [True, False, True]


def test_a_link_seen_only_by_forwarding_tables_waits_an_hour_before_it_is_gone() -> None:
    (there,) = fold([], learned(), NOW)
    assert fold([there], [], NOW + 0.5 * HOUR)[0].gone is None
    assert fold([there], [], NOW + 1.5 * HOUR)[0].gone == NOW + 1.5 * HOUR


def test_a_link_whose_far_port_becomes_known_stays_the_same_link() -> None:
    half = links(directory(device("a", 1, neighbours=[told("1", "b", "")]), device("b", 2)))
    (before,) = fold([], half, NOW)
    (after,) = fold([before], pair(), NOW)
    assert (after.id, after.link.b.port, len(after.spans)) == (before.id, "2", 1)


def test_a_cable_moved_to_another_port_is_another_link() -> None:
    (before,) = fold([], pair("1"), NOW)
    states = {known.link.a.port: known.state(NOW) for known in fold([before], pair("7"), NOW)}
    assert states == {"1": "gone", "7": "there"}


def test_a_link_not_confirmed_for_hours_is_stale_and_an_unlikely_one_doubtful() -> None:
    (there,) = fold([], pair(), NOW)
    assert there.state(NOW + 3 * HOUR) == "stale"
    assert Known("x", replace(there.link, confidence=0.2), there.spans).state(NOW) == "doubtful"


def test_what_is_gone_for_half_a_year_is_forgotten() -> None:
    (gone,) = fold(fold([], pair(), NOW), [], NOW)
    assert fold([gone], [], NOW + timedelta(days=189)) == [gone]
    assert fold([gone], [], NOW + timedelta(days=191)) == []


def test_neighbours_are_told_of_both_ends_but_not_of_doubtful_links() -> None:
    (there,) = fold([], pair(), NOW)
    assert neighbours([there]) == {"a": ("b",), "b": ("a",)}
    assert neighbours([Known("x", replace(there.link, confidence=0.2), there.spans)]) == {}


def test_a_document_gives_back_what_was_put_in() -> None:
    (there,) = fold([], learned(), NOW)
    assert there.link.vlans == (10,)
    assert known_of(there.id, json.loads(json.dumps(body_of(there)))) == there
