"""The YAML form of a playbook. ``docs/playbooks.md`` tells each key; ``playbooks.lint`` says what the shapes alone cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.clock import seconds
from core.errors import ConfigError
from core.files import Document, Where, build
from inventory.people import Role
from playbooks.capability import Danger

Kind = Literal[
    "text",
    "line",
    "word",
    "path",
    "host",
    "ip",
    "network",
    "mac",
    "interface",
    "int",
    "port",
    "number",
    "bool",
    "choice",
    "date",
    "duration",
    "asset",
    "person",
]
VERBS: Final = ("run", "ask", "approve", "assign", "notify", "wait", "if_", "each", "parallel", "steps", "call")
NAME: Final = r"^[a-z][a-z0-9-]{1,60}$"
ID: Final = r"^[a-z][a-z0-9_]{0,40}$"
LONGEST_S: Final = 31 * 86400.0


class Form(BaseModel):
    """A part of the form: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _time(value: Any) -> float:
    found = seconds(value)
    if not 0 < found <= LONGEST_S:
        raise ValueError("is no time between 1 s and 31 days")
    return found


Time = Annotated[float, BeforeValidator(_time)]
"""Seconds, written 90s, 15m, 2h, 3d."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Both(Form):
    """A text in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Input(Form):
    """One typed input, or one field of a form that a person fills in. ``from`` takes the value of an incident when a run starts there."""

    type: Kind
    title: Both | None = None
    help: Both | None = None
    required: bool = True
    many: bool = False
    most: int = Field(default=20, ge=1, le=1000)
    default: Any = None
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    source: str = Field(default="", alias="from", pattern=r"^(?:|incident\.(?:root|owner|id|labels\.[A-Za-z0-9_.-]+))$")


class Targets(Form):
    """On which assets the steps with a targeted capability act: those of an input, of the incident, or all that match (every key given must)."""

    input: str = ""
    incident: Literal["", "root", "assets"] = ""
    match: Mapping[Literal["id", "kind", "site", "room", "rack", "unit", "owner", "business", "vendor", "model", "tags"], Names] = Field(default_factory=dict)
    max: int = Field(default=1, ge=1, le=1000)


class Limits(Form):
    """What bounds a run. ``once_per``: at most one run with the same values of these inputs within ``once_for``."""

    once_per: Names = ()
    once_for: Time = 1800.0
    per_day: int = Field(default=20, ge=1, le=1000)
    timeout: Time = 3600.0
    queue: Time = 600.0
    waves: tuple[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}%?$")], ...] = ("1", "10%", "100%")
    failures: int = Field(default=0, ge=0, le=1000)
    at_once: int = Field(default=4, ge=1, le=32)


class Trigger(Form):
    """Where a run may be offered or begin by itself: incidents with one of these rules (``disk_*`` a prefix). ``auto`` is for risk ``read`` alone."""

    rules: Names = ()
    auto: bool = False


class Approval(Form):
    """Who may say yes: people with one of the roles, never who asked. ``within``: then the run is refused."""

    by: Annotated[tuple[Role, ...], BeforeValidator(_listed)] = ("duty_leader", "security_officer")
    count: int = Field(default=1, ge=1, le=5)
    within: Time = 3600.0
    text: Both | None = None


class Ask(Form):
    """A form for a person. ``to``: requester, role:NAME, person:NAME or incident.owner; late ones go to ``escalate``."""

    to: str = Field(default="requester", pattern=r"^(?:requester|incident\.owner|role:[a-z_]+|person:[^\s:*]{1,64})$")
    text: Both
    form: Mapping[str, Input] = Field(default_factory=dict)
    within: Time = 86400.0
    escalate: str = Field(default="", pattern=r"^(?:|role:[a-z_]+|person:[^\s:*]{1,64})$")


class Notify(Form):
    """A message to people."""

    to: str = Field(default="requester", pattern=r"^(?:requester|incident\.owner|role:[a-z_]+|person:[^\s:*]{1,64})$")
    text: Both


class Retry(Form):
    """Try again after a failure whose effect is known."""

    times: int = Field(default=0, ge=0, le=5)
    wait: Time = 10.0


class Undo(Form):
    """When a step is put back by itself (``after`` may be a template over inputs), or why it never is."""

    after: str = ""
    never: str = ""


class Verify(Form):
    """How long the wanted state may take to show; ``expect`` is a condition over ``values`` of another, reading capability."""

    within: Time = 30.0
    run: str = ""
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    expect: str = ""


class Step(Form):
    """One step: exactly one of the verbs."""

    id: str = Field(pattern=ID)
    title: Both | None = None
    run: str | None = None
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    unless: str = ""
    verify: Verify = Verify()
    undo: Undo = Undo()
    retry: Retry = Retry()
    timeout: Time = 60.0
    on_fail: Literal["stop", "continue", "undo"] = "undo"
    ask: Ask | None = None
    approve: Approval | None = None
    assign: Ask | None = None
    notify: Notify | None = None
    wait: Time | None = None
    if_: str | None = Field(default=None, alias="if")
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = Field(default=(), alias="else")
    each: str | tuple[str | int, ...] | None = None
    parallel: tuple[Step, ...] | None = None
    steps: tuple[Step, ...] | None = None
    call: str | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> Step:
        given = [verb for verb in VERBS if getattr(self, verb) is not None and not (verb == "steps" and self.each is not None)]
        if len(given) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(verb.rstrip('_') for verb in VERBS)}")
        return self

    @property
    def verb(self) -> str:
        """What kind of step it is."""
        return "each" if self.each is not None else next(verb for verb in VERBS if getattr(self, verb) is not None).rstrip("_")


class Playbook(Form):
    """A whole playbook; a run keeps the one that it started with."""

    playbook: str = Field(pattern=NAME)
    version: int = Field(ge=1)
    title: Both
    about: Both
    risk: Danger
    domain: Literal["operations", "security", "workflow"] = "operations"
    inputs: Mapping[Annotated[str, Field(pattern=ID)], Input] = Field(default_factory=dict)
    targets: Targets | None = None
    limits: Limits = Limits()
    trigger: Trigger = Trigger()
    approve: Approval | None = None
    steps: tuple[Step, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """Its unique name."""
        return self.playbook


def read_form(document: Document) -> Playbook:
    """The playbook of one document; raises ConfigError with file, line and key."""
    if not isinstance(document.data, dict):
        raise ConfigError("a playbook is one mapping that begins with its name: playbook: ...", path=document.path, line=1)
    return build(document, Playbook)


def walk(steps: tuple[Step, ...], where: Where = ("steps",)) -> Iterator[tuple[Step, Where]]:
    """Every step with its place in the file, outer ones first."""
    for number, step in enumerate(steps):
        place = (*where, number)
        yield step, place
        for key, inner in (("then", step.then), ("else", step.otherwise), ("parallel", step.parallel or ()), ("steps", step.steps or ())):
            yield from walk(inner, (*place, key))
