"""A CACAO 2.0 document as one of our playbooks: the subset that maps, and a list of what did not. Pure.

Nothing foreign is run as it stands. A command becomes an act only when it is word for word one that a capability of ours does; every other one becomes a
task for a person who reads it. Foreign text is never a template. The result is checked like any playbook before it is handed out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import ConfigError
from core.files import Document, build, parse_yaml, to_yaml
from playbooks.cacao.commands import act_of
from playbooks.cacao.conditions import from_pattern
from playbooks.cacao.names import EXTENSION, HEAD, IN, MOST_STEPS, STEP, playbook_id, slug
from playbooks.cacao.shapes import CacaoPlaybook, CacaoStep, Command, Variable
from playbooks.capability import Capability, Danger
from playbooks.form import Playbook, read_form
from playbooks.lint import RESERVED, lint

Data = dict[str, Any]
LONGEST_TEXT: Final = 3000
_USE: Final = re.compile(r"(__[A-Za-z_][A-Za-z0-9_-]*?__):value", re.ASCII)


@dataclass(frozen=True)
class Taken:
    """A playbook, its text as a file, and what did not map, one sentence each."""

    playbook: Playbook
    text: str
    notes: tuple[str, ...]


def read_cacao(text: str, path: Path | str, capabilities: Callable[[str], Capability], known: Mapping[str, Playbook], name: str = "") -> Taken:
    """The playbook of a document; ``known`` are those that it may call, ``name`` is what it shall be called. Raises ConfigError that says where."""
    document = Document(_json(text, path), path)
    found = build(document, CacaoPlaybook)
    if found.revoked:
        raise ConfigError("its author has revoked it", path=path, key="revoked")
    reader = _Import(found, document, capabilities, {playbook_id(one): book for one, book in known.items()})
    data = reader.whole(name)
    written = to_yaml(data)
    made = next(iter(parse_yaml(written, path)))
    try:
        playbook = read_form(made)
        lint(playbook, made, capabilities)
    except ConfigError as err:
        raise ConfigError(f"does not become a playbook: {err.message}", path=path, key=err.key) from None
    return Taken(playbook, written, tuple(reader.notes))


def _json(text: str, path: Path | str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> Data:
        if len(found := dict(pairs)) < len(pairs):
            raise ConfigError("a key stands twice in one object", path=path)
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as err:
        raise ConfigError(f"is not valid JSON: {err.msg}", path=path, line=err.lineno) from None
    except (RecursionError, ValueError):
        raise ConfigError("is nested too deeply, or holds a number that is too long", path=path) from None


def plain(text: str) -> str:
    """Foreign text that no template engine reads, in bounded length."""
    calm = re.sub(r"\{(?=[{%#])", "{ ", text)
    calm = "".join(letter if letter in "\n\t" or ord(letter) >= 32 else " " for letter in calm).strip()
    return calm if len(calm) <= LONGEST_TEXT else calm[:LONGEST_TEXT] + " ..."


class _Import:
    """One document on its way: what was read, which names are taken, what did not map."""

    def __init__(self, book: CacaoPlaybook, document: Document, capabilities: Callable[[str], Capability], known: Mapping[str, Playbook]) -> None:
        self._book, self._document, self._capabilities, self._known = book, document, capabilities, known
        self.notes: list[str] = []
        self._ids: set[str] = set(RESERVED)
        self._count = 0
        self._risk = Danger.READ
        self._acts = False
        self._inputs: dict[str, Data] = {}
        self._constants: dict[str, str] = {}
        self._names: dict[str, tuple[str, str]] = {}  # variable -> how conditions call it, kind

    # the head

    def whole(self, name: str) -> Data:
        """The playbook as data."""
        head = self._book.playbook_extensions.get(EXTENSION, {}).get(HEAD)
        self._head_notes()
        self._variables(ours=isinstance(head, Mapping))
        steps = self._chain(self._start(), frozenset(), ())
        if isinstance(head, Mapping):
            return {**head, **({"playbook": name} if name else {}), "steps": steps}
        title, about = plain(self._book.name) or self._book.id, plain(self._book.description) or plain(self._book.name)
        data: Data = {
            "playbook": name or slug(self._book.name, (), otherwise=f"cacao-{self._book.id.rpartition('--')[2][:8]}", glue="-", most=60),
            "version": 1,
            "title": {"zh": title, "en": title},
            "about": {"zh": about, "en": about},
            "risk": self._risk.value,
            "domain": "security",
        }
        if self._acts:
            self._inputs = {"on": {"type": "asset", "many": True, "title": {"zh": "作用资产", "en": "assets to act on"}}, **self._inputs}
            data["targets"] = {"input": "on", "max": 20}
            self.notes.append("targets: the assets to act on are chosen for each run, from the inventory")
        return {**data, **({"inputs": self._inputs} if self._inputs else {}), "limits": {"timeout": "7d"}, "steps": steps}

    def _start(self) -> str | None:
        start = self._step(self._book.workflow_start, "workflow_start")
        if start.type == "start":
            return start.on_completion
        self.notes.append("workflow_start: names a step that is no start; it is taken as the first")
        return self._book.workflow_start

    def _head_notes(self) -> None:
        unknown = sorted(set(self._book.model_extra or {}))
        self.notes += [f"{key}: has no place in a playbook" for key in unknown]
        for key, party in {**self._book.agent_definitions, **self._book.target_definitions}.items():
            if party.type in ("individual", "group", "organization", "location", "sector"):
                continue
            self.notes.append(f"{plain(party.name) or key}: address and login are not taken over; assets and sealed credentials of the inventory are used")
        self.notes += [f"extension {key}: is not known here" for key in self._book.playbook_extensions if key != EXTENSION]

    def _variables(self, *, ours: bool) -> None:
        for name, one in self._book.playbook_variables.items():
            kind = IN.get(one.type, "line")
            if one.type not in IN and not ours:
                self.notes.append(f"{name}: the kind {plain(one.type)} is taken as a line of text")
            if one.constant and isinstance(one.value, str):
                self._constants[name] = one.value
            elif one.external or one.value not in (None, ""):
                called = slug(name.strip("_"), {*self._inputs, *RESERVED, "on"}, otherwise="value")
                self._inputs[called] = self._field(one, kind)
                self._names[name] = (called, kind)

    def _field(self, one: Variable, kind: str) -> Data:
        found: Data = {"type": kind}
        if one.description:
            found["title"] = {"zh": plain(one.description)[:200], "en": plain(one.description)[:200]}
        if one.value not in (None, "") and one.external:
            found["default"] = one.value
        elif one.value not in (None, ""):
            found |= {"default": one.value, "required": False}
        return found

    # the workflow

    def _step(self, id: str, key: str) -> CacaoStep:
        if id not in self._book.workflow:
            raise ConfigError(f"there is no step {id!r}", path=self._document.path, key=key)
        return self._book.workflow[id]

    def _chain(self, at: str | None, stop: frozenset[str], above: tuple[str, ...]) -> list[Data]:
        """Steps from ``at`` to an end, or to where an enclosing step goes on (``stop``). A step that is reached twice is written twice."""
        found: list[Data] = []
        while at is not None and at not in stop:
            if at in above:
                raise ConfigError("the workflow goes in a circle; loops without bound are refused", path=self._document.path, key=f"workflow.{at}")
            step = self._step(at, f"workflow.{above[-1]}" if above else "workflow_start")
            if step.type == "end":
                break
            above = (*above, at)
            self._count += 1
            if self._count > MOST_STEPS:
                raise ConfigError(f"becomes more than {MOST_STEPS} steps", path=self._document.path, key="workflow")
            after = step.on_completion or step.on_success
            made = self._one(at, step, frozenset({*stop, *((after,) if after else ())}), above)
            found += made
            if made and step.on_failure and step.on_failure != after and not self._is_end(step.on_failure) and not self._ours(step):
                return [*found, *self._fork(made[-1], step, after, stop, above)]
            if made and step.on_failure and step.on_failure == after:
                made[-1]["on_fail"] = "continue"
            at = after
        return found

    def _is_end(self, id: str) -> bool:
        return self._step(id, "workflow").type == "end"

    def _fork(self, last: Data, step: CacaoStep, after: str | None, stop: frozenset[str], above: tuple[str, ...]) -> Iterator[Data]:
        """What comes after a step that names another way for its failure."""
        last["on_fail"] = "continue"
        good, bad = self._chain(after, stop, above), self._chain(step.on_failure, stop, above)
        yield {"id": self._id(f"{last['id']}_well"), "if": f"steps.{last['id']}.ok", **({"then": good} if good else {}), **({"else": bad} if bad else {})}

    def _ours(self, step: CacaoStep) -> Data | None:
        found = step.step_extensions.get(EXTENSION, {}).get(STEP)
        return dict(found) if isinstance(found, Mapping) else None

    def _id(self, wanted: str) -> str:
        found = slug(wanted, self._ids, otherwise="step")
        self._ids.add(found)
        return found

    def _one(self, id: str, step: CacaoStep, stop: frozenset[str], above: tuple[str, ...]) -> list[Data]:
        ours = self._ours(step)
        self._step_notes(id, step)
        if ours is not None:
            return [{**ours, "id": self._id(str(ours.get("id", "step"))), **self._inner(step, stop, above)}]
        before = [{"id": self._id("settle"), "wait": f"{max(1, step.delay // 1000)}s"}] if step.delay else []
        return [*before, *self._foreign(id, step, stop, above)]

    def _foreign(self, id: str, step: CacaoStep, stop: frozenset[str], above: tuple[str, ...]) -> list[Data]:
        match step.type:
            case "if-condition":
                made = self._if(step, stop, above)
            case "switch-condition":
                made = self._switch(step, stop, above)
            case "while-condition":
                made = [self._loop(id, step)]
            case "parallel":
                named = self._id(step.name or "beside")
                branches = [self._branch(one, stop, above) for one in step.next_steps]
                made = [{"id": named, "parallel": [one for one in branches if one]}] if any(branches) else []
            case "playbook-action":
                made = [self._call(id, step)]
            case _:
                made = [self._command(id, step, command) for command in step.commands or (Command(type="manual", command=step.description),)]
        return made

    def _loop(self, id: str, step: CacaoStep) -> Data:
        self.notes.append(f"{self._called(id, step)}: a loop becomes a task for a person")
        inner = ", ".join(plain(self._book.workflow[one].name) or one for one in self._names_of(step.on_true))
        return self._task(step, f"{step.name}: while {step.condition}, repeat: {inner}")

    def _inner(self, step: CacaoStep, stop: frozenset[str], above: tuple[str, ...]) -> Data:
        """The blocks of a step that came from us, from the workflow."""
        match step.type:
            case "if-condition":
                found = {"then": self._chain(step.on_true, stop, above), "else": self._chain(step.on_false, stop, above)}
                return {key: value for key, value in found.items() if value}
            case "while-condition":
                return {"steps": self._chain(step.on_true, stop, above)}
            case "parallel":
                return {"parallel": [one for one in (self._branch(one, stop, above) for one in step.next_steps) if one]}
            case _:
                return {}

    def _branch(self, first: str, stop: frozenset[str], above: tuple[str, ...]) -> Data:
        steps = self._chain(first, stop, above)
        return steps[0] if len(steps) == 1 else {"id": self._id("branch"), "steps": steps} if steps else {}

    def _names_of(self, at: str | None) -> list[str]:
        found: list[str] = []
        while at is not None and at in self._book.workflow and at not in found and self._book.workflow[at].type != "end":
            found.append(at)
            at = self._book.workflow[at].on_completion or self._book.workflow[at].on_success
        return found

    def _called(self, id: str, step: CacaoStep) -> str:
        return plain(step.name) or id

    def _step_notes(self, id: str, step: CacaoStep) -> None:
        self.notes += [f"{self._called(id, step)}: {key} has no place in a step" for key in sorted(step.model_extra or {})]
        self.notes += [f"{self._called(id, step)}: extension {one} is not known here" for one in step.step_extensions if one != EXTENSION]
        if self._ours(step) is None:
            for name, one in step.step_variables.items():
                if one.constant and isinstance(one.value, str):
                    self._constants.setdefault(name, one.value)

    # conditions

    def _if(self, step: CacaoStep, stop: frozenset[str], above: tuple[str, ...]) -> list[Data]:
        before, condition = self._condition(step)
        named = self._id(step.name or "whether")
        blocks = {"then": self._chain(step.on_true, stop, above), "else": self._chain(step.on_false, stop, above)}
        return [*before, {"id": named, "if": condition, **{key: value for key, value in blocks.items() if value}}] if any(blocks.values()) else before

    def _condition(self, step: CacaoStep) -> tuple[list[Data], str]:
        if found := from_pattern(step.condition, self._names):
            return [], found
        self.notes.append(f"{plain(step.name) or 'if'}: a person answers whether {plain(step.condition)}")
        asked = self._id(f"{step.name}_holds" if step.name else "holds")
        text = self._text(f"{step.name}: {step.condition}?")
        return [{"id": asked, "ask": {"text": {"zh": text, "en": text}, "form": {"yes": {"type": "bool"}}}}], f"steps.{asked}.answer.yes"

    def _switch(self, step: CacaoStep, stop: frozenset[str], above: tuple[str, ...]) -> list[Data]:
        """A chain of ifs; the case ``default`` last."""
        name = step.switch.removesuffix(":value")
        cases = [(case, first) for case, first in step.cases.items() if case != "default"]
        rest = self._chain(step.cases.get("default"), stop, above)
        made: list[Data] = rest
        for case, first in reversed(cases):
            quoted = case.replace("\\", "\\\\").replace("'", "\\'")
            pattern = step.model_copy(update={"condition": f"{name}:value = '{quoted}'", "name": f"{step.name} {case}"})
            before, condition = self._condition(pattern)
            inner = self._chain(first, stop, above)
            if inner or made:
                blocks = {**({"then": inner} if inner else {}), **({"else": made} if made else {})}
                made = [*before, {"id": self._id(f"{step.name or 'case'} {case}"), "if": condition, **blocks}]
        return made

    # what is done

    def _call(self, id: str, step: CacaoStep) -> Data:
        book = self._known.get(step.playbook_id)
        if book is None or any(form.required and form.default is None and not form.source for form in book.inputs.values()):
            self.notes.append(f"{self._called(id, step)}: the playbook {step.playbook_id} is not here or needs inputs; a person carries it out")
            return self._task(step, f"{step.name}: {step.description} ({step.playbook_id})")
        self._risk = max(self._risk, book.risk, key=lambda danger: danger.rank)
        return {"id": self._id(step.name or book.name), "call": book.name}

    def _command(self, id: str, step: CacaoStep, command: Command) -> Data:
        words = self._words(id, command)
        act = act_of(command.type, self._filled(words), has_content=bool(command.content or command.content_b64))
        if act is not None:
            self._acts = True
            self._risk = max(self._risk, self._capabilities(act["run"]).danger, key=lambda danger: danger.rank)
            timeout = {"timeout": f"{min(max(1, step.timeout // 1000), 3600)}s"} if step.timeout else {}
            return {"id": self._id(step.name or act["run"]), **act, **timeout}
        if command.type != "manual":
            self.notes.append(f"{self._called(id, step)}: no capability does this {plain(command.type)} command word for word; a person does it")
        more = f" ({command.type})" if command.type != "manual" else ""
        return self._task(step, f"{step.name}{more}: {command.description or step.description}\n{words}")

    def _words(self, id: str, command: Command) -> str:
        if not command.command_b64:
            return command.command
        try:
            return base64.b64decode(command.command_b64, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise ConfigError("command_b64 is no base64 of UTF-8", path=self._document.path, key=f"workflow.{id}.commands") from None

    def _filled(self, words: str) -> str:
        """Foreign text with constants in place and inputs as templates of ours; nothing else in it is one."""
        calm = plain(_USE.sub(lambda use: self._constants.get(use[1], use[0]), words))
        return _USE.sub(lambda use: f"{{{{ {self._names[use[1]][0]} }}}}" if self._is_input(use[1]) else use[0], calm)

    def _is_input(self, name: str) -> bool:
        return name in self._names and self._names[name][0] in self._inputs

    def _text(self, words: str) -> str:
        """Text for people; variables that only a step fills stand there by name."""
        return _USE.sub(lambda use: f"[{use[1]}]", self._filled(words)).strip(": \n") or "..."

    def _task(self, step: CacaoStep, words: str) -> Data:
        """A person does it; what comes out of it is a form."""
        text, named = self._text(words), self._id(step.name or "do")
        form: Data = {}
        for name in step.out_args:
            one = step.step_variables.get(name) or self._book.playbook_variables.get(name) or Variable(type="string")
            kind, field = IN.get(one.type, "line"), slug(name.strip("_"), {*form, *RESERVED}, otherwise="value")
            form[field] = {key: value for key, value in self._field(one, kind).items() if key in ("type", "title")}
            self._names[name] = (f"steps.{named}.answer.{field}", kind)
        within = {"within": f"{min(max(60, step.timeout // 1000), 31 * 86400)}s"} if step.timeout else {}
        return {"id": named, "ask" if form else "assign": {"text": {"zh": text, "en": text}, **({"form": form} if form else {}), **within}}
