"""Conditions that devices report themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.records import Event, Finding, Sample
from detectors.rules.told import Told, conditions, read_conditions

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def say(told: Told, kind: str, hours: float = 0, asset: str = "core1", **fields: str) -> list[tuple[str, str, str, bool]]:
    now = NOW + timedelta(hours=hours)
    names = {"part": "hw.sensor", "peer": "network.peer.address"}
    event = Event(id="x", time=now, asset=asset, kind=kind, message="words of the device", fields={names[key]: value for key, value in fields.items()})
    return short(told.read([event], now))


def short(found: list[Finding]) -> list[tuple[str, str, str, bool]]:
    return [(finding.source, finding.asset, finding.labels.get("subject", ""), finding.firing) for finding in found]


def test_it_lasts_from_the_word_that_begins_it_to_the_word_that_ends_it() -> None:
    told = Told()
    assert say(told, "power_supply_failed", 0, part="PSU 1") == [("told_power", "core1", "PSU 1", True)]
    assert say(told, "power_supply_failed", 1, part="PSU 1") == []
    assert say(told, "power_supply_recovered", 2, part="PSU 2") == []
    assert say(told, "power_supply_recovered", 2, "other", part="PSU 1") == []
    assert say(told, "power_supply_recovered", 3, part="PSU 1") == [("told_power", "core1", "PSU 1", False)]


def test_an_end_that_names_nobody_ends_all_of_the_device() -> None:
    told = Told()
    say(told, "bgp_down", peer="10.0.0.1")
    say(told, "bgp_down", peer="10.0.0.2")
    assert sorted(say(told, "bgp_up")) == [("told_bgp", "core1", "10.0.0.1", False), ("told_bgp", "core1", "10.0.0.2", False)]


def test_what_is_not_said_again_ends_when_its_time_is_over() -> None:
    told = Told()
    say(told, "fan_failed", 0, part="Fan 1")
    sample = Sample(time=NOW + timedelta(hours=23), asset="web1", metric="system.uptime", value=1)
    assert told.observe([sample]) == []
    late = Sample(time=NOW + timedelta(hours=25), asset="web1", metric="system.uptime", value=1)
    assert short(told.observe([late])) == [("told_fan", "core1", "Fan 1", False)]


def test_it_remembers_over_a_restart() -> None:
    told, again = Told(), Told()
    say(told, "temperature_high", part="Inlet")
    again.restore(told.state())
    assert say(again, "temperature_normal", part="Inlet") == [("told_hot", "core1", "Inlet", False)]
    with pytest.raises(ConfigError, match="damaged"):
        again.restore(b"rubbish")


def test_every_condition_speaks_both_languages_and_has_its_own_kinds() -> None:
    kinds = [kind for row in conditions() for kind in (row.begins, row.ends)]
    assert len(kinds) == len(set(kinds))
    assert all(row.zh and row.en and row.lasts_s >= 3600 for row in conditions())


def test_a_kind_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    row = "- {id: %s, begins: a, ends: b, class: c, severity: high, lasts: 1h, zh: x, en: y}\n"
    (tmp_path / "told.yaml").write_text(row % "one" + row % "two")
    with pytest.raises(ConfigError, match=r"told.yaml:2: .*another row"):
        read_conditions(tmp_path / "told.yaml")
