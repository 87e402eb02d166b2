"""What the page Flows computes."""

from __future__ import annotations

import json
from datetime import timedelta

from console.desk import Desk
from console.queries import flows
from core.records import Snapshot
from inventory.asset import Asset
from store.flows import Line
from store.snapshots import save_snapshot


def test_the_ports_of_an_exporter_have_names_and_narrow_its_conversations(filled: Desk) -> None:
    body = {"interfaces": [{"index": 1, "name": "Gi0/1"}, {"index": 2, "name": None, "descr": "uplink"}]}
    save_snapshot(filled.store, Snapshot(time=filled.now(), asset="switch-001", kind="snmp.inventory", body=json.dumps(body)))
    assert flows.ports_of(filled.store, "switch-001") == {"1": "Gi0/1", "2": "uplink"}
    assert flows.ports_of(filled.store, "192.0.2.77") == {}
    since = filled.now() - timedelta(hours=1)
    lines = flows.read_view(filled.store, since, filled.now(), "switch-001").lists["conversations"]
    assert flows.through(lines, "1") == list(lines)
    assert flows.through(lines, "9") == []
    everybody = flows.read_view(filled.store, since, filled.now()).lists["conversations"]
    assert {len(line.names) for line in everybody} == {3}


def test_an_asset_is_found_by_any_of_its_addresses() -> None:
    lines = {
        "conversations": [Line(("10.0.0.1", "10.0.0.9", "ssh"), 5, 1), Line(("10.0.0.3", "10.0.0.4", "ssh"), 5, 1), Line(("10.0.0.7", "10.0.0.2", "ssh"), 5, 1)]
    }
    asset = Asset(id="a", name="gate", address="10.0.0.1", addresses=("10.0.0.2",))
    assert [line.names[0] for line in flows.of_asset(lines, asset)] == ["10.0.0.1", "10.0.0.7"]
    assert flows.named("10.0.0.2", flows.owners([asset])) == "gate (10.0.0.2)"


def test_what_is_missing_is_said(filled: Desk) -> None:
    since = filled.now() - timedelta(hours=1)
    found = flows.read_view(filled.store, since, filled.now()).exporters
    assert not flows.is_whole(found)
    assert flows.is_whole([traffic for traffic in found if traffic.exporter == "switch-001"])
