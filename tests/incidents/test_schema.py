"""The JSON Schema fits what the reader takes and refuses what it refuses."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.files import parse_yaml
from service.alerting.schema import schema, text

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def documents() -> list[Any]:
    return [document.data for path in sorted((ROOT / "tests" / "scenarios").glob("*.yaml")) for document in parse_yaml(path.read_text(encoding="utf-8"), path)]


def test_the_file_is_what_the_models_say() -> None:
    assert (ROOT / "docs" / "scenarios.schema.json").read_text(encoding="utf-8") == text()


def test_every_shipped_scenario_that_loads_fits() -> None:
    found = [data for data in documents() if not data.get("load")]
    assert len(found) > 120
    for data in found:
        VALIDATOR.validate(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"scenario": "s", "stepz": []},
        {"scenario": "s", "steps": [{"at": 0, "expects": {}}]},
        {"scenario": "s", "steps": [{"at": 0, "expect": {"alarms": []}}]},
        {"scenario": "s", "rules": [{"id": "r", "severty": "high"}]},
        {"scenario": "s", "routes": {"to": "mail"}},
        {"scenario": "s", "steps": [{"at": 0, "result": {"rule": "r", "asset": "a", "state": "broken"}}]},
    ],
)
def test_what_the_reader_refuses_does_not_fit(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(wrong)
