"""Asset and its relations, in the form that site files, scenarios and the store share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Importance = Literal["critical", "high", "normal", "low"]
_BY_LEVEL: Mapping[int, Importance] = {4: "critical", 3: "high", 2: "normal", 1: "low"}


class Ways(BaseModel):
    """Where something leads: over ``any`` one of these assets, or needing ``all`` of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every asset named, in the order written."""
        return self.any or self.all


def _ways(plain: Literal["any", "all"]) -> BeforeValidator:
    def read(value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        return {plain: value} if isinstance(value, list | tuple) else value

    return BeforeValidator(read)


AnyOf = Annotated[Ways, _ways("any")]
AllOf = Annotated[Ways, _ways("all")]


class Asset(BaseModel):
    """One thing that is watched or that something depends on.

    ``id`` is stable over rename, readdressing and reinstallation. ``collect`` maps a collector's name to its
    options; ``credentials`` maps a use ("ssh", "snmp") to the name of a sealed credential.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=128)
    name: str = ""
    kind: str = "server"
    address: str = ""
    addresses: tuple[str, ...] = ()
    site: str = ""
    room: str = ""
    rack: str = ""
    unit: str = ""
    owner: str = ""
    business: str = ""
    vendor: str = ""
    model: str = ""
    version: str = ""
    serial: str = ""
    importance: Importance = "normal"
    level: int | None = Field(default=None, ge=1, le=4)
    grading: str = ""
    object: str = ""
    tags: tuple[str, ...] = ()
    facts: Mapping[str, str] = Field(default_factory=dict)
    dates: Mapping[str, str] = Field(default_factory=dict)
    note: str = ""
    collect: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    interval: float | None = Field(default=None, gt=0)
    credentials: Mapping[str, str] = Field(default_factory=dict)
    reached_by: AnyOf = Ways()
    runs_on: AllOf = Ways()
    depends_on: AllOf = Ways()
    powered_by: AnyOf = Ways()
    cooled_by: AnyOf = Ways()
    collected_by: AnyOf = Ways()
    connected_to: AnyOf = Ways()
    member_of: AnyOf = Ways()
    protected_by: AnyOf = Ways()
    located_in: str = ""
    simulated: bool = False

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.name or self.id

    def model_post_init(self, _context: Any) -> None:
        """Importance follows the MLPS level when only the level is given."""
        if self.level and "importance" not in self.model_fields_set:
            object.__setattr__(self, "importance", _BY_LEVEL[self.level])
