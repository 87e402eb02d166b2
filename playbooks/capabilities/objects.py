"""Writing by SNMP: objects of a list, read before and after, and written back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.errors import BadReply
from core.files import build, read_yaml
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Line, whole

TABLE: Final = FilePath(__file__).with_name("objects.yaml")


class Object(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    oid: Annotated[str, AfterValidator(whole(r"1(?:\.\d+)+", "OID"))]
    indexed: bool = False
    values: Mapping[str, int] = Field(default_factory=dict)
    zh: str
    en: str


@lru_cache(maxsize=1)
def objects() -> Mapping[str, Object]:
    """The table."""
    document = read_yaml(TABLE)
    return {name: build(document, Object, (name,)) for name in document.data}


def _known(name: str) -> str:
    if name not in objects():
        raise ValueError(f"is none of the objects that may be written: {', '.join(sorted(objects()))}")
    return name


class SetOptions(Options):
    """Which object (``index``: of which port or outlet) and the value, a name of the object's values or a text."""

    object: Annotated[str, AfterValidator(_known)]
    index: int = Field(default=0, ge=0, le=2**31 - 1)
    value: Annotated[Line, Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _fits(self) -> SetOptions:
        row = objects()[self.object]
        if row.values and self.value not in row.values:
            raise ValueError(f"{self.object} takes one of {', '.join(row.values)}")
        if row.indexed != bool(self.index):
            raise ValueError(f"{self.object} {'needs' if row.indexed else 'has no'} index")
        return self

    @property
    def oid(self) -> str:
        """The instance."""
        return f"{objects()[self.object].oid}.{self.index}"

    @property
    def raw(self) -> int | str:
        """What is sent."""
        return objects()[self.object].values.get(self.value, self.value)


class SnmpSet:
    """Writes one object; undo writes what was there before."""

    name: ClassVar[str] = "snmp.set"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = SetOptions

    def plan(self, options: SetOptions, target: Asset | None) -> Act:  # noqa: ARG002 - the same for every target
        """The write and its opposite."""
        return Act(commands=(f"SNMP set {options.oid} = {options.raw!r}",), inverse=(f"SNMP set {options.oid} = <before: value>",))

    def verify(self, options: SetOptions, target: Asset | None, reach: Reach) -> State:
        """What stands there; raises BadReply when the agent has no such object."""
        asset = asset_of(target)
        found = reach.agent(asset).get(options.oid)
        if found is None:
            raise BadReply(asset.id, f"{asset.address} has no object {options.oid}")
        return State(holds=found == options.raw, said=f"{options.object} is {found!r}", before={"value": found})

    def do(self, options: SetOptions, target: Asset | None, reach: Reach) -> Answer:
        """Write it."""
        reach.agent(asset_of(target)).set(options.oid, options.raw)
        return Answer(said=f"{options.object} set to {options.value}")

    def undo(self, options: SetOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """Write back what was there."""
        value = before.get("value")
        if not isinstance(value, int | str):
            raise BadReply(asset_of(target).id, "nobody knows what was there before")
        reach.agent(asset_of(target)).set(options.oid, value)
        return Answer(said=f"{options.object} is {value!r} again")
