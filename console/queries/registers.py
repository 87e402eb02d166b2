"""The register of protection objects as a form: lines of text to rules and zones and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from compliance.measured.zones import is_placed, zones_of
from compliance.objects import ProtectionObject, Rule
from console.i18n import _
from core.errors import ConfigError
from inventory.asset import Asset
from inventory.networks import Plan, Zone

FIELDS: Final = tuple(Rule.model_fields)


def rules_text(subject: ProtectionObject) -> str:
    """One rule a line: ``business=办公自动化; kind=server, database``."""
    return "\n".join("; ".join(f"{name}={', '.join(map(str, values))}" for name in FIELDS if (values := getattr(rule, name))) for rule in subject.scope.rules)


def read_rules(text: str) -> list[dict[str, Any]]:
    """The rules of such a text; raises ConfigError that quotes the line."""
    return [_rule(line.strip()) for line in text.splitlines() if line.strip()]


def _rule(line: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in line.replace("；", ";").split(";"):
        name, is_pair, values = part.partition("=")
        name = name.strip()
        if not is_pair or name not in FIELDS:
            raise ConfigError(
                _("{part} is no part of a rule; write for instance business=OA; kind=server, with the fields {fields}").format(
                    part=part.strip(), fields=", ".join(FIELDS)
                )
            )
        found[name] = [int(value) if name == "level" and value.isdigit() else value for value in listed(values)]
    return found


def listed(text: str) -> list[str]:
    """Names parted by commas of either language."""
    return [name for name in (part.strip() for part in text.replace("，", ",").replace("、", ",").split(",")) if name]


def zones_text(subject: ProtectionObject) -> str:
    """One zone a line: ``DMZ: web1, web2``."""
    return "\n".join(f"{zone.name}: {', '.join(zone.assets)}" for zone in subject.zones)


def read_zones(text: str, known: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The zones of such a text; notes of zones that are known stay."""
    notes = {str(zone["name"]): str(zone.get("note", "")) for zone in known}
    found = []
    for line in text.splitlines():
        name, _colon, assets = line.replace("：", ":").partition(":")
        if name.strip():
            found.append({"name": name.strip(), "assets": listed(assets), "note": notes.get(name.strip(), "")})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One zone with its prefixes and the assets of an object that lie in it; ``zone`` None: those that lie in none, ``doubled`` those that lie in several."""

    zone: Zone | None
    prefixes: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    doubled: bool = False


def placed(members: Iterable[Asset], plan: Plan, objects: Sequence[ProtectionObject]) -> list[Placed]:
    """The zones of the plan and those that members lie in by hand, then what lies in none or in several."""
    inside: dict[str, list[str]] = defaultdict(list)
    zones = {zone.name: zone for zone in plan.zones}
    nowhere, doubled = [], []
    for asset in members:
        found = zones_of(asset, plan, objects)
        zones = {**zones, **{name: zone for name, zone in found.items() if name not in zones}}
        for name in found:
            inside[name].append(asset.id)
        if len(found) > 1:
            doubled.append(asset.id)
        elif not found and is_placed(asset):
            nowhere.append(asset.id)
    prefixes: dict[str, list[str]] = defaultdict(list)
    for network in plan.networks:
        prefixes[network.zone].append(str(network.prefix))
    rows = [Placed(zone=zone, prefixes=tuple(prefixes[name]), assets=tuple(inside[name])) for name, zone in zones.items()]
    rows += [Placed(zone=None, assets=tuple(nowhere))] if nowhere and rows else []
    return rows + ([Placed(zone=None, assets=tuple(doubled), doubled=True)] if doubled else [])
