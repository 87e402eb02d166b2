"""Variants: one requirement worded otherwise at another level, and which checks speak for both wordings. Pure over frameworks/variants.yaml."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from compliance.check import Model, Text
from core.files import build, read_yaml

FILE = Path(__file__).parent / "frameworks" / "variants.yaml"


class Variant(Model):
    """``item`` as it stands to the wording ``of``; the head of the file says what each word of ``is`` means."""

    item: str
    of: str
    relation: Literal["same", "weaker", "stronger", "other"]
    checks: tuple[str, ...] = ()
    settles: bool = False
    why: Text

    @model_validator(mode="before")
    @classmethod
    def _relation(cls, data: object) -> object:
        """The file says ``is``, which is no name in Python."""
        return {("relation" if key == "is" else key): value for key, value in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _only_weaker_names_checks(self) -> Variant:
        if self.checks and self.relation != "weaker":
            raise ValueError(f"checks: a wording that is {self.relation} names none")
        if self.settles and not self.checks:
            raise ValueError("settles: names no checks that could")
        return self

    def takes(self, check: str) -> bool:
        """Whether a check of the other wording speaks for this one."""
        return self.relation in ("same", "stronger") or check in self.checks


class _File(Model):
    variants: tuple[Variant, ...]


@lru_cache(maxsize=1)
def variants() -> tuple[Variant, ...]:
    """Every variant, in the order of the standard; raises ConfigError."""
    return build(read_yaml(FILE), _File).variants


@lru_cache(maxsize=4096)
def spread(check: str, items: tuple[str, ...]) -> tuple[str, ...]:
    """The items that a check speaks for which names ``items``: these and their variants."""
    more = (one.item for one in variants() if one.of in items and one.takes(check))
    return tuple(dict.fromkeys((*items, *more)))


def settled(decided: Collection[str], by_item: Mapping[str, Collection[str]]) -> Iterable[str]:
    """Which items are decided: a stronger wording never is by what speaks for the other, one that is implied is when all checks of the other count."""
    stronger = {one.item for one in variants() if one.relation == "stronger"}
    yield from (name for name in decided if name not in stronger)
    yield from (one.item for one in variants() if one.item in by_item and (one.settles or _follows(one, decided, by_item)))


def _follows(one: Variant, decided: Collection[str], by_item: Mapping[str, Collection[str]]) -> bool:
    return one.of in decided and one.relation in ("same", "weaker") and set(by_item.get(one.of, ())) <= set(by_item[one.item])
