"""The parts of a CACAO 2.0 document that are read. Keys beside these are listed as not mapped, never refused: producers add their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*--[0-9A-Za-z-]{1,80}$")]
Text = Annotated[str, StringConstraints(max_length=20_000)]


class Shape(BaseModel):
    """Frozen; what is not known stands in ``model_extra``."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Variable(Shape):
    """A variable; its value is a text whatever its type."""

    type: Text
    description: Text = ""
    value: Any = None
    constant: bool = False
    external: bool = False


class Command(Shape):
    """One command of an action; ``command_b64`` in place of ``command`` for what needs escaping."""

    type: Text
    command: Text = ""
    command_b64: Text = ""
    description: Text = ""
    version: Text = ""
    playbook_activity: Text = ""
    content: Any = None
    content_b64: Any = None


class CacaoStep(Shape):
    """One step of the workflow, of any type."""

    type: Literal["start", "end", "action", "playbook-action", "parallel", "if-condition", "while-condition", "switch-condition"]
    name: Text = ""
    description: Text = ""
    delay: int = Field(default=0, ge=0)
    timeout: int = Field(default=0, ge=0)
    step_variables: Mapping[str, Variable] = Field(default_factory=dict)
    on_completion: Id | None = None
    on_success: Id | None = None
    on_failure: Id | None = None
    commands: tuple[Command, ...] = ()
    agent: Text = ""
    targets: tuple[Text, ...] = ()
    in_args: tuple[Text, ...] = ()
    out_args: tuple[Text, ...] = ()
    condition: Text = ""
    on_true: Id | None = None
    on_false: Id | None = None
    next_steps: tuple[Id, ...] = ()
    switch: Text = ""
    cases: Mapping[str, Id] = Field(default_factory=dict)
    playbook_id: Text = ""
    playbook_version: Text = ""
    step_extensions: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)


class Party(Shape):
    """An agent or a target."""

    type: Text
    name: Text = ""


class CacaoPlaybook(Shape):
    """A document."""

    type: Literal["playbook"]
    spec_version: Literal["cacao-2.0"]
    id: Id
    name: Text
    description: Text = ""
    created_by: Text = ""
    created: Text = ""
    modified: Text = ""
    revoked: bool = False
    playbook_types: tuple[Text, ...] = ()
    playbook_activities: tuple[Text, ...] = ()
    labels: tuple[Text, ...] = ()
    playbook_variables: Mapping[str, Variable] = Field(default_factory=dict)
    workflow_start: Id
    workflow: Mapping[str, CacaoStep] = Field(min_length=1)
    playbook_extensions: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    extension_definitions: Mapping[str, Any] = Field(default_factory=dict)
    agent_definitions: Mapping[str, Party] = Field(default_factory=dict)
    target_definitions: Mapping[str, Party] = Field(default_factory=dict)
