"""Why an alert is in its incident, who was told, and which requirements it bears on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from compliance.framework import load_framework
from console.desk import Desk
from console.queries import belonging, cases, notices, touches
from console.queries.cases import Case, case_of
from core.names import INCIDENT, NOTICE
from detectors.library import library
from detectors.rules.told import conditions
from tests.console.seed import incident

NOW = datetime.fromisoformat("2026-03-02T09:00:00+08:00")


def case(**member: Any) -> Case:
    body = incident(0, "server-000", NOW)
    return case_of({**body, "members": [{**body["members"][0], **member}]})


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("own incident", "it opened this incident"),
        ("unreachable via core-1", "it is reached over [core-1], which failed"),
        ("a problem of room1, which surrounds ups", "[room1] around it has a problem"),
        ("the same link as at core-1", "the other end of the link at [core-1]"),
        ("same asset and class", "same asset and the same class of fault as an alert that was here"),
        ("same labels.change, site", "a correlation rule: same labels.change, site"),
        ("split off by li", "li split it off from another incident"),
        ("something newer", "something newer"),
    ],
)
def test_every_reason_is_told_in_words(why: str, said: str) -> None:
    found = case(why=why)
    assert belonging.why_here(found.members[0], found, lambda asset: f"[{asset}]") == said


def test_what_came_with_a_merged_incident_and_what_holds_it_is_told() -> None:
    found = case(why="own incident", brought_by="I000009", held_by="inhibit", holder="link_lost @ core-1")
    member = found.members[0]
    assert belonging.why_here(member, found, str).endswith("came with I000009")
    assert belonging.why_held(member, str) == "told to nobody: inhibited by another alert (link_lost @ core-1)"


def test_links_are_followed_both_ways(filled: Desk) -> None:
    later = filled.store.documents.get(INCIDENT, "i00002")
    filled.store.documents.put(INCIDENT, "i00002", {**later.body, "links": [{"recurrence_of": "i00000"}]}, later.version)
    assert belonging.links_of(filled.store, cases.get_case(filled.store, "i00002")) == [("recurrence_of", "i00000")]
    assert belonging.links_of(filled.store, cases.get_case(filled.store, "i00000")) == [("recurred_in", "i00002")]


def test_a_check_names_its_requirements_and_a_rule_has_those_of_the_table() -> None:
    assert touches.items_of(case(rule="compliance.x", evidence={"items": ["G.CES.AUD.1"]})) == {"G.CES.AUD.1": ["compliance.x"]}
    assert "G.CES.IP.6" in touches.items_of(case(rule="brute_force", **{"class": "auth"}))
    assert touches.items_of(case(rule="hot", **{"class": "environment"})) == {"G.PES.CLM.1": ["hot"]}
    assert touches.items_of(case(rule="foreign")) == {}
    assert [one.id for one in touches.bearing_on("G.PES.CLM.1", [case(rule="hot", **{"class": "environment"}), case(rule="cpu")])] == ["i00000"]


def test_the_table_names_rules_classes_and_requirements_that_exist() -> None:
    known = {item.id for item in load_framework().items}
    rules = {str(rule["id"]): str(rule.get("class", "")) for rule in library().rules} | {row.id: row.class_ for row in conditions()}
    table = touches.table()
    assert {item for items in (*table.rules.values(), *table.classes.values()) for item in items} <= known
    assert set(table.rules) <= set(rules)
    assert set(table.classes) <= set(rules.values())


def test_the_record_of_delivery_says_what_was_sent_and_what_was_not(filled: Desk) -> None:
    put = filled.store.documents.put
    put(NOTICE, "n1", {"incident": "i00000", "receiver": "mail", "person": "li", "reason": "escalation", "answer": "hang", "tries": 2, "time": NOW.isoformat()})
    later = (NOW + timedelta(minutes=1)).isoformat()
    put(NOTICE, "n2", {"incident": "i00000", "receiver": "sms", "reason": "first", "answer": "held:quiet_hours", "tries": 0, "time": later})
    put(NOTICE, "n3", {"incident": "i00001", "receiver": "mail", "reason": "first", "answer": "ok", "tries": 1, "time": later})
    found = notices.of_case(filled.store, "i00000")
    assert [(one.receiver, notices.reason_word(one.reason), notices.answer_word(one.answer)) for one in found] == [
        ("sms", "problem", "not sent: quiet hours of the receiver"),
        ("mail", "you are called", "no answer in time; tried again"),
    ]


def test_why_nobody_is_told_now() -> None:
    snoozed = case_of({**incident(0, "a", NOW), "snoozed_until": (NOW + timedelta(hours=2)).isoformat()})
    assert notices.not_told(snoozed, NOW) == ["Snoozed for another 2 h: nobody is told unless it gets worse."]
    assert notices.not_told(case(held_by="silence"), NOW) == ["Every alert that fires is held: silence"]
    assert notices.not_told(case(), NOW) == []
