"""From a playbook, its inputs and the inventory to exactly what a run would do. Pure: nothing is touched, nothing is read but its arguments.

A plan is flat: every step that could run is there, with what it waits for (``after``) and under which answers of ``if`` it runs. Its hash covers what
an approval is about: inputs, targets, commands and inverses; not the blast radius, which changes with the graph.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import Field, ValidationError

from core.errors import ConfigError
from inventory.asset import Asset
from inventory.graph import Graph
from inventory.people import Role
from playbooks.capability import Capability, Danger
from playbooks.form import Approval, Form, Limits, Playbook, Step
from playbooks.kinds import read_values
from playbooks.policy import Policy, Refusal, forbidden_addresses, protected
from playbooks.scope import all_there, facts_of, find_targets, many, taken_from, waves
from playbooks.templates import render

MAX_STAGES: Final = 2000
MAX_DEPTH: Final = 5
APPROVAL: Final = "approval"
ADDRESSES: Final = ("ip", "network")
Lookup = Callable[[str], Capability]


class Part(Form):
    """One act on one target (``target`` is empty for a capability without one)."""

    target: str = ""
    address: str = ""
    options: dict[str, Any]
    commands: tuple[str, ...]
    inverse: tuple[str, ...] = ()


class Stage(Form):
    """One planned step. ``step`` has its texts filled in; ``values`` are what its conditions may use."""

    id: str
    step: Step
    verb: str
    after: tuple[str, ...] = ()
    under: tuple[tuple[str, bool], ...] = ()
    parts: tuple[Part, ...] = ()
    waves: tuple[int, ...] = ()
    danger: Danger = Danger.READ
    limits: Limits = Limits()
    values: dict[str, Any] = Field(default_factory=dict)
    prefix: str = ""
    scope: str = ""
    undo_after_s: float | None = None


class Hit(Form):
    """An asset beside the targets that breaks (``lost``) or loses redundancy while a target is stopped."""

    asset: str
    via: str
    lost: bool


class Plan(Form):
    """What a run would do, and what it needs."""

    playbook: str
    version: int
    form: str
    risk: Danger
    domain: str
    inputs: dict[str, Any]
    incident: dict[str, Any] = Field(default_factory=dict)
    targets: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    approval: Approval | None = None
    why_approval: str = ""
    limits: Limits = Limits()
    impact: tuple[Hit, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """What an approval binds to (SHA-256, hex)."""
        skipped: Any = {"impact": True, "refusals": True, "why_approval": True, "incident": True, "stages": {"__all__": {"values"}}}
        body = {**self.model_dump(mode="json", by_alias=True, exclude=skipped), "incident": self.incident.get("id", "")}
        return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    @property
    def changes(self) -> bool:
        """Whether any act of it may change something."""
        return self.risk is not Danger.READ

    def stage(self, id: str) -> Stage:
        """One stage by its id."""
        return next(stage for stage in self.stages if stage.id == id)


@dataclass(frozen=True)
class Surroundings:
    """What a plan is made from beside the playbook and its inputs."""

    graph: Graph
    capabilities: Lookup
    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class _Scope:
    """Where the planner is: which playbook's names are visible, and what encloses it."""

    playbook: Playbook
    values: Mapping[str, Any]
    targets: tuple[Asset, ...]
    prefix: str = ""
    scope: str = ""
    under: tuple[tuple[str, bool], ...] = ()
    depth: int = 0


def make_plan(playbook: Playbook, given: Mapping[str, Any], around: Surroundings, incident: Mapping[str, Any] | None = None) -> Plan:
    """The plan; what forbids it stands in ``refusals``. Raises ConfigError for inputs or targets that are wrong."""
    about = dict(incident or {})
    inputs = read_values(playbook.inputs, {**taken_from(playbook, about), **given})
    all_there(playbook, inputs, around.graph)
    values = {**inputs, "incident": about}
    targets = find_targets(playbook, inputs, about, around.graph)
    scope = _Scope(playbook, values, tuple(targets))
    stages, _ = _sequence(playbook.steps, (), scope, around)
    if len(stages) > MAX_STAGES:
        raise ConfigError(f"the plan has {len(stages)} steps; at most {MAX_STAGES} are allowed")
    risk = max((playbook.risk, *(stage.danger for stage in stages)), key=lambda danger: danger.rank)
    touched = list(dict.fromkeys(part.target for stage in stages for part in stage.parts if part.target))
    changed = list(dict.fromkeys(part.target for stage in stages if stage.danger is not Danger.READ for part in stage.parts if part.target))
    approval, why = needed_approval(playbook, risk, [around.graph.assets[one] for one in changed])
    refusals = _refusals(playbook, inputs, [around.graph.assets[one] for one in changed], risk, around)
    return Plan(
        playbook=playbook.name,
        version=playbook.version,
        form=form_digest(playbook),
        risk=risk,
        domain=playbook.domain,
        inputs=inputs,
        incident=about,
        targets=tuple(touched),
        stages=tuple(_with_approval(stages, approval)),
        approval=approval,
        why_approval=why,
        limits=playbook.limits,
        impact=tuple(Hit(asset=hit.asset, via=hit.via, lost=hit.lost) for hit in around.graph.impact(changed)) if changed else (),
        refusals=tuple(map(str, refusals)),
    )


def form_digest(playbook: Playbook) -> str:
    """Identity of the form's content."""
    return hashlib.sha256(playbook.model_dump_json(by_alias=True).encode()).hexdigest()


def needed_approval(playbook: Playbook, risk: Danger, changed: Iterable[Asset]) -> tuple[Approval | None, str]:
    """Four eyes: for what can be dangerous always, for a change on assets of level 3 or of high importance, and where the playbook asks for it."""
    grave = [asset.id for asset in changed if (asset.level or 0) >= 3 or asset.importance in ("critical", "high")]
    roles: tuple[Role, ...] = ("duty_leader", "security_officer")
    policy: Approval | None = None
    why = ""
    if risk is Danger.DANGER:
        policy = Approval(by=roles, count=2 if grave else 1)
        why = "高风险操作 / it can be dangerous"
    elif risk is Danger.CHANGE and grave:
        policy = Approval(by=roles)
        why = f"变更重要资产 {grave[0]} / it changes the important asset {grave[0]}"
    own = playbook.approve
    if own is None:
        return policy, why
    if policy is None:
        return own, "剧本要求审批 / the playbook asks for it"
    return own.model_copy(update={"count": max(own.count, policy.count)}), why


def _with_approval(stages: Sequence[Stage], approval: Approval | None) -> list[Stage]:
    """The approval as the first stage, which everything else waits for."""
    if approval is None:
        return list(stages)
    first = Stage(id=APPROVAL, step=Step(id=APPROVAL, approve=approval), verb="approve")
    return [first, *(stage.model_copy(update={"after": stage.after or (APPROVAL,)}) for stage in stages)]


def _refusals(playbook: Playbook, inputs: Mapping[str, Any], changed: Sequence[Asset], risk: Danger, around: Surroundings) -> list[Refusal]:
    if risk is Danger.READ:
        return []
    given = [value for name, form in playbook.inputs.items() if form.type in ADDRESSES for value in many(inputs[name])]
    return [*protected(around.policy, changed), *forbidden_addresses(around.policy, given)]


# steps into stages


def _sequence(steps: Iterable[Step], after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    """The stages of steps one after the other, and what comes after them waits for."""
    stages: list[Stage] = []
    for step in steps:
        made, after = _stages(step, after, scope, around)
        stages += made
    return stages, after


def _stages(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    match step.verb:
        case "parallel":
            return _parallel(step, after, scope, around)
        case "steps":
            return _sequence(step.steps or (), after, scope, around)
        case "if":
            return _branches(step, after, scope, around)
        case "each":
            return _each(step, after, scope, around)
        case "call":
            return _call(step, after, scope, around)
        case "run":
            stage = _run(step, after, scope, around)
        case _:
            stage = _stage(_filled(step, scope.values), after, scope)
    return [stage], (stage.id,)


def _parallel(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    made = [_stages(branch, after, scope, around) for branch in step.parallel or ()]
    return [stage for stages, _ in made for stage in stages], tuple(end for _, ends in made for end in ends)


def _branches(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    asking = _stage(step.model_copy(update={"then": (), "otherwise": ()}), after, scope)
    stages, ends = [asking], [asking.id]
    for answer, steps in ((True, step.then), (False, step.otherwise)):
        made, last = _sequence(steps, (asking.id,), replace(scope, under=(*scope.under, (asking.id, answer))), around)
        stages += made
        ends += last
    return stages, tuple(dict.fromkeys(ends))


def _each(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    items = many(scope.values.get(step.each)) if isinstance(step.each, str) else list(step.each or ())
    stages: list[Stage] = []
    for number, item in enumerate(items, 1):
        inner = replace(scope, values={**scope.values, "item": item}, prefix=f"{scope.prefix}{step.id}.{number}.")
        made, after = _sequence(step.steps or (), after, inner, around)
        stages += made
    return stages, after


def _call(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> tuple[list[Stage], tuple[str, ...]]:
    called = around.playbooks.get(step.call or "")
    if called is None or scope.depth >= MAX_DEPTH:
        raise ConfigError(f"calls {step.call!r}, which is not there" if called is None else "calls playbooks too deeply", key=step.id)
    incident = scope.values["incident"]
    inputs = read_values(called.inputs, {**taken_from(called, incident), **render(step.with_, scope.values)})
    prefix = f"{scope.prefix}{step.id}."
    targets = tuple(find_targets(called, inputs, incident, around.graph))
    inner = _Scope(called, {**inputs, "incident": incident}, targets, prefix, prefix, scope.under, scope.depth + 1)
    first = [_stage(Step(id="approve", approve=called.approve), after, inner)] if called.approve else []
    made, ends = _sequence(called.steps, (first[0].id,) if first else after, inner, around)
    return [*first, *made], ends


def _stage(step: Step, after: tuple[str, ...], scope: _Scope, **more: Any) -> Stage:
    return Stage(
        id=scope.prefix + step.id,
        step=step,
        verb=step.verb,
        after=after,
        under=scope.under,
        limits=scope.playbook.limits,
        values=dict(scope.values),
        prefix=scope.prefix,
        scope=scope.scope,
        **more,
    )


def _filled(step: Step, values: Mapping[str, Any]) -> Step:
    """A step for people whose texts are filled in, as far as inputs tell them; the rest is filled in when its turn comes."""
    if step.notify is not None:
        return step
    filled = _as_texts(render(step.model_dump(by_alias=True, exclude_unset=True), values))
    try:
        return Step.model_validate(filled)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(first["msg"].removeprefix("Value error, "), key=".".join(map(str, (step.id, *first["loc"])))) from None


def _as_texts(value: Any) -> Any:
    """Texts in two languages stay texts when an input that is a number or a list was filled in."""
    if isinstance(value, Mapping):
        is_text = set(value) == {"zh", "en"}
        return {key: str(inner) if is_text else _as_texts(inner) for key, inner in value.items()}
    return [_as_texts(inner) for inner in value] if isinstance(value, list | tuple) else value


def _run(step: Step, after: tuple[str, ...], scope: _Scope, around: Surroundings) -> Stage:
    found = around.capabilities(step.run or "")
    on: tuple[Asset | None, ...] = scope.targets if found.targeted else (None,)
    if not on:
        raise ConfigError(f"{step.run} acts on assets, and {scope.playbook.name} has no targets", key=step.id)
    parts = tuple(_part(step, found, asset, scope) for asset in on)
    if step.verify.run:  # a wrong option of the look that follows is told now, not after the change
        for asset in on:
            _options(around.capabilities(step.verify.run), step.verify.with_, scope, asset, step.id)
    undo = step.undo.after and float(_seconds(render(step.undo.after, scope.values), step.id))
    return _stage(step, after, scope, parts=parts, waves=waves(scope.playbook.limits, len(parts)), danger=found.danger, undo_after_s=undo or None)


def _seconds(text: Any, key: str) -> float:
    from core.clock import seconds

    try:
        return seconds(text)
    except (ValueError, AttributeError):
        raise ConfigError(f"{text!r} is no time", key=f"{key}.undo.after") from None


def _part(step: Step, found: Capability, asset: Asset | None, scope: _Scope) -> Part:
    options = _options(found, step.with_, scope, asset, step.id)
    act = found.plan(options, asset)
    place = (asset.id, asset.address) if asset else ("", "")
    return Part(target=place[0], address=place[1], options=options.model_dump(mode="json"), commands=act.commands, inverse=act.inverse)


def _options(found: Capability, given: Mapping[str, Any], scope: _Scope, asset: Asset | None, key: str) -> Any:
    filled = render(given, {**scope.values, **({"target": facts_of(asset)} if asset else {})})
    try:
        return found.Options.model_validate(filled)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        message = "unknown option" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(message, key=".".join(map(str, (key, "with", *first["loc"])))) from None
