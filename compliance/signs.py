"""Every case of the high-risk guide that is put to an object: met, excluded or open, with the signs that an officer judges an open one by.

A sign never decides: what decides stands in frameworks/high-risk-conditions.yaml, what is only shown in frameworks/high-risk-signs.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import Field

from compliance.check import Model, Text
from compliance.framework import Case
from compliance.risk import Ground, asks, failing_checks, load_conditions, met_by, overdue
from compliance.rollup import Conformity
from core.files import build, read_yaml
from store.base import Body

SHIPPED: Final = Path(__file__).parent / "frameworks" / "high-risk-signs.yaml"


class Signs(Model):
    """What an officer looks at, and the checks whose failure speaks for the case."""

    case: str
    checks: tuple[str, ...] = ()
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class _File(Model):
    signs: tuple[Signs, ...]


@lru_cache(maxsize=2)
def load_signs(path: Path = SHIPPED) -> Mapping[str, Signs]:
    """Signs by case; raises ConfigError."""
    return {one.case: one for one in build(read_yaml(path), _File).signs}


class State(StrEnum):
    """Where a case stands on an object."""

    MET = "met"
    OPEN = "open"
    EXCLUDED = "excluded"

    @property
    def text(self) -> Text:
        """The words of the report."""
        return _STATES[self]


_STATES: Final[Mapping[State, Text]] = {
    State.MET: Text(zh="成立", en="met"),
    State.OPEN: Text(zh="待判断", en="open"),
    State.EXCLUDED: Text(zh="已排除", en="excluded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One case on one object. ``items`` are those that are asked; ``failing``: title and assets of each check that speaks for it; ``quiet``: titles of those
    that were judged and do not; ``by`` as in ``Risk.by``; ``look``: what to look at (none where checks decide alone).
    """

    case: Case
    items: tuple[str, ...]
    state: State
    by: str
    failing: tuple[tuple[Text, tuple[str, ...]], ...]
    quiet: tuple[Text, ...]
    look: Text | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What the verdicts of one check say."""

    title: Text
    failing: tuple[str, ...] = ()
    passes: bool = False


def standings(ground: Ground) -> list[Standing]:
    """The cases in the order of the guide."""
    here = {item.id for item in ground.items}
    asked = [case for case in ground.cases if asks(case, ground.subject) and here & set(case.items)]
    failing, late, said = failing_checks(ground.verdicts), overdue(ground.steps), _said(ground.verdicts)
    found = []
    for case in asked:
        items = tuple(name for name in case.items if name in here)
        by = next((by for name in items if (by := met_by(case, failing.get(name, {}), late, ground.results[name]))), "")
        found.append(_standing(ground, case, items, by, said))
    return found


def _standing(ground: Ground, case: Case, items: tuple[str, ...], by: str, said: Mapping[str, _Said]) -> Standing:
    settled = all(ground.results[name].conformity in (Conformity.CONFORMS, Conformity.NOT_APPLICABLE) for name in items)
    signs, condition = load_signs().get(case.case), load_conditions().get(case.case)
    names = [*(condition.checks if condition else ()), *(signs.checks if signs else ())]
    speaking = [said[name] for name in names if name in said]
    return Standing(
        case=case,
        items=items,
        state=State.MET if by else State.EXCLUDED if settled else State.OPEN,
        by=by,
        failing=tuple((one.title, one.failing) for one in speaking if one.failing),
        quiet=tuple(one.title for one in speaking if one.passes and not one.failing),
        look=Text(zh=signs.zh, en=signs.en) if signs else None,
    )


def _said(verdicts: Iterable[Body]) -> dict[str, _Said]:
    found: dict[str, _Said] = {}
    for body in verdicts:
        before = found.get(body["check"]) or _Said(Text(**body["title"]))
        failing = (*before.failing, body["asset"]) if body["outcome"] == "fail" else before.failing
        found[body["check"]] = replace(before, failing=failing, passes=before.passes or body["outcome"] == "pass")
    return found
