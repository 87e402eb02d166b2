"""Alerts from outside reach alerting once, under the asset they mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.names import INTAKE
from inventory.asset import Asset
from service.intake import Intake, asset_of, names_of
from store.base import ABSENT
from tests.service.test_live import House

KNOWN = names_of(
    [
        Asset(id="db-1", name="oa-db.bureau.example", address="10.1.0.7"),
        Asset(id="db-2", name="数据库二", address="fd00::7"),
        Asset(id="x", name="twin"),
        Asset(id="y", name="twin"),
    ]
)


@pytest.mark.parametrize(
    ("text", "asset"),
    [
        ("db-1", "db-1"),
        ("DB-1", "db-1"),
        ("10.1.0.7:9100", "db-1"),
        ("oa-db", "db-1"),
        ("oa-db.other.example", "db-1"),
        ("https://oa-db.bureau.example:8443/login", "db-1"),
        ("[fd00::7]:9100", "db-2"),
        ("fd00::7", "db-2"),
        ("数据库二", "db-2"),
        ("twin", "twin"),
        ("10.9.9.9:9100", "10.9.9.9:9100"),
        ("", ""),
    ],
)
def test_an_asset_is_found_under_what_others_call_it(text: str, asset: str) -> None:
    assert asset_of(text, KNOWN) == asset


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "data")
    yield made
    made.alerting.close()
    made.store.close()


def arrive(house: House, name: str, *, firing: bool, **more: Any) -> None:
    alert = {"rule": "HighLoad", "asset": "10.0.0.1:9100", "firing": firing, "severity": "high", "title": "t", "text": "load 31", "value": 31.0}
    alert |= {"starts": house.clock.now().isoformat(), "ends": None, "labels": {"job": "node"}, **more}
    house.store.documents.put(INTAKE, name, {"source": "alertmanager", "by": "li", "time": house.clock.now().isoformat(), "alerts": [alert]}, ABSENT)


def test_what_arrives_becomes_an_incident_and_ends_it(house: House) -> None:
    intake = Intake(house.store, house.alerting, lambda: [Asset(id="a", address="10.0.0.1")])
    arrive(house, "1", firing=True)
    intake.round()
    (incident,) = house.incidents()
    (member,) = incident["members"]
    assert (incident["state"], incident["root"], member["rule"], member["sources"], member["severity"]) == ("open", "a", "HighLoad", ["alertmanager"], "high")
    house.clock.advance(60)
    arrive(house, "2", firing=False)
    intake.round()
    assert house.incidents()[0]["state"] == "resolved"
    assert house.store.documents.find(INTAKE).items == ()


def test_a_call_taken_twice_after_a_kill_changes_nothing(house: House) -> None:
    intake = Intake(house.store, house.alerting, list)
    arrive(house, "1", firing=True)
    body = house.store.documents.get(INTAKE, "1").body
    intake.round()
    house.store.documents.put(INTAKE, "1", body, ABSENT)
    house.kill(5)
    Intake(house.store, house.alerting, list).round()
    assert len(house.incidents()) == 1


def test_a_document_that_cannot_be_read_does_not_stop_the_others(house: House) -> None:
    house.store.documents.put(INTAKE, "0", {"source": "x", "time": "2026-01-01T00:00:00+00:00", "alerts": [{"rule": 1}]}, ABSENT)
    arrive(house, "1", firing=True)
    Intake(house.store, house.alerting, list).round()
    assert len(house.incidents()) == 1
    assert house.store.documents.find(INTAKE).items == ()
