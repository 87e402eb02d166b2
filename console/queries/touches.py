"""Which requirements of graded protection an incident bears on, and the incidents that bear on a requirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import incidents
from console.queries.cases import Case, Member
from core.files import read_yaml

TABLE: Final = Path(incidents.__file__).with_name("touches.yaml")


@dataclass(frozen=True, slots=True)
class Touches:
    """Items by rule, and by class for rules that have none."""

    rules: Mapping[str, tuple[str, ...]]
    classes: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def table() -> Touches:
    """The shipped table."""
    data: dict[str, dict[str, list[str]]] = read_yaml(TABLE).data
    return Touches(*({key: tuple(items) for key, items in data[block].items()} for block in ("rules", "classes")))


def items_of_member(member: Member) -> tuple[str, ...]:
    """A compliance check names its items; any other alert has those of its rule, else of its class."""
    proof: Any = member.body.get("evidence")
    if isinstance(proof, Mapping) and proof.get("items"):
        return tuple(str(item) for item in proof["items"])
    return table().rules.get(member.rule) or table().classes.get(str(member.body.get("class") or ""), ())


def items_of(case: Case) -> dict[str, list[str]]:
    """Item -> the rules of the incident that bear on it, the item named most often first."""
    found: dict[str, dict[str, int]] = {}
    for member in case.members:
        for item in items_of_member(member):
            rules = found.setdefault(item, {})
            rules[member.rule] = rules.get(member.rule, 0) + 1
    return {item: list(rules) for item, rules in sorted(found.items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))}


def bearing_on(item: str, cases: Iterable[Case]) -> list[Case]:
    """The incidents of these that bear on a requirement."""
    return [case for case in cases if item in items_of(case)]
