"""Surges of events and the silence of sources: what is told, what is not, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import ConfigError
from core.records import Event, Finding, Sample
from detectors.logs.rates import Rates

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday; eight in the morning in Shanghai
HOURS = 72


def event(number: int, asset: str = "fw", kind: str = "syslog", facility: str = "auth") -> Event:
    return Event(id=f"e{number}", time=START, asset=asset, kind=kind, message="x", fields={"log.syslog.facility.name": facility})


def tick(at: datetime) -> list[Sample]:
    return [Sample(time=at, asset="fw", metric="m", value=1)]


def run(rates: Rates, minutes: range, speaks: Callable[[int], int], asset: str = "fw", kind: str = "syslog") -> list[tuple[int, Finding]]:
    """``speaks(minute)`` events in each minute."""
    found = []
    for minute in minutes:
        at = START + timedelta(minutes=minute)
        batch = [event(minute, asset, kind) for _ in range(speaks(minute))]
        found += [(minute, one) for one in [*(rates.read(batch, at) if batch else []), *rates.observe(tick(at))]]
    return found


def steady(minute: int) -> int:
    return 1 if minute % 3 == 0 else 0


def learned() -> Rates:
    rates = Rates()
    assert run(rates, range(HOURS * 60), steady) == []
    return rates


def test_a_surge_is_told_once_per_stream_against_the_busiest_hour_and_ends() -> None:
    rates, begin = learned(), HOURS * 60
    found = run(rates, range(begin, begin + 240), lambda minute: 5 if begin <= minute < begin + 30 else steady(minute))
    begun = [one for _, one in found if one.firing]
    assert {(one.labels["by"], one.labels.get("name")) for one in begun} == {("source", None), ("facility", "auth")}
    assert begun[0].evidence["busiest_hour"] == 20
    assert begun[0].evidence["count"] == 61
    assert "最多的一小时为 20 条" in begun[0].evidence["zh"]
    assert [one.fingerprint for _, one in found if not one.firing] == [one.fingerprint for one in begun]


def test_a_kind_of_event_has_a_rate_of_its_own() -> None:
    rates = Rates()
    run(rates, range(HOURS * 60), lambda minute: 1 if minute % 30 == 0 else 0, kind="login_failed")
    found = run(rates, range(HOURS * 60, HOURS * 60 + 50), lambda _minute: 3, kind="login_failed")
    assert ("kind", "login_failed") in {(one.labels["by"], one.labels.get("name")) for _, one in found if one.firing}


def test_a_source_that_falls_silent_is_told_and_ends_when_it_speaks() -> None:
    rates, begin = learned(), HOURS * 60
    found = run(rates, range(begin, begin + 120), lambda minute: 0 if minute < begin + 90 else steady(minute))
    (at, begun), (_, ended) = found
    assert (begun.firing, begun.labels, ended.firing) == (True, {"what": "silence", "by": "source"}, False)
    assert 27 <= at - begin <= 33
    assert begun.evidence["missed"] == pytest.approx(10, abs=1)
    assert "应有约 1" in begun.evidence["zh"]
    assert begun.fingerprint == ended.fingerprint


def office(minute: int) -> int:
    """Speaks from eight to six on working days alone; minute 0 is Monday, eight."""
    day, hour = minute // 1440, minute % 1440 // 60
    return steady(minute) if hour < 10 and day % 7 < 5 else 0


def test_an_office_device_may_sleep_at_night_and_on_free_days() -> None:
    assert [one for _, one in run(Rates(), range(14 * 1440), office) if one.firing] == []


def test_but_not_in_working_hours() -> None:
    rates = Rates()
    run(rates, range(2 * 1440), office)
    found = run(rates, range(2 * 1440, 2 * 1440 + 360), lambda minute: 0 if minute > 2 * 1440 + 120 else office(minute))
    assert [one.labels["what"] for _, one in found if one.firing] == ["silence"]


def test_when_most_fall_silent_one_finding_says_so_about_the_way_here() -> None:
    rates = Rates()
    for minute in range(26 * 60):
        at = START + timedelta(minutes=minute)
        rates.read([event(minute, f"s{n}") for n in range(8)] if minute % 3 == 0 else [], at)
        rates.observe(tick(at))
    found = run(rates, range(26 * 60, 27 * 60), lambda _minute: 0)
    assert [(one.asset, one.labels["by"], one.evidence["silent"]) for _, one in found] == [("wanglou", "all", 8)]


def test_the_time_that_the_service_was_off_is_nobodys_silence() -> None:
    again = Rates()
    again.restore(learned().state())
    off = HOURS * 60 + 600
    assert run(again, range(off, off + 25), lambda _minute: 0) == []
    assert [one.labels["what"] for _, one in run(again, range(off + 25, off + 40), lambda _minute: 0)] == ["silence"]


def test_a_state_goes_on_as_if_nothing_had_happened() -> None:
    first = learned()
    second = Rates()
    second.restore(first.state())
    minutes = range(HOURS * 60, HOURS * 60 + 30)
    told = [[(at, one.fingerprint) for at, one in run(rates, minutes, lambda _minute: 5)] for rates in (first, second)]
    assert told[0] == told[1] != []


@pytest.mark.parametrize("state", [b"", b"rubbish"])
def test_a_damaged_state_is_refused_and_changes_nothing(state: bytes) -> None:
    rates = learned()
    with pytest.raises(ConfigError):
        rates.restore(state)
    assert run(rates, range(HOURS * 60, HOURS * 60 + 30), lambda _minute: 5)
