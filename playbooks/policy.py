"""What a site allows playbooks at all: protected assets and addresses, freezes, which may begin by themselves. Pure but for reading the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, field_validator

from core.files import build, read_yaml
from inventory.asset import Asset
from playbooks.form import Form, Names


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("is no address or network") from None


class Protected(Form):
    """What no playbook may change: assets by id or tag, and addresses that may not be given to a changing playbook."""

    assets: Names = ()
    tags: Names = ("protected",)
    addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()


class Freeze(Form):
    """A time in which nothing is changed."""

    begin: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    why: str = ""


class Policy(Form):
    """The site's ``playbooks.yaml``. ``automatic`` names the playbooks (risk ``read``) that rules may start by themselves; none does by default."""

    protected: Protected = Protected()
    freezes: tuple[Freeze, ...] = ()
    automatic: Names = ()

    @field_validator("freezes")
    @classmethod
    def _forward(cls, freezes: Any) -> Any:
        if any(freeze.until <= freeze.begin for freeze in freezes):
            raise ValueError("a freeze ends after it began")
        return freezes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not be done, in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


def read_policy(path: Path) -> Policy:
    """The policy of the file, or the default one where there is none; raises ConfigError with file and line."""
    if not path.exists():
        return Policy()
    document = read_yaml(path)
    return Policy() if document.data is None else build(document, Policy)


def protected(policy: Policy, assets: Iterable[Asset]) -> list[Refusal]:
    """Assets among these that may not be changed."""
    rule = policy.protected
    return [
        Refusal(f"资产 {asset.id} 受保护，不允许剧本变更", f"{asset.id} is protected: no playbook may change it")
        for asset in assets
        if asset.id in rule.assets or set(rule.tags) & set(asset.tags)
    ]


def forbidden_addresses(policy: Policy, values: Iterable[Any]) -> list[Refusal]:
    """Addresses and networks among these values that touch a protected one."""
    networks = [ipaddress.ip_network(text) for text in policy.protected.addresses]
    found = []
    for value in values:
        try:
            given = ipaddress.ip_network(str(value), strict=False)
        except ValueError:
            continue
        if any(given.version == network.version and given.overlaps(network) for network in networks):
            found.append(Refusal(f"地址 {value} 受保护", f"the address {value} is protected"))
    return found


def frozen(policy: Policy, now: datetime) -> list[Refusal]:
    """Freezes in force now."""
    return [
        Refusal(f"变更冻结期至 {freeze.until.isoformat()} {freeze.why}".strip(), f"changes are frozen until {freeze.until.isoformat()} {freeze.why}".strip())
        for freeze in policy.freezes
        if freeze.begin <= now < freeze.until
    ]
