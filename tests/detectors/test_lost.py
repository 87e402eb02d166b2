"""What held for long and is lost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from core.records import Finding, Sample, Severity
from detectors.series.lost import ADMIN, NEIGHBOURS, PORT, UNCHANGED, Lost

START = datetime(2026, 3, 1, tzinfo=UTC)
GATE: Mapping[str, str] = {"interface": "Gi0/1"}


def watch(detector: Lost, day: float, value: float, metric: str = PORT, labels: Mapping[str, str] = GATE, **more: float) -> list[Finding]:
    time = START + timedelta(days=day)
    extra = {"admin": ADMIN, "unchanged": UNCHANGED, "neighbours": NEIGHBOURS}
    batch = [Sample(time=time, asset="sw1", metric=metric, value=value, labels=labels)]
    batch += [Sample(time=time, asset="sw1", metric=extra[name], value=number, labels=labels) for name, number in more.items()]
    return detector.observe(batch)


def told(found: list[Finding]) -> list[tuple[str, str, bool]]:
    return [(finding.source, finding.severity.value, finding.firing) for finding in found]


def test_a_port_that_was_up_for_a_week_is_missed_and_its_return_ends_it() -> None:
    detector = Lost()
    assert [watch(detector, day, 1) for day in (0, 3, 7)] == [[], [], []]
    assert told(watch(detector, 7.1, 0)) == [("interface_lost", "warning", True)]
    assert watch(detector, 7.2, 0) == []
    assert told(watch(detector, 7.3, 1)) == [("interface_lost", "warning", False)]
    assert told(watch(detector, 7.4, 0)) == [("interface_lost", "warning", True)]


def test_a_port_of_a_desk_that_is_switched_off_each_night_is_not_missed() -> None:
    detector = Lost()
    assert [watch(detector, day / 2, (day + 1) % 2) for day in range(60)] == [[]] * 60


def test_what_the_device_says_of_the_time_before_counts() -> None:
    detector = Lost()
    assert watch(detector, 0, 1, unchanged=8 * 86400.0) == []
    assert told(watch(detector, 0.01, 0)) == [("interface_lost", "warning", True)]
    young = Lost()
    assert watch(young, 0, 1, unchanged=86400.0) == []
    assert watch(young, 0.01, 0) == []


def test_a_device_tells_it_at_a_later_poll_too() -> None:
    detector = Lost()
    assert watch(detector, 0, 1) == []
    assert watch(detector, 0.04, 1, unchanged=9 * 86400.0) == []
    assert told(watch(detector, 0.05, 0)) == [("interface_lost", "warning", True)]


def test_a_port_with_a_network_device_behind_it_is_graver() -> None:
    detector = Lost()
    watch(detector, 0, 1, unchanged=8 * 86400.0, neighbours=1)
    (found,) = watch(detector, 0.01, 0)
    assert found.severity == Severity.HIGH
    assert "Gi0/1" in found.title
    assert found.evidence["held_since"] == "2026-02-21T00:00+00:00"


def test_a_port_that_a_person_shuts_is_not_missed() -> None:
    detector = Lost()
    watch(detector, 0, 1, unchanged=8 * 86400.0)
    assert watch(detector, 0.01, 0, admin=0) == []
    watch(detector, 1, 1, admin=1, unchanged=8 * 86400.0)
    assert told(watch(detector, 1.1, 0, admin=1)) == [("interface_lost", "warning", True)]
    assert told(watch(detector, 1.2, 0, admin=0)) == [("interface_lost", "warning", False)]
    assert watch(detector, 1.3, 0, admin=1) == []


def test_a_loss_that_nobody_mends_for_a_month_is_the_new_usual() -> None:
    detector = Lost()
    watch(detector, 0, 1, unchanged=8 * 86400.0)
    watch(detector, 1, 0)
    assert watch(detector, 30, 0) == []
    assert told(watch(detector, 32, 0)) == [("interface_lost", "warning", False)]
    assert watch(detector, 33, 0) == []


def test_half_of_an_aggregated_link_is_graver_than_one_of_four() -> None:
    detector = Lost()
    for hour in range(3):
        assert watch(detector, hour / 24, 4, "network.lag.members") == []
    assert told(watch(detector, 0.2, 3, "network.lag.members")) == [("lag_lost", "warning", True)]
    assert told(watch(detector, 0.3, 2, "network.lag.members")) == [("lag_lost", "high", True)]
    assert told(watch(detector, 0.4, 3, "network.lag.members")) == [("lag_lost", "warning", True)]
    assert told(watch(detector, 0.5, 4, "network.lag.members")) == [("lag_lost", "warning", False)]


def test_a_member_that_is_added_is_expected_from_then_on() -> None:
    detector = Lost()
    numbers = [2, 2, 3, 3, 2]
    assert [told(watch(detector, hour / 12, number, "network.lag.members")) for hour, number in enumerate(numbers)] == [[]] * 4 + [
        [("lag_lost", "warning", True)]
    ]


def test_a_neighbour_that_was_never_there_is_not_missed() -> None:
    detector = Lost()
    peer = {"peer": "10.0.0.2"}
    assert [watch(detector, day, 0, "network.bgp.peer.up", peer) for day in range(5)] == [[]] * 5
    assert [watch(detector, 5 + hour / 24, 1, "network.bgp.peer.up", peer) for hour in range(3)] == [[]] * 3
    assert told(watch(detector, 6, 0, "network.bgp.peer.up", peer)) == [("bgp_lost", "high", True)]
