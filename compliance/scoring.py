"""Scoring: item results -> a figure and a conclusion, by the scheme that the date of the report asks for. Pure.

report-2025: rate of conformity (letter 公网安〔2025〕1846号, answers 18-22). report-2021: the deduction formula
M = V_t + V_m with V = max(0, 100 y - sum f(w)(1 - x) S), S = 100/n (2021 report template).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from compliance.check import Model, Text
from compliance.framework import MLPS, Weight
from compliance.rollup import Conformity
from core.errors import ConfigError
from core.files import build, read_yaml

ANY = "*"
"""The family of schemes for every framework that has none of its own."""
SHIPPED = Path(__file__).parent / "frameworks" / "schemes.yaml"


class Conclusion(Model):
    """The first conclusion whose limits hold is the one; risks are the highest number allowed."""

    zh: str
    en: str
    above: float | None = None
    at_least: float | None = None
    high_risks: int | None = None
    medium_risks: int | None = None
    major_risks: int | None = None


class Scheme(Model):
    """One way to score. ``partial_counts`` is what a partly conforming item is worth (0..1)."""

    valid_from: date = date.min
    valid_to: date | None = None
    family: str = MLPS
    title: Text
    method: Literal["rate", "deduction"]
    partial_counts: float
    attention: float = 0.5
    weights: Mapping[Weight, float] = {}
    conclusions: tuple[Conclusion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One item as scoring sees it."""

    conformity: Conformity
    is_technical: bool
    weight: Weight = "一般"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risks:
    """Problems that remain: by the risk guide (high, medium) and major hidden risks (重大风险隐患)."""

    high: int = 0
    medium: int = 0
    major: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``figure`` is 0..100. ``best`` is the figure if everything unknown turned out to conform."""

    scheme: str
    figure: float
    best: float
    conclusion: Text
    counts: Mapping[Conformity, int]
    technical: float | None = None
    management: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to verify."""
        return not self.counts.get(Conformity.UNKNOWN)


@lru_cache(maxsize=4)
def load_schemes(path: Path = SHIPPED) -> Mapping[str, Scheme]:
    """The schemes of a file by id; raises ConfigError."""
    document = read_yaml(path)
    return {str(name): build(document, Scheme, (name,)) for name in document.data}


def scheme_for(day: date, schemes: Mapping[str, Scheme] | None = None, family: str = MLPS) -> str:
    """The scheme in force on the date of the report for a family of frameworks; raises ConfigError when there is none."""
    given = schemes or load_schemes()
    wanted = family if any(scheme.family == family for scheme in given.values()) else ANY
    for name, scheme in given.items():
        if scheme.family == wanted and scheme.valid_from <= day and (scheme.valid_to is None or day <= scheme.valid_to):
            return name
    raise ConfigError(f"no scoring scheme was in force on {day}")


def score(name: str, items: Sequence[Scored], risks: Risks = Risks(), schemes: Mapping[str, Scheme] | None = None) -> Score:
    """The score of ``items`` under the scheme ``name``. What is not applicable is left out, what is unknown earns nothing."""
    scheme = (schemes or load_schemes())[name]
    counts = {word: sum(item.conformity is word for item in items) for word in Conformity}
    figure, technical, management = _figure(scheme, items)
    hopeful = [_as_conforming(item) for item in items]
    return Score(
        scheme=name,
        figure=figure,
        best=_figure(scheme, hopeful)[0],
        conclusion=conclude(scheme, figure, risks),
        counts=counts,
        technical=technical,
        management=management,
    )


def _as_conforming(item: Scored) -> Scored:
    is_open = item.conformity is Conformity.UNKNOWN
    return Scored(conformity=Conformity.CONFORMS, is_technical=item.is_technical, weight=item.weight) if is_open else item


def _figure(scheme: Scheme, items: Sequence[Scored]) -> tuple[float, float | None, float | None]:
    asked = [item for item in items if item.conformity is not Conformity.NOT_APPLICABLE]
    if not asked:
        return 0.0, None, None
    if scheme.method == "rate":
        return 100 * sum(_worth(scheme, item) for item in asked) / len(asked), None, None
    unit = 100 / len(asked)
    technical = _half(scheme, (item for item in asked if item.is_technical), 100 * scheme.attention, unit)
    management = _half(scheme, (item for item in asked if not item.is_technical), 100 * (1 - scheme.attention), unit)
    return technical + management, technical, management


def _half(scheme: Scheme, items: Iterable[Scored], full: float, unit: float) -> float:
    return max(0.0, full - sum(scheme.weights[item.weight] * (1 - _worth(scheme, item)) * unit for item in items))


def _worth(scheme: Scheme, item: Scored) -> float:
    return {Conformity.CONFORMS: 1.0, Conformity.PARTIAL: scheme.partial_counts}.get(item.conformity, 0.0)


def conclude(scheme: Scheme, figure: float, risks: Risks) -> Text:
    """The conclusion for a figure and the risks that remain."""
    exact = round(figure, 9)
    for one in scheme.conclusions:
        limits = ((one.high_risks, risks.high), (one.medium_risks, risks.medium), (one.major_risks, risks.major))
        if (one.above is None or exact > one.above) and (one.at_least is None or exact >= one.at_least) and all(m is None or n <= m for m, n in limits):
            return Text(zh=one.zh, en=one.en)
    raise ConfigError(f"the scheme {scheme.title.en} has no conclusion for {figure:.1f}")
