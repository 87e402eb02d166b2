"""Alerts from outside reach alerting once, under the asset they mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.names import INTAKE
from incidents.notify.templates import short, whole
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


def members(house: House) -> list[dict[str, Any]]:
    return [member for incident in house.incidents() for member in incident["members"]]


def test_an_alert_without_a_rule_or_an_asset_is_kept_apart_by_its_source_and_marked(house: House) -> None:
    intake = Intake(house.store, house.alerting, list)
    arrive(house, "1", firing=True, rule="", asset="", labels={})
    house.store.documents.put(INTAKE, "2", {**house.store.documents.get(INTAKE, "1").body, "source": "zabbix"}, ABSENT)
    arrive(house, "3", firing=True, asset="", labels={"job": "x"})
    intake.round()
    assert sorted(member["sources"] for member in members(house)) == [["alertmanager"], ["alertmanager"], ["zabbix"]]
    assert all(member["marks"] == ["partial_identity"] for member in members(house))
    arrive(house, "4", firing=False, rule="", asset="", labels={})
    intake.round()
    assert sorted(member["state"] for member in members(house)) == ["ended", "firing", "firing"]


def test_ten_thousand_labels_are_cut_in_the_same_way_each_time(house: House) -> None:
    intake = Intake(house.store, house.alerting, list)
    many = {f"label{n:05d}": "值" * (2000 if n == 3 else 20) for n in range(10_000)}
    arrive(house, "1", firing=True, labels=many)
    arrive(house, "2", firing=False, labels=dict(reversed(many.items())))
    intake.round()
    (member,) = members(house)
    assert (member["state"], member["marks"], len(member["labels"])) == ("ended", ["truncated"], 64)
    assert max(len(value.encode()) for value in member["labels"].values()) <= 1024


def test_states_that_contradict_each_other_leave_one_alert_in_the_state_told_last(house: House) -> None:
    intake = Intake(house.store, house.alerting, list)
    past = (house.clock.now() - timedelta(days=400)).isoformat()
    for number, firing in enumerate((True, False, True, True, False)):
        arrive(house, str(number), firing=firing, starts=house.clock.now().isoformat(), ends=past if firing else None)
    intake.round()
    (member,) = members(house)
    assert (member["state"], member["occurrence"]) == ("ended", 2)
    arrive(house, "9", firing=True, severity="info")
    arrive(house, "91", firing=True, severity="critical")
    intake.round()
    (member,) = members(house)
    assert (member["state"], member["severity"]) == ("firing", "critical")
    assert all(datetime.fromisoformat(member["start"]) <= house.clock.now() for member in members(house))


@pytest.mark.parametrize(
    "evil",
    [
        "{{ 7*7 }}{% for x in range(9**9) %}",
        "</td><script>alert(1)</script>",
        "a\r\nBcc: x@y",
        "=cmd|' /C calc'!A0",
        "\x1b]0;x\x07\x00",
        "\u202egnp.exe",
        "../../etc/passwd",
        "$(id)`id`;id",
    ],
)
def test_text_from_outside_is_text_wherever_it_goes(house: House, evil: str) -> None:
    arrive(house, "1", firing=True, rule=evil, asset=evil, title=evil, text=evil, labels={evil: evil})
    Intake(house.store, house.alerting, list).round()
    (incident,) = house.incidents()
    content = {
        "reason": "first", "title": evil,
        "incident": 1, "root": incident["root"], "priority": incident["priority"], "state": "open", "members": 1, "held": 0, "firing": 1,
        "rules": [member["rule"] for member in incident["members"]], "assets": [incident["root"]], "text": evil, "owner": "",
    }  # fmt: skip
    for language in ("zh", "en", "both"):
        told = whole(content, language)
        assert "49" not in told
        assert evil.strip() in told or evil.replace("\x00", "").strip() in told
    assert "\n" not in short(content, "zh", 140)
