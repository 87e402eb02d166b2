from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.errors import ConfigError
from simulator.ber import COUNTER64, INTEGER, OBJECT, OCTETS, View, answer, element, oid_bytes, question, value_bytes
from simulator.chatter import Chatter, Line
from simulator.estate import SHIPPED, load_estate
from simulator.world import World

ESTATE = load_estate()


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def world(clock: Time) -> World:
    return World(ESTATE, clock, speed=60)


def test_a_disk_fills_slowly_and_is_as_before_when_the_fault_ends(world: World, clock: Time) -> None:
    usual = world.disk("hq-data1")
    world.switch("disk-filling", True)
    clock.seconds = 150
    assert usual + 10 < world.disk("hq-data1") < 90
    clock.seconds = 400
    assert world.disk("hq-data1") > 96
    world.switch("disk-filling", False)
    assert world.disk("hq-data1") < 61


def test_counters_never_go_back(world: World, clock: Time) -> None:
    seen = []
    for second in range(0, 3000, 7):
        clock.seconds = second
        seen.append(world.octets("a", 1e6))
    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen)


def test_what_is_behind_a_cut_line_cannot_be_reached(world: World) -> None:
    everything = set(ESTATE.by_id)
    assert world.reachable() == everything
    world.switch("uplink-cut", True)
    gone = everything - world.reachable()
    assert gone == {name for name in everything if name.startswith("lab-")}


def test_the_day_turns_every_fault_on_and_off_again(world: World, clock: Time) -> None:
    minute, seen = world.minute(), set()
    for _ in range(1441):
        clock.seconds += 1
        seen |= set(world.follow(minute))
        minute = world.minute()
    assert seen == {act.fault for act in ESTATE.day}
    assert not world.on


def test_an_unknown_fault_is_a_key_error(world: World) -> None:
    with pytest.raises(KeyError):
        world.switch("earthquake", True)


def test_everyday_talk_comes_from_those_that_can_be_heard(world: World, clock: Time) -> None:
    chatter = Chatter(world)
    said: list[Line] = []
    for second in range(600):
        clock.seconds = second
        said += chatter.lines(world.reachable())
    assert 60 < len(said) < 400
    assert all(line.asset in ESTATE.by_id for line in said)
    assert list(chatter.lines(frozenset())) == []


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("network.yaml", {"colour": "red"}, "unknown key"),
        ("network.yaml", {"roots": ["nowhere"]}, "hangs on nothing"),
        ("faults.yaml", {"day": [{"at": "08:00", "fault": "earthquake", "minutes": 5}]}, "earthquake"),
        ("faults.yaml", {"day": [{"at": "25:00", "fault": "leak", "minutes": 5}]}, "day.0.at"),
    ],
)
def test_a_wrong_estate_is_refused_and_says_why(tmp_path: Path, file: str, change: dict[str, object], word: str) -> None:
    for path in SHIPPED.glob("*.yaml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        (tmp_path / path.name).write_text(yaml.safe_dump(data | change if path.name == file else data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError, match=word):
        load_estate(tmp_path)


def request(kind: int, oid: tuple[int, ...], first: int = 0, second: int = 0) -> bytes:
    binding = element(0x30, element(OBJECT, oid_bytes(oid)) + b"\x05\x00")
    pdu = element(INTEGER, b"\x01") + value_bytes((INTEGER, first)) + value_bytes((INTEGER, second)) + element(0x30, binding)
    return element(0x30, value_bytes((INTEGER, 1)) + element(OCTETS, b"public") + element(kind, pdu))


def test_damaged_requests_are_refused_and_never_anything_worse() -> None:
    whole = request(0xA5, (1, 3, 6, 1), 0, 10)
    view = View({(1, 3, 6, 1, number): (COUNTER64, 2**63 + number) for number in range(50)})
    assert answer(question(whole), view)
    refused = 0
    for place in range(len(whole)):
        for value in (0, 1, 0x7F, 0x80, 0x84, 0xFF):
            try:
                asked = question(whole[:place] + bytes([value]) + whole[place + 1 :])
            except ValueError:
                refused += 1
            else:
                answer(asked, view)
    assert refused
