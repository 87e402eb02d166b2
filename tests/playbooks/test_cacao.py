"""Playbooks in the format CACAO 2.0: out and in again without loss, foreign ones as the subset that maps, nothing foreign run or looked up."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from core.errors import ConfigError
from playbooks.cacao import Taken, read_cacao, write_cacao
from playbooks.cacao.conditions import from_pattern, to_pattern
from playbooks.cacao.names import object_id, playbook_id
from playbooks.capabilities import capability
from playbooks.form import Playbook, Step, walk
from playbooks.load import LIBRARY, load_catalogue
from service.cli import app
from tests.playbooks.payloads import PAYLOADS
from tests.playbooks.tampering import tampered

CATALOGUE: Final = load_catalogue((LIBRARY,))
FUZZED: Final = ("cooling-failure", "change-request", "power-loss-shutdown", "block-source")
WRITTEN: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ID: Final = re.compile(r"[a-z][a-z0-9-]+[a-z0-9]--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STEPS: Final = {  # what the specification demands of each type of step (chapter 4)
    "start": {"on_completion"},
    "end": set(),
    "action": {"commands", "agent"},
    "playbook-action": {"playbook_id"},
    "parallel": {"next_steps"},
    "if-condition": {"condition", "on_true"},
    "while-condition": {"condition", "on_true"},
}


def take(document: Any, name: str = "") -> Taken:
    return read_cacao(document if isinstance(document, str) else json.dumps(document), "foreign.json", capability, CATALOGUE.playbooks, name)


def flat(playbook: Playbook) -> dict[str, Step]:
    return {step.id: step for step, _ in walk(playbook.steps)}


# out


@pytest.mark.parametrize("name", sorted(CATALOGUE.playbooks))
def test_a_playbook_goes_out_and_comes_back_as_it_was(name: str) -> None:
    book = CATALOGUE.playbooks[name]
    again = take(write_cacao(book, WRITTEN, capability).document)
    assert again.playbook.model_dump() == book.model_dump()
    assert again.notes == ()


@pytest.mark.parametrize("name", sorted(CATALOGUE.playbooks))
def test_what_goes_out_is_what_the_specification_demands(name: str) -> None:
    document = write_cacao(CATALOGUE.playbooks[name], WRITTEN, capability).document
    workflow = document["workflow"]
    assert document["spec_version"] == "cacao-2.0"
    assert document["created"] == "2026-03-02T08:00:00.000Z"
    assert workflow[document["workflow_start"]]["type"] == "start"
    assert {step["type"] for step in workflow.values()} >= {"start", "end"}
    assert len({one.partition("--")[2] for one in workflow}) == len(workflow), "an identifier is used for one object"
    for one, step in workflow.items():
        assert ID.fullmatch(one)
        assert one.startswith(f"{step['type']}--")
        assert set(step) >= STEPS[step["type"]]
        assert not ("on_completion" in step and "on_success" in step)
        led_to = [step.get(key) for key in ("on_completion", "on_success", "on_true", "on_false")] + step.get("next_steps", [])
        assert all(next_one in workflow for next_one in led_to if next_one)
        assert set(step.get("out_args", ())) <= set(step.get("step_variables", ()))
        assert set(step.get("step_extensions", ())) <= set(document["extension_definitions"])
    activities = {command["playbook_activity"] for step in workflow.values() for command in step.get("commands", ())}
    assert activities == set(document["playbook_activities"])
    assert all(re.fullmatch(r"__[a-zA-Z][a-zA-Z0-9_-]*__", one) and isinstance(var.get("value", ""), str) for one, var in _variables(document).items())


def _variables(document: Any) -> dict[str, Any]:
    return dict(document.get("playbook_variables", {}))


def test_what_has_no_place_in_cacao_is_listed() -> None:
    notes = write_cacao(CATALOGUE.playbooks["block-brute-force-source"], WRITTEN, capability).notes
    assert "steps.block: putting it back is kept in the extension alone" in notes
    assert any(note.startswith("targets:") for note in notes)
    assert any(note.startswith("limits:") for note in notes)


def test_branches_lists_and_groups_go_out_and_come_back() -> None:
    book = Playbook.model_validate(
        {
            "playbook": "wide",
            "version": 3,
            "title": {"zh": "宽", "en": "wide"},
            "about": {"zh": "宽", "en": "wide"},
            "risk": "read",
            "inputs": {"names": {"type": "word", "many": True}},
            "steps": [
                {"id": "look", "ask": {"text": {"zh": "看", "en": "look"}, "form": {"bad": {"type": "bool"}, "of": {"type": "int"}}}},
                {
                    "id": "which",
                    "if": "steps.look.answer.bad and steps.look.answer.of > 3",
                    "then": [{"id": "one", "each": "names", "steps": [{"id": "say", "notify": {"text": {"zh": "说 {{ item }}", "en": "say {{ item }}"}}}]}],
                    "else": [{"id": "rest", "wait": "5m"}],
                },
                {
                    "id": "both",
                    "parallel": [
                        {"id": "left", "notify": {"text": {"zh": "左", "en": "left"}}},
                        {"id": "right", "notify": {"text": {"zh": "右", "en": "right"}}},
                    ],
                },
            ],
        }
    )
    given = write_cacao(book, WRITTEN, capability)
    assert take(given.document).playbook.model_dump() == book.model_dump()
    conditions = {step["condition"] for step in given.document["workflow"].values() if "condition" in step}
    assert conditions == {"(__look_bad__:value = true AND __look_of__:value > 3)", "__one_left__:value = true"}


# in


def foreign(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document of another product: steps one after the other."""
    ids = [object_id(str(step.get("type", "action")), str(number)) for number, step in enumerate(steps)]
    start, end = object_id("start", "s"), object_id("end", "e")
    workflow: dict[str, Any] = {start: {"type": "start", "on_completion": ids[0]}, end: {"type": "end"}}
    for one, after, step in zip(ids, [*ids[1:], end], steps, strict=True):
        workflow[one] = {"type": "action", "agent": "group--x", "on_completion": after, **step}
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": "playbook--fe65ef7b-e8b1-4ed9-ba60-3c380ae5ab28",
        "name": "Isolate a Host",
        "created_by": "identity--ac3c0258-7a81-46e7-a2ae-d34b6d06cc54",
        "created": "2026-01-21T14:14:23.263Z",
        "modified": "2026-01-21T14:14:23.263Z",
        "workflow_start": start,
        "workflow": {**workflow, **more.pop("extra", {})},
        **more,
    }


def manual(name: str, text: str = "do it", **more: Any) -> dict[str, Any]:
    return {"name": name, "commands": [{"type": "manual", "command": text}], **more}


def test_manual_steps_become_tasks_and_forms() -> None:
    answer = {"out_args": ["__ready__"], "step_variables": {"__ready__": {"type": "bool", "description": "is it ready"}}}
    taken = take(
        foreign(
            manual("Look around", "look at __where__:value", **answer), manual("看一看"), playbook_variables={"__where__": {"type": "string", "external": True}}
        )
    )
    steps = flat(taken.playbook)
    assert taken.playbook.name == "isolate-a-host"
    assert steps["look_around"].ask is not None
    assert steps["look_around"].ask.form["ready"].type == "bool"
    assert steps["look_around"].ask.text.en == "Look around: \nlook at {{ where }}"
    assert steps["step"].assign is not None
    assert taken.playbook.inputs["where"].type == "text"
    assert taken.notes == ()


def test_a_command_that_a_capability_does_word_for_word_is_run_and_every_other_is_for_a_person() -> None:
    encoded = base64.b64encode(b"rm -rf /").decode()
    commands = [
        {"type": "ssh", "command": "df -PTm"},
        {"type": "bash", "command": "tail -n 20 -- __log__:value"},
        {"type": "ssh", "command": "df -PTm; id"},
        {"type": "bash", "command_b64": encoded},
        {"type": "http-api", "command": "GET /health HTTP/1.1"},
        {"type": "http-api", "command": "POST /block HTTP/1.1"},
        {"type": "openc2-http", "command": "deny"},
    ]
    taken = take(foreign({"name": "s", "commands": commands}, playbook_variables={"__log__": {"type": "string", "external": True, "value": "/var/log/syslog"}}))
    steps = [step for step, _ in walk(taken.playbook.steps)]
    assert [step.run or step.verb for step in steps] == ["ssh.command", "ssh.command", "assign", "assign", "http.get", "assign", "assign"]
    assert steps[1].with_ == {"command": "tail", "count": 20, "path": "{{ log }}"}
    assert taken.playbook.risk == "read"
    assert taken.playbook.targets is not None
    assert len([note for note in taken.notes if "a person does it" in note]) == 4


def test_a_restart_makes_it_a_change() -> None:
    assert take(foreign({"name": "s", "commands": [{"type": "ssh", "command": "systemctl restart nginx"}]})).playbook.risk == "change"


def test_conditions_that_compare_are_kept_and_others_are_asked() -> None:
    ask = manual("Assess", out_args=["__score__"], step_variables={"__score__": {"type": "integer"}})
    branch, end = object_id("action", "then"), object_id("end", "then")
    extra = {branch: {**manual("Call the police"), "type": "action", "on_completion": end}, end: {"type": "end"}}
    kept = take(foreign(ask, {"type": "if-condition", "name": "bad", "condition": "__score__:value > '7'", "on_true": branch}, extra=extra))
    assert flat(kept.playbook)["bad"].if_ == "steps.assess.answer.score > 7"
    asked = take(foreign(ask, {"type": "if-condition", "name": "bad", "condition": "__score__:value MATCHES '^a'", "on_true": branch}, extra=extra))
    assert flat(asked.playbook)["bad"].if_ == "steps.bad_holds.answer.yes"
    assert any("a person answers" in note for note in asked.notes)


def test_a_way_for_failure_a_switch_and_branches_beside_each_other() -> None:
    names = ("a", "b", "c")
    inner = {name: object_id("action", "in", name) for name in names}
    ends = {name: object_id("end", "in", name) for name in names}
    extra = {inner[name]: {**manual(f"do {name}"), "type": "action", "on_completion": ends[name]} for name in names} | {
        ends[name]: {"type": "end"} for name in names
    }
    step = {"name": "see", "commands": [{"type": "ssh", "command": "uptime"}], "on_success": None, "on_failure": inner["a"]}
    first = foreign(step, manual("after"), extra=extra)
    seen = first["workflow"][object_id("action", "0")]
    seen["on_success"], seen["on_completion"] = seen["on_completion"], None
    fork = flat(take(first).playbook)["see_well"]
    assert (fork.if_, [one.id for one in fork.then], [one.id for one in fork.otherwise]) == ("steps.see.ok", ["after"], ["do_a"])
    switch = {"type": "switch-condition", "name": "kind", "switch": "__kind__:value", "cases": {"x": inner["a"], "y": inner["b"], "default": inner["c"]}}
    variables = {"__kind__": {"type": "string", "external": True}}
    found = flat(take(foreign(switch, extra=extra, playbook_variables=variables)).playbook)
    assert (found["kind_x"].if_, found["kind_x"].otherwise[0].if_) == ('kind == "x"', 'kind == "y"')
    beside = take(foreign({"type": "parallel", "name": "all", "next_steps": [inner["a"], inner["b"]]}, extra=extra)).playbook
    assert [one.id for one in flat(beside)["all"].parallel or ()] == ["do_a", "do_b"]


def test_loops_become_tasks_and_unknown_parts_are_listed() -> None:
    inner, end = object_id("action", "in"), object_id("end", "in")
    extra = {inner: {**manual("scan"), "type": "action", "on_completion": end}, end: {"type": "end"}}
    loop = {"type": "while-condition", "name": "until clean", "condition": "__clean__:value = false", "on_true": inner}
    taken = take(foreign(loop, extra=extra, priority=3, signatures=[{}], agent_definitions={"ssh--1": {"type": "ssh", "name": "gate", "address": {}}}))
    assert flat(taken.playbook)["until_clean"].assign is not None
    assert {note.partition(":")[0] for note in taken.notes} == {"priority", "signatures", "gate", "until clean"}


def test_a_playbook_that_is_here_is_called() -> None:
    taken = take(foreign({"type": "playbook-action", "name": "hand over", "playbook_id": playbook_id("duty-handover")}))
    assert [note for note in taken.notes if "inputs" in note]  # it needs an input: a person carries it out
    assert flat(taken.playbook)["hand_over"].assign is not None


@pytest.mark.parametrize("payload", PAYLOADS)
def test_foreign_text_is_never_a_template_nor_a_command(payload: str) -> None:
    hostile = payload + " {{ incident.owner }} {% raw %}"
    variables = {"__x__": {"type": "string", "external": True}, "__c__": {"type": "string", "constant": True, "value": hostile}}
    commands = [{"type": kind, "command": text} for kind in ("ssh", "manual") for text in (hostile, f"df -PTm {payload}", "uptime __c__:value")]
    try:
        taken = take(foreign({"name": "s", "commands": commands, "description": hostile}, playbook_variables=variables, description=hostile))
    except ConfigError:
        return
    assert "{{" not in taken.text
    assert "{%" not in taken.text
    runs = [step.with_ for step, _ in walk(taken.playbook.steps) if step.verb != "assign"]
    assert runs == ([] if payload.strip() else [{"command": "disk"}])  # with an empty payload it is a command of the list


ANY: Final = manual("x")
CIRCLE: Final = foreign(ANY, manual("y"))
CIRCLE["workflow"][object_id("action", "1")]["on_completion"] = object_id("action", "0")
LOST: Final = foreign(ANY)
LOST["workflow"][object_id("action", "0")]["on_completion"] = "action--gone"
WIDE: Final = foreign(*[manual(f"step {number}") for number in range(201)])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not valid JSON"),
        ('{"type": "playbook", "type": "playbook"}', "twice"),
        ("[" * 100_000, "too deeply"),
        ({**foreign(ANY), "spec_version": "cacao-1.0"}, "spec_version"),
        ({**foreign(ANY), "revoked": True}, "revoked"),
        (CIRCLE, "circle"),
        (LOST, "there is no step"),
        (WIDE, "more than 200"),
        (foreign(manual("x", "log in with password: hunter2hunter2")), "secret"),
        (foreign({"commands": [{"type": "bash", "command_b64": "%%%"}]}), "base64"),
        ({**foreign(ANY), "workflow_start": "start--none"}, "there is no step"),
    ],
)
def test_a_document_that_cannot_be_taken_is_refused_in_words(document: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        take(document)


# conditions


@pytest.mark.parametrize("text", ["a == 1", "not a", "a and (b or not c)", "steps.x.answer.y in ['p', 'q']", "a != 'it\\'s'", "steps.x.ok"])
def test_comparisons_go_out_as_patterns(text: str) -> None:
    assert to_pattern(text) is not None


@pytest.mark.parametrize("text", ["a | length > 3", "a.b()", "a == b", "a[0] == 1", "a + 1 == 2", "a ==", "1 < a < 3"])
def test_what_is_more_has_no_pattern(text: str) -> None:
    assert to_pattern(text) is None


def test_patterns_come_in_with_values_of_the_right_kind() -> None:
    known = {"__a__": ("a", "int"), "__b__": ("b", "text"), "__c__": ("c", "bool")}
    assert from_pattern("[__a__:value >= '3' AND NOT __b__:value = 'x\\'y']", known) == '(a >= 3 and not b == "x\'y")'
    assert from_pattern("__c__:value == 'true' OR __b__:value IN ('p', 'q')", known) == '(c == true or b in ["p", "q"])'
    for wrong in ("", "__z__:value = 1", "__a__:value LIKE 'x'", "__a__:value = ", "(__a__:value = 1", "__a__:value = 1 extra", "__a__:value = 'word'"):
        assert from_pattern(wrong, known) is None


# the command line


@pytest.mark.slow
def test_the_command_line_writes_both_ways_and_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(tmp_path))
    out, back = tmp_path / "out.json", tmp_path / "back.yaml"
    went = CliRunner().invoke(app, ["playbook", "export", "block-source", "--out", str(out)])
    assert went.exit_code == 0, went.output
    assert "not mapped: steps.block: putting it back" in went.stderr
    came = CliRunner().invoke(app, ["playbook", "import", str(out), "--name", "block-again", "--out", str(back)])
    assert came.exit_code == 0, came.output
    assert CliRunner().invoke(app, ["playbook", "check", str(back)]).stdout.strip() == "block-again: in order"
    again = CliRunner().invoke(app, ["playbook", "import", str(out), "--out", str(back)])
    assert again.exit_code != 0
    assert "cannot be written" in again.stderr


# bad input


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_document_that_was_tampered_with_is_taken_or_refused_in_words(seed: int) -> None:
    random = Random(seed)
    document = tampered(random, write_cacao(CATALOGUE.playbooks[random.choice(FUZZED)], WRITTEN, capability).document)
    with suppress(ConfigError):
        assert take(document).text
