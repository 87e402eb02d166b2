"""The site's plan: searches and rules; what is wrong is named with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from inventory.discovery.plan import FILE, Plan, Rule, read_plan, rule_for
from tests.inventory.discovery.makers import agent, page, searched

GOOD = """
searches:
  - {name: campus, ranges: ["10.1.0.0/24"], credentials: [campus], every: 24h}
  - {name: along, seeds: [core1, 10.1.0.1], hops: 3}
rules:
  - {name: printers aside, when: {kind: printer}, ignore: true}
  - {name: switches, when: {kind: [switch, router], vendor: Huawei, confidence: 0.8}, take_in: {site: hq, importance: high}}
"""


def plan_of(folder: Path, text: str) -> Plan:
    (folder / FILE).write_text(text, encoding="utf-8")
    return read_plan(folder)


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GOOD)
    assert [search.name for search in plan.searches] == ["campus", "along"]
    assert plan.searches[0].every_s == 86_400
    assert [rule.name for rule in plan.rules] == ["printers aside", "switches"]


def test_without_the_file_there_is_no_plan(tmp_path: Path) -> None:
    assert read_plan(tmp_path) == Plan()
    assert plan_of(tmp_path, "") == Plan()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("searches:\n  - {name: a, ranges: [10.1.0]}", r"discovery\.yaml:2: searches\.0\.ranges: .*is no range of addresses"),
        ("searches:\n  - {name: a}", r"discovery\.yaml:2: .*a search needs ranges or seeds"),
        ("searches:\n  - {ranges: [10.1.0.1]}", r"discovery\.yaml:2: searches\.0: a search of the site folder needs a name"),
        ("searches:\n  - {name: a, seeds: [x], every: 10s}", r"discovery\.yaml:2: searches\.0\.every: .*at least five minutes"),
        ("searches:\n  - {name: a, seeds: [x], every: often}", r"searches\.0\.every: .*is no duration"),
        ("searches:\n  - {name: a, seeds: [x], ports: [70000]}", r"searches\.0\.ports: .*from 1 to 65535"),
        ("searches:\n  - {name: a, seeds: [x]}\n  - {name: a, seeds: [y]}", r"discovery\.yaml:3: searches\.1: the name 'a' stands twice"),
        ("rules:\n  - {name: a, when: {kind: x}}", r"discovery\.yaml:2: rules\.0: .*either takes in .* or sets aside"),
        ("rules:\n  - {name: a, when: {kindd: x}, ignore: true}", r"rules\.0\.when\.kindd: unknown key"),
        ("rules:\n  - {name: a, when: {}, take_in: {address: 10.0.0.1}}", r"take_in cannot set 'address'"),
        ("rules:\n  - {name: a, when: {}, take_in: {importance: huge}}", r"rules\.0\.take_in: these values make no valid asset"),
        ("colour: red", r"discovery\.yaml:1: colour: unknown key"),
    ],
)
def test_a_wrong_plan_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_of(tmp_path, text)


@pytest.mark.parametrize(
    ("when", "is_taken"),
    [
        ({}, True),
        ({"kind": "switch"}, True),
        ({"kind": ["router", "firewall"]}, False),
        ({"vendor": "HUAWEI"}, True),
        ({"model": "s57"}, True),
        ({"name": "acc"}, False),
        ({"ranges": "10.0.0.0/28"}, True),
        ({"ranges": ["10.0.1.0/24", "10.0.2.0/24"]}, False),
        ({"answers": "snmp"}, True),
        ({"answers": "http"}, False),
        ({"confidence": 0.99}, False),
    ],
)
def test_a_rule_holds_when_every_part_does(when: dict[str, object], is_taken: bool) -> None:
    device = agent("10.0.0.1", "core-1", vendor="Huawei", os="vrp", model="S5735-L24T4S", services=6)
    (candidate,) = searched(device).candidates
    rule = Rule.model_validate({"name": "r", "when": when, "take_in": {}})
    assert (rule_for(candidate, [rule]) is rule) is is_taken


def test_the_first_rule_counts_and_none_for_a_conflict() -> None:
    rules = [Rule.model_validate({"name": name, "when": {}, "ignore": True}) for name in ("first", "second")]
    (candidate,) = searched(page("10.0.0.1")).candidates
    assert rule_for(candidate, rules) is rules[0]
    twins = searched(agent("10.0.0.1", "a", serial="SAME-1"), agent("10.0.0.2", "b", serial="SAME-1")).candidates
    assert [rule_for(twin, rules) for twin in twins] == [None, None]
