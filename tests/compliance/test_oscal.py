from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from compliance.answers import save_answer
from compliance.exchange.oscal_results import document, oscal
from compliance.exchange.oscal_text import line, token
from compliance.prove import NOW
from compliance.rollup import Answer, Conformity
from tests.compliance.conftest import OFFICER, Judged

pytestmark = pytest.mark.slow
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN = re.compile(r"[^\W\d][\w.\-]*")
KEYS = {
    "assessment-results": {"uuid", "metadata", "import-ap", "results", "back-matter"},
    "result": {"uuid", "title", "description", "start", "end", "props", "local-definitions", "reviewed-controls", "observations", "risks", "findings"},
    "needed": {"uuid", "title", "description", "start", "reviewed-controls"},
    "observation": {"uuid", "description", "methods", "collected"},
    "finding": {"uuid", "title", "description", "target"},
    "risk": {"uuid", "title", "description", "statement", "status"},
}


@pytest.fixture(scope="module")
def result(judged: Judged) -> dict[str, Any]:
    """The one result of the document, as another tool would read it."""
    read: dict[str, Any] = json.loads(oscal(judged.dossier()))["assessment-results"]["results"][0]
    return read


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, key)
    else:
        yield key, str(value)


def test_the_document_has_the_parts_that_the_format_asks_for(judged: Judged, result: dict[str, Any]) -> None:
    whole = document(judged.dossier())
    assert set(whole) == KEYS["assessment-results"]
    assert KEYS["needed"] <= set(result) <= KEYS["result"]
    assert all(KEYS["observation"] <= set(one) for one in result["observations"])
    assert all(KEYS["finding"] <= set(one) for one in result["findings"])
    assert all(KEYS["risk"] <= set(one) for one in result["risks"])
    found = list(strings(whole))
    assert all(UUID.fullmatch(value) for key, value in found if key == "uuid" or key.endswith("-uuid"))
    assert all(TOKEN.fullmatch(value) for key, value in found if key in ("name", "control-id", "target-id"))
    assert all(value and "\n" not in value and value == value.strip() for key, value in found if key in ("value", "title"))


def test_every_reference_leads_to_something_in_the_document(result: dict[str, Any]) -> None:
    there = {value for key, value in strings(result) if key == "uuid"}
    assert len(there) == len([value for key, value in strings(result) if key == "uuid"])
    assert {value for key, value in strings(result) if key.endswith("-uuid")} <= there


def test_what_is_met_is_satisfied_what_is_not_has_a_risk_and_what_is_unknown_has_no_finding(judged: Judged, result: dict[str, Any]) -> None:
    dossier = judged.dossier()
    findings = {one["target"]["target-id"]: one for one in result["findings"]}
    decided = {item.id for item in dossier.items if dossier.results[item.id].conformity is not Conformity.UNKNOWN}
    assert set(findings) == decided
    gap = findings["G.CES.AC.4"]
    assert gap["target"]["status"] == {"state": "not-satisfied", "reason": "fail"}
    assert gap["related-risks"]
    seen = {one["uuid"]: one for one in result["observations"]}
    checks = {prop["value"] for one in gap["related-observations"] for prop in seen[one["observation-uuid"]]["props"] if prop["name"] == "check"}
    assert "lnx-ssh-root" in checks
    (weak,) = [
        one
        for one in result["observations"]
        if {"name": "check", "ns": "urn:wanglou:oscal", "value": "lnx-ssh-root"} in one["props"] and "yes" in one["description"]
    ]
    assert re.fullmatch(r"[0-9a-f]{64}", next(prop["value"] for prop in weak["relevant-evidence"][0]["props"] if prop["name"] == "sha256"))


def test_an_officers_answer_is_an_observation_with_its_end(fresh: Judged) -> None:
    given = Answer(item="G.PES.LOC.1", conformity=Conformity.CONFORMS, who="li", time=NOW, comment="验收报告 2024-7", expires=NOW + timedelta(days=90))
    save_answer(fresh.store, given, OFFICER)
    (seen,) = [one for one in document(fresh.dossier())["results"][0]["observations"] if one["description"] == "验收报告 2024-7"]
    assert seen["methods"] == ["EXAMINE"]
    assert seen["expires"] == (NOW + timedelta(days=90)).isoformat()


def test_the_same_dossier_gives_the_same_file(judged: Judged) -> None:
    assert oscal(judged.dossier()) == oscal(judged.dossier())


@pytest.mark.parametrize(("name", "made"), [("AC-2(1)", "AC-2_1_"), ("3.1 a", "_3.1_a"), ("G.CES.IA.1", "G.CES.IA.1"), ("登录", "登录")])
def test_names_are_tokens(name: str, made: str) -> None:
    assert token(name) == made
    assert line(" a\n b ") == "a b"
