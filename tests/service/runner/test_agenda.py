"""The heap of due polls: fixed phases, no drift, spread."""

from statistics import pstdev

from hypothesis import given
from hypothesis import strategies as st

from service.runner.agenda import Agenda, Key, following, phase


def keys(count: int) -> list[Key]:
    return [(f"device{number}", "snmp") for number in range(count)]


@given(st.text(max_size=20), st.floats(0.1, 86400))
def test_a_phase_lies_inside_the_interval(name: str, interval_s: float) -> None:
    assert 0 <= phase((name, "host"), interval_s) <= interval_s


@given(st.floats(1, 3600), st.floats(0, 1e7))
def test_the_following_time_is_after_now_and_within_one_interval(interval_s: float, now: float) -> None:
    found = following(("a", "host"), interval_s, now)
    assert now < found <= now + interval_s * 1.000001


def test_phases_spread_evenly() -> None:
    bars = [0] * 60
    for key in keys(6000):
        bars[int(phase(key, 60.0))] += 1
    assert pstdev(bars) < 20  # 100 on average; a random spread gives 10


def test_a_late_poll_does_not_move_the_next_ones() -> None:
    agenda = Agenda()
    agenda.put(("a", "host"), 10.0, now=0.0)
    own = phase(("a", "host"), 10.0)
    [first] = agenda.take(own + 4.0)
    assert first.at == own
    assert agenda.next_at() == own + 10.0


def test_times_missed_while_the_process_slept_are_counted_and_not_made_up_for() -> None:
    agenda = Agenda()
    agenda.put(("a", "host"), 10.0, now=0.0)
    own = phase(("a", "host"), 10.0)
    [due] = agenda.take(own + 35.0)
    assert due.missed == 3
    assert agenda.take(own + 35.0) == []


def test_a_first_poll_comes_at_once_and_the_regular_ones_keep_their_phase() -> None:
    agenda = Agenda()
    agenda.put(("a", "host"), 100.0, now=0.0, first=0.0)
    assert [due.at for due in agenda.take(0.0)] == [0.0]
    assert agenda.next_at() == phase(("a", "host"), 100.0)


def test_a_removed_key_is_never_due_and_a_changed_interval_is_due_once() -> None:
    agenda = Agenda()
    first, second = keys(2)
    agenda.put(first, 10.0, now=0.0)
    agenda.put(second, 10.0, now=0.0)
    agenda.put(second, 1000.0, now=0.0)
    agenda.remove(first)
    assert [due.key for due in agenda.take(1000.0)] == [second]
    assert len(agenda) == 1


def test_ten_thousand_targets_are_taken_in_order() -> None:
    agenda = Agenda()
    for key in keys(10_000):
        agenda.put(key, 60.0, now=0.0)
    due = agenda.take(60.0)
    assert len(due) == 10_000
    assert [entry.at for entry in due] == sorted(entry.at for entry in due)
