"""On whom a run acts: what an incident tells, which assets are in scope, in which waves. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ConfigError
from inventory.asset import Asset
from inventory.graph import Graph
from playbooks.form import Limits, Playbook, Targets


def taken_from(playbook: Playbook, incident: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that an incident answers."""
    found: dict[str, Any] = {}
    for name, form in playbook.inputs.items():
        key = form.source.removeprefix("incident.")
        value = incident.get("labels", {}).get(key.removeprefix("labels.")) if key.startswith("labels.") else incident.get(key) if key else None
        if value not in (None, ""):
            found[name] = value
    return found


def facts_of_incident(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan may know of an incident (its document): id, root, owner, assets, rules and labels of its members, the first one's first."""
    members = list(body.get("members") or ())
    labels: dict[str, Any] = {}
    for member in reversed(members):
        labels |= dict(member.get("labels") or {})
    assets = dict.fromkeys([str(body.get("root") or ""), *(str(member.get("asset") or "") for member in members)])
    rules = dict.fromkeys(str(member.get("rule") or "") for member in members)
    plain = {key: str(body.get(key) or "") for key in ("id", "root", "owner", "priority", "opened")}
    return {**plain, "assets": [one for one in assets if one], "rules": [one for one in rules if one], "labels": labels}


def all_there(playbook: Playbook, inputs: Mapping[str, Any], graph: Graph) -> None:
    """Raise ConfigError for an input of type asset that names one which is not in the inventory."""
    for name, form in playbook.inputs.items():
        if form.type == "asset" and (strange := [one for one in many(inputs[name]) if one not in graph.assets]):
            raise ConfigError(f"there is no asset {strange[0]!r}", key=name)


def find_targets(playbook: Playbook, inputs: Mapping[str, Any], incident: Mapping[str, Any], graph: Graph) -> list[Asset]:
    """The assets of the playbook's scope; raises ConfigError for none, an unknown one, or more than ``max``."""
    scope = playbook.targets
    if scope is None:
        return []
    ids = _named(scope, inputs, incident)
    found = [asset for asset in graph.assets.values() if _matches(scope, asset)] if ids is None else [_known(one, graph) for one in ids]
    if not found:
        raise ConfigError(f"no asset is in the scope of {playbook.name}", key="targets")
    if len(found) > scope.max:
        raise ConfigError(f"{len(found)} assets are in scope, {scope.max} are allowed", key="targets.max")
    return sorted(found, key=lambda asset: asset.id)


def _named(scope: Targets, inputs: Mapping[str, Any], incident: Mapping[str, Any]) -> list[str] | None:
    if scope.input:
        value = inputs.get(scope.input)
        return list(value) if isinstance(value, list) else [value] if value else []
    if scope.incident:
        value = incident.get("root" if scope.incident == "root" else "assets")
        return list(value) if isinstance(value, list | tuple) else [value] if value else []
    return None


def _matches(scope: Targets, asset: Asset) -> bool:
    def has(key: str, wanted: Sequence[str]) -> bool:
        value = getattr(asset, key)
        return bool(set(value) & set(wanted)) if isinstance(value, tuple) else value in wanted

    return all(has(key, wanted) for key, wanted in scope.match.items())


def _known(id: str, graph: Graph) -> Asset:
    if id not in graph.assets:
        raise ConfigError(f"there is no asset {id!r}", key="targets")
    return graph.assets[id]


def many(value: Any) -> list[Any]:
    """A value as a list; nothing is none."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def facts_of(asset: Asset) -> dict[str, Any]:
    """What templates may know of a target."""
    return asset.model_dump(
        mode="json", include={"id", "name", "kind", "address", "site", "room", "rack", "unit", "vendor", "model", "owner", "business", "facts"}
    )


def waves(limits: Limits, count: int) -> tuple[int, ...]:
    """How many targets each wave takes: the canary first, percentages of all, the last one takes the rest."""
    sizes: list[int] = []
    left = count
    for text in limits.waves:
        size = min(left, max(1, count * int(text[:-1]) // 100) if text.endswith("%") else int(text))
        if size:
            sizes.append(size)
            left -= size
    return (*sizes, left) if left else tuple(sizes)
