"""Records keep their identity."""

from datetime import UTC, datetime

import pytest

from core.clock import ManualClock, seconds
from core.errors import ConfigError
from core.records import Finding, Severity, Snapshot, fingerprint, utc
from core.registry import resolve

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def finding(severity: Severity, labels: dict[str, str]) -> Finding:
    return Finding(time=NOW, source="disk", asset="a", title="t", severity=severity, firing=True, labels=labels)


def test_a_fingerprint_ignores_severity_and_order_of_labels() -> None:
    assert finding(Severity.HIGH, {"a": "1", "b": "2"}).fingerprint == finding(Severity.INFO, {"b": "2", "a": "1"}).fingerprint


def test_a_fingerprint_normalises_unicode_and_spaces_and_nothing_else() -> None:
    assert fingerprint("r", "a", {"l": "é "}) == fingerprint("r", "a", {"l": "e\u0301"})
    assert fingerprint("r", "a", {"l": "x"}) != fingerprint("r", "a", {"l": "X"})


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="carries a zone"):
        utc(datetime(2026, 3, 2))  # noqa: DTZ001


def test_a_snapshot_with_bytes_that_are_no_text_has_a_hash() -> None:
    assert len(Snapshot(time=NOW, asset="a", kind="k", body="\udcff").sha256) == 64


def test_severities_sort_gravest_first() -> None:
    assert min(Severity, key=lambda s: s.rank) is Severity.CRITICAL


@pytest.mark.parametrize(("text", "value"), [(90, 90), ("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200), ("1h30m", 5400), ("0s", 0)])
def test_durations(text: str | int, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "5 m", "-5m", "1w", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


def test_a_manual_clock_can_jump_its_wall_time_alone() -> None:
    clock = ManualClock(NOW)
    clock.jump(3600)
    clock.advance(1)
    assert clock.monotonic() == 1
    assert (clock.now() - NOW).total_seconds() == 3601


def test_a_registry_imports_on_first_use_and_names_what_there_is() -> None:
    assert resolve({"utc": "core.records:utc"}, "utc", "thing") is utc
    with pytest.raises(ConfigError, match="no thing is called 'x'; there are: utc"):
        resolve({"utc": "core.records:utc"}, "x", "thing")
    with pytest.raises(ConfigError, match="needs the package 'not_there_at_all'"):
        resolve({"x": "not_there_at_all.y:z"}, "x", "thing")
