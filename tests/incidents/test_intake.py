"""What other monitoring systems send, read by mappings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused
from incidents.intake.mapping import MOST_ALERTS, SHIPPED, Foreign, load_mappings, read_body

MAPPINGS, WRONG = load_mappings([SHIPPED])
PROMETHEUS = {
    "version": "4",
    "status": "firing",
    "receiver": "wanglou",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighLoad", "instance": "10.1.0.7:9100", "severity": "page", "job": "node"},
            "annotations": {"summary": "load is high", "description": "load 31 for 10 min"},
            "startsAt": "2026-03-02T01:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "c0ffee",
        },
        {"status": "resolved", "labels": {"alertname": "DiskFull", "instance": "db"}, "annotations": {}, "endsAt": "2026-03-02T01:05:00+08:00"},
    ],
}
ZABBIX = {
    "trigger": "30011",
    "name": "接口 Gi0/1 断开",
    "host": "sw-1",
    "severity": "4",
    "value": "1",
    "tags": {"scope": "port"},
    "item_value": "down (2)",
}


def read(source: str, body: Any) -> list[Foreign]:
    return read_body(MAPPINGS[source], body)


def test_every_shipped_mapping_is_read() -> None:
    assert (sorted(MAPPINGS), WRONG) == (["alertmanager", "generic", "grafana", "zabbix"], [])


def test_a_call_of_alertmanager_gives_its_alerts_with_what_identifies_them() -> None:
    first, second = read("alertmanager", PROMETHEUS)
    assert (first.rule, first.asset, first.firing, first.severity) == ("HighLoad", "10.1.0.7:9100", True, "critical")
    assert (first.title, first.text, first.labels) == ("load is high", "load 31 for 10 min", {"job": "node"})
    assert (first.starts, first.ends) == (datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC), None)
    assert (second.firing, second.severity) == (False, "warning")
    assert second.ends == datetime(2026, 3, 1, 17, 5, tzinfo=UTC)


def test_a_call_of_zabbix_is_one_alert() -> None:
    (problem,) = read("zabbix", ZABBIX)
    assert (problem.rule, problem.asset, problem.firing, problem.severity, problem.labels) == ("30011", "sw-1", True, "high", {"scope": "port"})
    (ended,) = read("zabbix", {**ZABBIX, "value": "0"})
    assert not ended.firing


@pytest.mark.parametrize(("state", "firing"), [("firing", True), ("PROBLEM", True), ("ok", False), ("Recovered", False), ("something new", True), ("", False)])
def test_plain_json_says_its_state_in_many_words(state: str, firing: bool) -> None:
    (alert,) = read("generic", {"rule": "temperature", "host": "room-1", "state": state, "value": "31.5 °C"})
    assert (alert.firing, alert.value) == (firing, 31.5)


@pytest.mark.parametrize("body", [None, [], "text", 7, [1], {"alerts": None}, {"alerts": [1]}, {"alerts": []}])
def test_a_body_without_alerts_is_refused_in_words(body: Any) -> None:
    with pytest.raises(Refused, match="must be an alert or a list of alerts"):
        read("alertmanager", body)


def test_too_many_alerts_are_refused() -> None:
    with pytest.raises(Refused, match="1000 at most"):
        read("generic", [{}] * (MOST_ALERTS + 1))


def test_a_sites_file_replaces_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "zabbix.yaml").write_text("id: zabbix\nzh: 自己的\nen: own\nrule: [r]\nasset: [a]\nstate: {at: [s], firing: [up]}\n")
    (tmp_path / "x.yaml").write_text("id: x\nzh: x\nen: x\nrules: [r]\nasset: [a]\nstate: {at: [s]}\n")
    found, wrong = load_mappings([SHIPPED, tmp_path])
    assert found["zabbix"].en == "own"
    assert "x" not in found
    assert any("x.yaml:4" in str(error) for error in wrong) or any("rule" in str(error) for error in wrong)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["alerts", "labels", "status", "startsAt", "x"]), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(json_values, st.sampled_from(sorted(MAPPINGS)))
def test_whatever_comes_is_read_or_refused(body: Any, source: str) -> None:
    try:
        for alert in read(source, body):
            assert all(isinstance(value, str) for value in (alert.rule, alert.asset, alert.text, *alert.labels.values()))
    except Refused:
        pass
