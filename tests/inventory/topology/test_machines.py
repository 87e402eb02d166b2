from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from inventory.topology.machines import Machine, body_of, fold, is_news, machine_of
from inventory.topology.places import Place
from tests.inventory.topology.makers import NOW, mac

HOUR = timedelta(hours=1)


def at(number: int, switch: str, port: str, time: datetime = NOW, confidence: float = 0.95) -> dict[str, Place]:
    return {mac(number): Place(mac(number), switch, port, 10, time, confidence)}


def known(*places: dict[str, Place]) -> dict[str, Machine]:
    machines: dict[str, Machine] = {}
    for found in places:
        machines = dict(fold(machines, found, {}, {}, next(iter(found.values())).seen).machines)
    return machines


def test_the_first_look_at_a_switch_makes_no_news_and_the_second_does() -> None:
    first = fold({}, at(9, "a", "1"), {}, {}, NOW)
    assert first.new == ()
    second = fold(first.machines, at(9, "a", "1") | at(8, "a", "2") | at(7, "unread", "2"), {}, {}, NOW)
    assert second.new == (mac(8),)


def test_a_machine_that_moves_keeps_where_it_was() -> None:
    (machine,) = known(at(9, "a", "1"), at(9, "b", "4", NOW + HOUR)).values()
    assert [(stay.switch, stay.until) for stay in machine.stays] == [("a", NOW + HOUR), ("b", None)]


def test_an_uplink_does_not_replace_the_port_where_it_was_seen_until_hours_have_passed() -> None:
    soon = known(at(9, "a", "1"), at(9, "core", "24", NOW + HOUR, 0.3))[mac(9)]
    assert (soon.place.switch, soon.seen) == ("a", NOW + HOUR)
    late = known(at(9, "a", "1"), *(at(9, "core", "24", NOW + hours * HOUR, 0.3) for hours in (1, 3, 5, 7)))[mac(9)]
    assert [stay.switch for stay in late.stays] == ["a", "core"]


def test_an_address_given_up_is_remembered_with_the_time() -> None:
    first = fold({}, at(9, "a", "1"), {mac(9): ("10.0.0.1",)}, {mac(9): "web"}, NOW)
    second = fold(first.machines, at(9, "a", "1", NOW + HOUR), {mac(9): ("10.0.0.2",)}, {}, NOW + HOUR)
    machine = second.machines[mac(9)]
    assert (machine.addresses, machine.formerly, machine.asset) == (("10.0.0.2",), (("10.0.0.1", NOW + HOUR),), "web")
    silent = fold(second.machines, at(9, "a", "1", NOW + 2 * HOUR), {}, {}, NOW + 2 * HOUR)
    assert silent.machines[mac(9)].addresses == ("10.0.0.2",)


def test_only_what_differs_or_is_old_is_written_again() -> None:
    old = known(at(9, "a", "1"))[mac(9)]
    soon = known(at(9, "a", "1"), at(9, "a", "1", NOW + 0.5 * HOUR))[mac(9)]
    assert not is_news(old, soon, HOUR)
    assert is_news(old, replace(soon, seen=NOW + HOUR), HOUR)
    assert is_news(old, replace(soon, addresses=("10.0.0.1",)), HOUR)
    assert is_news(None, old, HOUR)


def test_a_machine_not_seen_for_half_a_year_is_forgotten() -> None:
    assert fold(known(at(9, "a", "1")), {}, {}, {}, NOW + timedelta(days=191)).machines == {}


def test_a_document_gives_back_what_was_put_in() -> None:
    machine = known(at(9, "a", "1"), at(9, "b", "4", NOW + HOUR))[mac(9)]
    machine = replace(machine, formerly=(("10.0.0.9", NOW),), others=(("c", "5"),))
    assert machine_of(json.loads(json.dumps(body_of(machine)))) == machine
