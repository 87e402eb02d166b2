"""A part that stands still is found out, once, and cleared when it moves."""

import json
from datetime import UTC, datetime
from pathlib import Path

from core.records import Severity
from service.pulse import Part, Pulse, write_heartbeat
from service.supervisor import read_heartbeat

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PARTS = {"poll": Part("poll", 60, "采集"), "alert": Part("alert", 30, "告警", vital=True)}


def test_a_part_that_stands_still_fires_once_and_clears_when_it_moves() -> None:
    pulse = Pulse(PARTS, 0)
    pulse.beat("alert", 61)
    (finding,) = pulse.judge(61, NOW)
    assert (finding.labels["part"], finding.firing, finding.severity) == ("poll", True, Severity.HIGH)
    assert pulse.judge(62, NOW) == []
    pulse.beat("poll", 63)
    (cleared,) = pulse.judge(64, NOW)
    assert not cleared.firing
    assert cleared.fingerprint == finding.fingerprint


def test_only_a_vital_part_holds_the_heartbeat_back() -> None:
    pulse = Pulse(PARTS, 0)
    pulse.beat("alert", 100)
    assert not pulse.is_vital_still(100)
    assert pulse.is_vital_still(131)


def test_ages_become_samples() -> None:
    ages = {sample.labels["part"]: sample.value for sample in Pulse(PARTS, 0).samples(5, NOW)}
    assert ages == {"poll": 5, "alert": 5}


def test_the_heartbeat_file_is_whole_or_absent(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert read_heartbeat(tmp_path) is None
    write_heartbeat(tmp_path, 12.5)
    found = read_heartbeat(tmp_path)
    assert found is not None
    assert found["monotonic"] == 12.5
    (tmp_path / "run" / "heartbeat.json").write_text(json.dumps(found)[:5])
    assert read_heartbeat(tmp_path) is None
