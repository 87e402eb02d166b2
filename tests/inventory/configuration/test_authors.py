"""Who changed a configuration."""

from datetime import UTC, datetime, timedelta

import pytest

from core.records import Event
from inventory.configuration.authors import author

T = datetime(2026, 3, 3, 8, tzinfo=UTC)


def event(kind: str, minutes: float, user: str = "", **fields: str) -> Event:
    said = {"user.name": user} if user else {}
    return Event(id=f"{kind}{minutes}", time=T + timedelta(minutes=minutes), asset="sw1", kind=kind, message="", fields={**said, **fields})


def who(*events: Event) -> tuple[str, str]:
    found = author(events, T, T + timedelta(hours=1))
    return found.user, found.how


def test_the_device_that_names_who_configured_it_is_believed() -> None:
    events = (event("login_ok", 1, "li"), event("config_changed", 20, "wang", **{"source.ip": "10.0.0.9"}), event("login_ok", 30, "zhao"))
    found = author(events, T, T + timedelta(hours=1))
    assert (found.user, found.source, found.how, found.time) == ("wang", "10.0.0.9", "said", T + timedelta(minutes=20))


@pytest.mark.parametrize("kind", ["config_stamp", "config_command", "config_changed"])
def test_a_stamp_and_a_recorded_command_are_the_devices_own_word(kind: str) -> None:
    assert who(event(kind, 20, "wang"), event("login_ok", 30, "zhao")) == ("wang", "said")


def test_the_last_of_several_is_named() -> None:
    assert who(event("config_changed", 10, "li"), event("config_changed", 50, "wang")) == ("wang", "said")


def test_whoever_alone_was_logged_in_is_named_with_that_reservation() -> None:
    assert who(event("login_ok", 10, "li"), event("login_ok", 20, "li")) == ("li", "logged in")


def test_two_who_were_logged_in_leave_it_open() -> None:
    assert who(event("login_ok", 10, "li"), event("login_ok", 20, "wang")) == ("", "")


def test_a_sign_of_change_without_a_name_gives_the_time() -> None:
    found = author([event("config_changed", 10)], T, T + timedelta(hours=1))
    assert (found.user, found.time) == ("", T + timedelta(minutes=10))


def test_signs_of_other_times_do_not_count() -> None:
    assert who(event("config_changed", -30, "li"), event("config_changed", 90, "wang")) == ("", "")


def test_what_we_concluded_ourselves_is_no_witness() -> None:
    assert who(event("config_changed", 30, "li", **{"snapshot.kind": "running-config"})) == ("", "")


def test_nobody_is_named_when_nothing_was_said() -> None:
    assert who() == ("", "")


def test_a_device_whose_clock_is_hours_off_is_heard_by_ours() -> None:
    came = (T + timedelta(minutes=20)).isoformat()
    for hours in (-8, 8):
        assert who(event("config_command", hours * 60, "wang", **{"event.ingested": came})) == ("wang", "said")
    late = (T + timedelta(hours=5)).isoformat()
    assert who(event("config_command", 20, "wang", **{"event.ingested": late})) == ("", "")
