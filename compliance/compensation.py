"""Overall assessment (整体测评): which met requirements may make up for a gap elsewhere. Proposals only; officers decide (compliance/risk.py). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import Field

from compliance.check import Model, Text
from compliance.risk import Risk
from compliance.rollup import Conformity, ItemResult
from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).parent / "frameworks" / "compensations.yaml"


class Compensation(Model):
    """The gap of ``item`` may be made up for by all of ``by``."""

    item: str
    by: tuple[str, ...] = Field(min_length=1)
    zh: str
    en: str

    @property
    def why(self) -> Text:
        """In both languages."""
        return Text(zh=self.zh, en=self.en)


class _File(Model):
    compensations: tuple[Compensation, ...]


@lru_cache(maxsize=2)
def load_compensations(path: Path = SHIPPED) -> tuple[Compensation, ...]:
    """The rules; raises ConfigError."""
    return build(read_yaml(path), _File).compensations


def proposed(risk: Risk, results: Mapping[str, ItemResult], rules: Iterable[Compensation] | None = None) -> Compensation | None:
    """What may make up for this gap now: everything that it names is met, nobody has decided yet, and the guide accepts measures."""
    if risk.decision or (risk.case and risk.case.mitigation == "none"):
        return None
    for rule in load_compensations() if rules is None else rules:
        if rule.item == risk.item and all(name in results and results[name].conformity is Conformity.CONFORMS for name in rule.by):
            return rule
    return None
