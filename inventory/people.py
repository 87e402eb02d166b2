"""People: who owns things, who is on duty, how they are told. Accounts and passwords live in the console."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["viewer", "operator", "duty_leader", "security_officer", "system_admin", "security_admin", "audit_admin"]


class Person(BaseModel):
    """One person. ``receivers`` are ids of the alerting configuration; ``duty`` allows being put on a rota."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=64)
    name: str = ""
    roles: tuple[Role, ...] = ()
    unit: str = ""
    receivers: tuple[str, ...] = ()
    duty: bool = True
    disabled: bool = False
    phone: str = ""
    mail: str = ""
    company: str = ""
    contract_until: str = ""
