"""What a playbook may not say, told with file, line and key: unknown names, loops, changes that nobody can check or take back, secrets, open scopes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import ValidationError

from core.errors import ConfigError
from core.files import Document, Where
from inventory.people import Role
from playbooks.capability import Capability, Danger
from playbooks.form import Input, Playbook, Step, walk
from playbooks.kinds import read_value
from playbooks.plan import APPROVAL
from playbooks.templates import check_condition, check_text, is_template, texts_in

RESERVED: Final = frozenset({APPROVAL, "approve", "incident", "item", "target", "steps", "here", "values"})
MAX_STEPS: Final = 200
_SECRET: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|://[^\s/:@{]+:[^\s/@{]+@|\b(?:Bearer|Basic) [A-Za-z0-9+/_=.-]{12,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)
_SECRET_KEY: Final = re.compile(r"(?:^|_)(?:password|passwd|pwd|secret|token|community|passphrase|api_?key|private_?key)$", re.IGNORECASE)
_INLINE: Final = re.compile(r"\b(?:password|passwd|pwd|secret|token|community|密码|口令)\s*[:=：]\s*(?![{<])[!-~]{6,}", re.IGNORECASE)
Lookup = Callable[[str], Capability]


def lint(playbook: Playbook, document: Document, capabilities: Lookup) -> None:
    """Raise ConfigError for the first thing that is wrong in one playbook; calls between playbooks are seen to by ``check_calls``."""
    _no_secrets(document)
    _inputs(playbook, document)
    _scope(playbook, document)
    found = _steps(playbook, document, capabilities)
    gravest = max(found, key=lambda danger: danger.rank, default=Danger.READ)
    if gravest.rank > playbook.risk.rank:
        raise document.error(f"says {playbook.risk}, but a step is {gravest}", ("risk",))
    if playbook.trigger.auto and playbook.risk is not Danger.READ:
        raise document.error("only a playbook of risk read may begin by itself", ("trigger", "auto"))
    if unknown := set(playbook.limits.once_per) - set(playbook.inputs):
        raise document.error(f"there is no input {min(unknown)!r}", ("limits", "once_per"))


def check_calls(playbooks: Mapping[str, Playbook], documents: Mapping[str, Document]) -> dict[str, ConfigError]:
    """Playbooks that call an unknown one, hand it wrong inputs, or call in a circle; by name."""
    wrong: dict[str, ConfigError] = {}
    for name, playbook in playbooks.items():
        for step, where in walk(playbook.steps):
            if step.call is None:
                continue
            called = playbooks.get(step.call)
            if called is None:
                wrong[name] = documents[name].error(f"there is no playbook {step.call!r}", (*where, "call"))
            elif unknown := set(step.with_) - set(called.inputs):
                wrong[name] = documents[name].error(f"{step.call} has no input {min(unknown)!r}", (*where, "with", min(unknown)))
            elif _reaches(step.call, name, playbooks):
                wrong[name] = documents[name].error(f"{step.call} calls {name} again: a circle", (*where, "call"))
            elif called.risk.rank > playbook.risk.rank:
                wrong[name] = documents[name].error(f"says {playbook.risk}, but {step.call} is {called.risk}", ("risk",))
    return wrong


def _reaches(start: str, wanted: str, playbooks: Mapping[str, Playbook]) -> bool:
    seen, ahead = set(), [start]
    while ahead:
        here = ahead.pop()
        if here == wanted:
            return True
        if here not in seen and here in playbooks:
            seen.add(here)
            ahead += [step.call for step, _ in walk(playbooks[here].steps) if step.call]
    return False


def _no_secrets(document: Document) -> None:
    for where, text in texts_in(document.data):
        key = str(where[-1]) if where else ""
        literal = bool(_SECRET_KEY.search(key)) and not is_template(text) and where[0] == "steps"
        if literal or _SECRET.search(text) or (_INLINE.search(text) and where[0] == "steps"):
            raise document.error("holds a secret in plain text; seal it with wanglou credential add and give its name", where)


def _inputs(playbook: Playbook, document: Document) -> None:
    for name, form in playbook.inputs.items():
        _field(name, form, document, ("inputs", name))


def _field(name: str, form: Input, document: Document, where: Where) -> None:
    if name in RESERVED:
        raise document.error(f"{name!r} is a name of the engine's own", where)
    if (form.type == "choice") != bool(form.choices):
        raise document.error("choices belong to the type choice", (*where, "choices"))
    if form.default is not None:
        try:
            read_value(name, form, form.default)
        except ConfigError as err:
            raise document.error(f"the default {err.message}", (*where, "default")) from None


def _scope(playbook: Playbook, document: Document) -> None:
    scope = playbook.targets
    if scope is None:
        return
    ways = [bool(scope.input), bool(scope.incident), bool(scope.match)]
    if sum(ways) != 1:
        raise document.error("targets come from exactly one of input, incident, match; an open scope is refused", ("targets",))
    if scope.input and (scope.input not in playbook.inputs or playbook.inputs[scope.input].type != "asset"):
        raise document.error("is no input of type asset", ("targets", "input"))
    for key, values in scope.match.items():
        if not values or any(not value or re.search(r"[*?%\[\]{}]", value) for value in values):
            raise document.error("names exact values; a wildcard or an empty one would mean everything", ("targets", "match", key))


def _steps(playbook: Playbook, document: Document, capabilities: Lookup) -> list[Danger]:
    seen: dict[str, Where] = {}
    dangers: list[Danger] = []
    known = {*playbook.inputs, "incident"}
    for step, where in walk(playbook.steps):
        if step.id in seen or step.id in RESERVED:
            problem = f"the id {step.id!r} is the engine's own" if step.id in RESERVED else f"the id {step.id!r} stands twice"
            raise document.error(problem, (*where, "id"))
        if len(seen) >= MAX_STEPS:
            raise document.error(f"a playbook has at most {MAX_STEPS} steps", where)
        _belongs(step, document, where)
        names = {*known, *(("item",) if _inside_each(playbook, where) else ())}
        if step.run is not None:
            dangers.append(_run(step, playbook, document, where, capabilities, names))
        _people(step, document, where, names)
        _conditions(step, document, where, names, set(seen))
        seen[step.id] = where
    return dangers


KEYS: Final[Mapping[str, frozenset[str]]] = {
    "run": frozenset({"with_", "unless", "verify", "undo", "retry", "timeout"}),
    "call": frozenset({"with_"}),
    "if": frozenset({"then", "otherwise"}),
    "each": frozenset({"steps"}),
}
PLAIN: Final = frozenset({"id", "title", "on_fail"})


def _belongs(step: Step, document: Document, where: Where) -> None:
    """Keys of another verb, and blocks without steps."""
    verb = step.verb
    own = {verb, f"{verb}_"} | KEYS.get(verb, frozenset()) | PLAIN
    if stray := sorted(step.model_fields_set - own):
        raise document.error(f"{stray[0].rstrip('_')} does not belong to {verb}", where)
    blocks = {"parallel": step.parallel, "steps": step.steps, "each": step.steps, "if": (*step.then, *step.otherwise)}
    if verb in blocks and not blocks[verb]:
        raise document.error(f"{verb} without steps: nothing would ever be reached", where)


def _inside_each(playbook: Playbook, where: Where) -> bool:
    data: Any = playbook.steps
    for key in where[1:-1]:
        data = data[key] if isinstance(key, int) else data.otherwise if key == "else" else getattr(data, key)
        if isinstance(data, Step) and data.each is not None:
            return True
    return False


def _run(step: Step, playbook: Playbook, document: Document, where: Where, capabilities: Lookup, names: set[str]) -> Danger:
    found = _capability(step.run or "", document, (*where, "run"), capabilities)
    if found.targeted and playbook.targets is None:
        raise document.error(f"{step.run} acts on assets: the playbook needs targets", (*where, "run"))
    _with(step.with_, found, document, (*where, "with"), {*names, *(("target",) if found.targeted else ())})
    if found.danger is not Danger.READ:
        _can_be_checked(step, found, document, where)
    if step.undo.after:
        if not found.undoable:
            raise document.error(f"{step.run} cannot be undone", (*where, "undo", "after"))
        _template(step.undo.after, document, (*where, "undo", "after"), set(playbook.inputs))
    if step.verify.run:
        looks = _capability(step.verify.run, document, (*where, "verify", "run"), capabilities)
        if looks.danger is not Danger.READ or not step.verify.expect:
            raise document.error("verify runs a reading capability and says what to expect", (*where, "verify"))
        _with(step.verify.with_, looks, document, (*where, "verify", "with"), {*names, "target"})
        _condition(step.verify.expect, document, (*where, "verify", "expect"), {*names, "values", "target", "said"})
    return found.danger


def _can_be_checked(step: Step, found: Capability, document: Document, where: Where) -> None:
    checked = found.verifiable or bool(step.verify.run)
    undone = found.undoable or bool(step.undo.never)
    if not checked and not undone:
        raise document.error(f"{step.run} can be neither verified nor undone; give verify, or say why in undo: {{never: ...}}", where)
    if found.danger is Danger.DANGER and not found.undoable and not step.undo.never:
        raise document.error(f"{step.run} cannot be undone; say why that is acceptable in undo: {{never: ...}}", where)


def _capability(name: str, document: Document, where: Where, capabilities: Lookup) -> Capability:
    try:
        return capabilities(name)
    except ConfigError as err:
        raise document.error(err.message, where) from None


def _with(given: Mapping[str, Any], found: Capability, document: Document, where: Where, names: set[str]) -> None:
    """Names in templates are known, and what is written plainly fits the options."""
    for place, text in texts_in(given):
        if is_template(text):
            _template(text, document, (*where, *place), names)
    fields = found.Options.model_fields
    accepted = {*fields, *(field.alias for field in fields.values() if field.alias)}
    if unknown := sorted(set(given) - accepted):
        raise document.error(f"{found.name} has no option {unknown[0]!r}; it has {', '.join(sorted(accepted)) or 'none'}", (*where, unknown[0]))
    try:
        found.Options.model_validate(given)
    except ValidationError as err:
        for problem in err.errors(include_input=False, include_url=False):
            if problem["type"] == "missing" or not _has_template(given, problem["loc"]):
                raise document.error(problem["msg"].removeprefix("Value error, "), (*where, *(step for step in problem["loc"] if step in accepted))) from None


def _has_template(given: Mapping[str, Any], loc: tuple[int | str, ...]) -> bool:
    top = given.get(str(loc[0])) if loc else given
    return any(is_template(text) for _, text in texts_in(top))


def _people(step: Step, document: Document, where: Where, names: set[str]) -> None:
    late = {*names, "steps"}
    for key, form in (("ask", step.ask), ("assign", step.assign)):
        if form is None:
            continue
        _role(form.to, document, (*where, key, "to"))
        _role(form.escalate, document, (*where, key, "escalate"))
        for name, one in form.form.items():
            _field(name, one, document, (*where, key, "form", name))
        for language in ("zh", "en"):
            _template(getattr(form.text, language), document, (*where, key, "text", language), names)
    if step.notify is not None:
        _role(step.notify.to, document, (*where, "notify", "to"))
        for language in ("zh", "en"):
            _template(getattr(step.notify.text, language), document, (*where, "notify", "text", language), late)
    if step.call is not None:
        for place, text in texts_in(step.with_):
            _template(text, document, (*where, "with", *place), names)


def _role(to: str, document: Document, where: Where) -> None:
    if to.startswith("role:") and to.removeprefix("role:") not in get_args(Role):
        raise document.error(f"there is no role {to.removeprefix('role:')!r}; there are {', '.join(get_args(Role))}", where)


def _conditions(step: Step, document: Document, where: Where, names: set[str], before: set[str]) -> None:
    if step.if_ is not None:
        _condition(step.if_, document, (*where, "if"), {*names, "steps"})
        for named in re.findall(r"\bsteps\.([a-z_][a-z0-9_]*)", step.if_):
            if named not in before:
                raise document.error(f"no step before this one is called {named!r}", (*where, "if"))
    if step.unless:
        _condition(step.unless, document, (*where, "unless"), {*names, "steps", "here", "target"})
    if isinstance(step.each, str) and step.each not in names:
        raise document.error(f"there is no input {step.each!r} to go through", (*where, "each"))


def _condition(text: str, document: Document, where: Where, names: set[str]) -> None:
    try:
        _unknown(check_condition(text) - names, names)
    except ConfigError as err:
        raise document.error(err.message, where) from None


def _template(text: str, document: Document, where: Where, names: set[str]) -> None:
    try:
        _unknown(check_text(text) - names, names)
    except ConfigError as err:
        raise document.error(err.message, where) from None


def _unknown(unknown: frozenset[str] | set[str], names: set[str]) -> None:
    if unknown & {"steps", "here"}:
        raise ConfigError("what a step finds cannot be part of what was approved before it ran: notify and run a second playbook with it")
    if unknown:
        raise ConfigError(f"there is nothing called {min(unknown)!r} here; there are {', '.join(sorted(names))}")
