"""One of our playbooks as a CACAO 2.0 document. Pure but for ``export_text``, which looks at the time of a file.

Steps by machines go out as manual commands that say in words what is done: no other executor has our capabilities, so a person can follow them, and
the extension of each step holds it as it is, for another Wanglou. What has no place in CACAO is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from core.errors import ConfigError
from playbooks.cacao.conditions import to_pattern
from playbooks.cacao.names import AUTHOR, EXTENSION, HEAD, OUT, SPEC, STEP, object_id, playbook_id, variable
from playbooks.capability import Capability, Danger
from playbooks.form import Ask, Both, Input, Playbook, Step, walk
from playbooks.load import Catalogue

NESTED: Final = {"then", "otherwise", "parallel", "steps"}
LOOSE: Final = {  # keys of a step that CACAO cannot say: why
    "undo": "putting it back",
    "verify": "how it is made sure that it worked",
    "retry": "trying again",
    "unless": "the guard that skips what is not needed",
}


@dataclass(frozen=True)
class Given:
    """A CACAO document (JSON data) and what did not map, one sentence each."""

    document: Mapping[str, Any]
    notes: tuple[str, ...]


def write_cacao(playbook: Playbook, written: datetime, capabilities: Callable[[str], Capability]) -> Given:
    """The document; ``written`` is when this version was made. The same playbook gives the same identifiers."""
    pen = _Pen(playbook, capabilities)
    end = pen.end()
    first = pen.lay(playbook.steps, end)
    start = object_id("start", playbook.name)
    stamp = written.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{written.microsecond // 1000:03d}Z"
    document = {
        "type": "playbook",
        "spec_version": SPEC,
        "id": playbook_id(playbook.name),
        "name": playbook.title.en,
        "description": f"{playbook.about.en}\n{playbook.title.zh}：{playbook.about.zh}",
        "playbook_types": ["investigation" if playbook.risk is Danger.READ else "mitigation"],
        "playbook_activities": sorted(pen.activities),
        "created_by": AUTHOR,
        "created": stamp,
        "modified": stamp,
        "revoked": False,
        "labels": [playbook.domain, f"risk-{playbook.risk.value}"],
        **({"playbook_variables": pen.variables} if pen.variables else {}),
        "workflow_start": start,
        "workflow": {start: {"type": "start", "on_completion": first}, **pen.workflow},
        "playbook_extensions": {EXTENSION: {HEAD: playbook.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"steps"})}},
        "agent_definitions": {pen.people: {"type": "group", "name": "operators", "description": "Whoever carries the playbook out"}},
        **({"target_definitions": {pen.targets: pen.target_object()}} if pen.targets else {}),
        "extension_definitions": {EXTENSION: _definition()},
    }
    return Given(document, (*_head_notes(playbook), *pen.notes))


def export_text(found: Catalogue, name: str, capabilities: Callable[[str], Capability]) -> tuple[str, tuple[str, ...]]:
    """A playbook of a catalogue as the text of a document, written when its file was, and what did not map; raises ConfigError."""
    if name not in found.playbooks:
        raise ConfigError(f"there is no playbook {name!r}")
    written = datetime.fromtimestamp(found.paths[name].stat().st_mtime, UTC)
    given = write_cacao(found.playbooks[name], written, capabilities)
    return json.dumps(given.document, ensure_ascii=False, indent=2), given.notes


def _definition() -> dict[str, str]:
    text = "wanglou_playbook holds the head, wanglou_step one step of a playbook, as the page on playbooks of the documentation describes them"
    return {"type": "extension-definition", "name": "wanglou", "description": text, "created_by": AUTHOR, "schema": text, "version": "1.0.0"}


def _head_notes(playbook: Playbook) -> list[str]:
    found = [f"inputs.{name}: the kind {one.type} is a plain text in CACAO" for name, one in playbook.inputs.items() if one.type not in (*OUT, "text", "line")]
    found += [f"inputs.{name}: several values are one text, separated by commas" for name, one in playbook.inputs.items() if one.many]
    says = {"targets": "on which assets it acts", "limits": "limits and waves", "trigger": "on which incidents it is offered", "approve": "who approves"}
    return found + [f"{key}: {what} is kept in the extension alone" for key, what in says.items() if key in playbook.model_fields_set]


class _Pen:
    """The workflow as it is written, from the end to the start: each step knows what comes after it."""

    def __init__(self, playbook: Playbook, capabilities: Callable[[str], Capability]) -> None:
        self._book, self._capabilities, self._ends = playbook, capabilities, 0
        self.workflow: dict[str, Any] = {}
        self.notes: list[str] = []
        self.activities: set[str] = set()
        self.variables = {variable(name): _variable(one, external=True) for name, one in playbook.inputs.items()}
        self.people = object_id("group", playbook.name, "people")
        self.targets = object_id("group", playbook.name, "targets") if playbook.targets else ""
        for step, _ in walk(playbook.steps):
            self._note(step)

    def target_object(self) -> dict[str, Any]:
        """The assets, in words."""
        scope = self._book.targets
        return {"type": "group", "name": "targets", "description": json.dumps(scope.model_dump(exclude_unset=True) if scope else {}, ensure_ascii=False)}

    def _note(self, step: Step) -> None:
        self.notes += [f"steps.{step.id}: {what} is kept in the extension alone" for key, what in LOOSE.items() if key in step.model_fields_set]
        if step.approve or step.ask or step.assign:
            self.notes.append(f"steps.{step.id}: who does it and what happens when it is overdue is kept in the extension alone")

    def end(self) -> str:
        """One more end step: each branch has its own."""
        self._ends += 1
        made = object_id("end", self._book.name, str(self._ends))
        self.workflow[made] = {"type": "end"}
        return made

    def lay(self, steps: tuple[Step, ...], then: str) -> str:
        """Steps one after the other, then ``then``; the first one's identifier."""
        for step in reversed(steps):
            then = self._one(step, then)
        return then

    def _one(self, step: Step, then: str) -> str:
        match step.verb:
            case "if":
                return self._if(step, then)
            case "each":
                return self._each(step, then)
            case "parallel":
                return self._parallel(step, then)
            case "steps":
                self.notes.append(f"steps.{step.id}: a group is written as its steps")
                return self.lay(step.steps or (), then)
            case "call":
                more = {"playbook_id": playbook_id(step.call or ""), **_in_args(step.with_)}
                return self._put("playbook-action", step, then, **more)
            case _:
                return self._action(step, then)

    def _put(self, kind: str, step: Step, then: str, **more: Any) -> str:
        made = object_id(kind, self._book.name, step.id)
        title = step.title
        goes_on = "on_completion" if step.on_fail == "continue" or kind != "action" else "on_success"
        ours = step.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=NESTED)
        self.workflow[made] = {
            "type": kind,
            "name": title.en if title else step.id,
            **({"description": title.zh} if title else {}),
            **more,
            goes_on: then,
            "step_extensions": {EXTENSION: {STEP: ours}},
        }
        return made

    def _if(self, step: Step, then: str) -> str:
        found = to_pattern(step.if_ or "")
        if found is None:
            self.notes.append(f"steps.{step.id}: the condition is more than comparisons and stands there as we write it: {step.if_}")
        for name in found[1] if found else ():
            self.variables.setdefault(name, {"type": "string", "description": "what a step before found or a person answered"})
        branches = {"on_true": self.lay(step.then, self.end())}
        if step.otherwise:
            branches["on_false"] = self.lay(step.otherwise, self.end())
        return self._put("if-condition", step, then, condition=found[0] if found else step.if_, **branches)

    def _each(self, step: Step, then: str) -> str:
        left = variable(f"{step.id}_left")
        self.notes.append(f"steps.{step.id}: going through a list is written as a loop while items are left ({left})")
        self.variables[left] = {"type": "bool", "description": f"whether items of {step.each} are left"}
        return self._put("while-condition", step, then, condition=f"{left}:value = true", on_true=self.lay(step.steps or (), self.end()))

    def _parallel(self, step: Step, then: str) -> str:
        branches = step.parallel or ()
        if len(branches) < 2:
            self.notes.append(f"steps.{step.id}: a single branch is written as its steps")
            return self.lay(branches, then)
        firsts = [self.lay((branch.steps or ()) if branch.verb == "steps" else (branch,), self.end()) for branch in branches]
        return self._put("parallel", step, then, next_steps=firsts)

    def _action(self, step: Step, then: str) -> str:
        fields = self._fields(step)
        activity = _activity(self._capabilities(step.run)) if step.run else "execute-operation"
        self.activities.add(activity)
        more: dict[str, Any] = {
            "commands": [{"type": "manual", "command": _with_variables(_words(step)), "playbook_activity": activity}],
            "agent": self.people,
            **({"step_variables": fields, "out_args": list(fields)} if fields else {}),
            **({"targets": [self.targets]} if step.run and self.targets else {}),
            **({"timeout": int(step.timeout * 1000)} if step.run else {}),
            **({"delay": int(step.wait * 1000)} if step.wait else {}),
        }
        if within := next((one.within for one in (step.ask, step.assign, step.approve) if one), None):
            more["timeout"] = int(within * 1000)
        return self._put("action", step, then, **more)

    def _fields(self, step: Step) -> dict[str, Any]:
        form = step.ask or step.assign
        found = {variable(f"{step.id}_{name}"): _variable(one, external=False) for name, one in (form.form.items() if form else ())}
        for name in found:
            self.variables.setdefault(name, {"type": found[name]["type"], "description": f"answered in step {step.id}"})
        return found


def _activity(found: Capability) -> str:
    return "scan-system" if found.danger is Danger.READ else "configure-systems"


def _in_args(given: Mapping[str, Any]) -> dict[str, Any]:
    names = sorted({variable(name) for value in given.values() for name in re.findall(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}", str(value))})
    return {"in_args": names} if names else {}


def _variable(one: Input, *, external: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": OUT.get(one.type, "string"), "external": external}
    if one.title:
        found["description"] = f"{one.title.en} / {one.title.zh}"
    if one.default is not None:
        found["value"] = one.default if isinstance(one.default, str) else json.dumps(one.default, ensure_ascii=False)
    return found


def _words(step: Step) -> str:
    """What a person would have to do."""
    if step.run:
        return " ".join((step.run, *(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in step.with_.items())))
    if form := step.ask or step.assign:
        return _both(form.text) + _choices(form)
    if step.approve:
        roles = " / ".join(step.approve.by)
        return f"{_both(step.approve.text)} (approval by {roles})" if step.approve.text else f"approval by {roles}"
    if step.notify:
        return f"tell {step.notify.to}: {_both(step.notify.text)}"
    return f"wait {step.wait:g} s"


def _both(text: Both) -> str:
    return f"{text.en} / {text.zh}"


def _choices(form: Ask) -> str:
    return "".join(f"; {name}: {', '.join(one.choices)}" for name, one in form.form.items() if one.choices)


def _with_variables(text: str) -> str:
    """Inputs in templates as CACAO variables; an expression that is more stays as it is."""
    return re.sub(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}", lambda found: f"{variable(found[1])}:value", text)
