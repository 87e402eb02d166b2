"""The form of scenario files as JSON Schema, for editors: ``python -m service.alerting.schema > docs/scenarios.schema.json``.

Derived from the models that read the files; where a model takes shorter forms (``5m`` for seconds, one name for a list) the schema takes
them too. What only the reader can tell (unknown names, missing keys of a rule's kind) is not in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from incidents.config import Configuration
from service.alerting.form import BLOCKS, EXPECTED, Step

SCALAR: Final[list[str]] = ["string", "number", "boolean"]


class _Written(GenerateJsonSchema):
    """What people may write, not what is made of it."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return _loosened(super().function_before_schema(schema))


def _loosened(inner: JsonSchemaValue) -> JsonSchemaValue:  # noqa: PLR0911 - a table of kinds
    kind = inner.get("type")
    if kind in ("number", "integer"):
        return {"type": [kind, "string"]}
    if kind == "string" and "enum" not in inner:
        return {"type": SCALAR}
    if kind == "array":
        return {"anyOf": [inner, {"type": SCALAR}]}
    if kind == "object" and isinstance(inner.get("additionalProperties"), Mapping):
        return {"type": "object", "additionalProperties": {"type": [*SCALAR, "array"]}}
    if "anyOf" in inner:
        return {"anyOf": [*inner["anyOf"], {"type": "string"}]}
    if "$ref" in inner:
        return {"anyOf": [inner, {"type": ["string", "array", "boolean", "object"]}]}
    return inner


def schema() -> dict[str, Any]:
    """The schema of one document of a scenario file."""
    blocks = Configuration.model_json_schema(by_alias=True, schema_generator=_Written)
    step = Step.model_json_schema(by_alias=True, schema_generator=_Written)
    inner = step.pop("$defs")
    for away in ("restart", "kill"):
        step["properties"][away] = {"anyOf": [{"$ref": "#/$defs/DownStep"}, {"type": ["null", "boolean"]}]}
    step["properties"]["expect"] = {"type": "object", "propertyNames": {"enum": list(EXPECTED)}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Wanglou alerting scenario",
        "type": "object",
        "additionalProperties": False,
        "required": ["scenario"],
        "properties": {
            "scenario": {"type": "string", "minLength": 1},
            "clock": {"type": "string"},
            "load": {"type": "string"},
            **{name: {"anyOf": [blocks["properties"][name], {"type": "null"}]} for name in BLOCKS},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/ScenarioStep"}},
        },
        "$defs": {**blocks["$defs"], **inner, "ScenarioStep": step},
    }


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
