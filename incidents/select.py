"""Naming an incident: by its root, a rule of a member, its title or its number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import Refused
from incidents.kernel import Kernel
from incidents.match import fits
from incidents.state import Incident

KEYS = ("asset", "rule", "title", "nth")


def select(k: Kernel, selector: Mapping[str, Any] | int | None) -> Incident:
    """The one incident that a selector names; raises Refused when it names none or several."""
    if selector is None:
        selector = {}
    if isinstance(selector, int):
        selector = {"nth": selector}
    if unknown := set(selector) - set(KEYS):
        raise Refused(f"a selector has no key {min(unknown)!r}; there are {', '.join(KEYS)}")
    found = [incident for incident in k.world.incidents.values() if _fits(k, incident, selector)]
    alive = [incident for incident in found if incident.state != "merged"]
    chosen = alive or found
    if len(chosen) > 1:
        chosen = [incident for incident in chosen if incident.state != "closed"] or chosen
    if len(chosen) != 1:
        raise Refused(f"not found: no incident fits {dict(selector)}" if not chosen else f"{len(chosen)} incidents fit {dict(selector)}; name exactly one")
    return chosen[0]


def _fits(k: Kernel, incident: Incident, selector: Mapping[str, Any]) -> bool:
    if "nth" in selector:
        return incident.nth == int(selector["nth"])
    if "asset" in selector and not fits(str(selector["asset"]), incident.root):
        return False
    if "title" in selector and not fits(str(selector["title"]), incident.title):
        return False
    names = {k.world.alerts[name].rule for name in incident.members} | {rule for what, rule in incident.links if what == "rule"}
    return "rule" not in selector or any(fits(str(selector["rule"]), name) for name in names)
