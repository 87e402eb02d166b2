"""People: who owns things, who is on duty, how they are told. Accounts and passwords live in the console."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["viewer", "operator", "duty_leader", "security_officer", "system_admin", "security_admin", "audit_admin"]


class Telling(BaseModel):
    """By which receivers a person is told at some priorities and hours (site time; ``to`` not after ``from``: the next day)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    priority: tuple[Literal["P1", "P2", "P3", "P4"], ...] = ()
    start: time = Field(default=time(), alias="from")
    end: time = Field(default=time(), alias="to")
    receivers: tuple[str, ...] = ()

    def fits(self, priority: str, at: time) -> bool:
        """Whether it is about this priority and time of day; no priorities are all, the same ``from`` and ``to`` the whole day."""
        if self.priority and priority not in self.priority:
            return False
        if self.start < self.end:
            return self.start <= at < self.end
        return self.start == self.end or at >= self.start or at < self.end


class Person(BaseModel):
    """One person. ``receivers`` are ids of the alerting configuration, unless a rule fits (the first one); ``duty`` allows being put on a rota."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=64)
    name: str = ""
    roles: tuple[Role, ...] = ()
    unit: str = ""
    receivers: tuple[str, ...] = ()
    rules: tuple[Telling, ...] = ()
    duty: bool = True
    disabled: bool = False
    phone: str = ""
    mail: str = ""
    company: str = ""
    contract_until: str = ""
