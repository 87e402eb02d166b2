"""Check: what is expected of a snapshot, as data. One YAML file holds one check with the samples that prove it.

docs/compliance.md describes every key. Nothing in a check is code: it names a snapshot kind, picks
a value (a setting, a number of rows or of lines) and says which values conform.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.patterns import PatternText
from core.records import Severity


class Model(BaseModel):
    """Frozen, and every unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Model):
    """Words for people in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Test(Model):
    """What a value must be; every test given must hold. Words are compared without regard to case."""

    __test__ = False  # not a test case of pytest

    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None
    matches: PatternText | None = None
    lacks: PatternText | None = None
    blank: bool | None = None
    mode_within: str | None = Field(default=None, pattern=r"^[0-7]{3,4}$")
    mode_covers: str | None = Field(default=None, pattern=r"^[0-7]{3,4}$")

    @property
    def says_nothing(self) -> bool:
        """Whether no test is given."""
        return all(getattr(self, name) is None for name in Test.model_fields)


WORKED_OUT = frozenset({"asset", "cloud", "estate", "mysql", "object", "organisation", "postgresql", "redis", "scanned", "wanglou", "zone"})
"""Platforms that stand for what was worked out from records (or what a cloud or a running database said of itself), not for what a device said."""
Rows = tuple[Mapping[str, Test], ...]
_SUBJECTS = ("setting", "rows", "duplicates", "lines", "capture", "blocks", "any", "all", "none", "first")


class Expectation(Test):
    """One thing expected of the text: exactly one subject, and for a value the tests it must pass.

    The value of ``setting`` and ``capture`` is the text found, of ``rows``, ``duplicates``, ``lines`` and ``blocks`` a number.
    ``why`` says to people why a value of ``cannot_tell``, or a row of ``unsure``, tells nothing.
    ``first`` is a group of which one part alone counts: the first whose texts are all there, else the last.
    ``blocks`` counts the blocks of a configuration whose header matches, that have a line inside for each of ``having`` and none for ``lacking``.
    """

    read: str = ""
    files: str = ""
    platforms: tuple[str, ...] = ()
    missing: Literal["unknown", "empty", "never"] = "unknown"
    setting: str | None = None
    default: str | None = None
    cannot_tell: tuple[str, ...] = ()
    why: Text | None = None
    rows: Rows | None = None
    unsure: Rows = ()
    duplicates: str | None = None
    lines: PatternText | None = None
    besides: PatternText | None = None
    capture: PatternText | None = None
    blocks: PatternText | None = None
    having: tuple[PatternText, ...] = ()
    lacking: tuple[PatternText, ...] = ()
    any: tuple[Expectation, ...] | None = None
    all: tuple[Expectation, ...] | None = None
    none: tuple[Expectation, ...] | None = None
    first: tuple[Expectation, ...] | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Expectation:
        given = [name for name in _SUBJECTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"names {len(given)} subjects ({', '.join(given) or 'none'}); exactly one of {', '.join(_SUBJECTS)} is expected")
        if (given[0] in ("any", "all", "none", "first")) != self.says_nothing:
            raise ValueError(f"{given[0]}: a group takes no test of its own, everything else needs one (equals, one_of, at_least, ...)")
        return self

    @property
    def parts(self) -> tuple[Expectation, ...]:
        """The expectations inside a group."""
        return self.any or self.all or self.none or self.first or ()

    def reads(self, kind: str) -> frozenset[str]:
        """Every snapshot kind that deciding this needs; ``kind`` is the one inherited."""
        own = self.read or kind
        return frozenset().union(*(part.reads(own) for part in self.parts)) if self.parts else frozenset({own})


class Change(Model):
    """How a sample differs from the host it starts from: ``replace`` must stand in the text, ``append`` is added."""

    kind: str
    replace: str = ""
    by: str = ""
    append: str = ""
    body: str | None = None
    absent: bool = False


class Sample(Model):
    """A case that proves the check: the shipped host of ``platform`` with ``change`` applied gives ``verdict``."""

    platform: str
    verdict: Literal["pass", "fail", "not_applicable", "unknown"]
    change: tuple[Change, ...] = ()
    age_days: float = 0


class Offer(Model):
    """The playbook that mends what a check found: ``assets`` names its input that takes the assets that fail, ``inputs`` holds values of other inputs.

    Inputs that are named by neither are filled in by who asks for the run. That playbook and inputs exist is seen where playbooks are known.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,60}$")
    assets: str = ""
    inputs: Mapping[str, bool | int | float | str | tuple[str, ...]] = Field(default_factory=dict)


Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""One name, or a list of them."""


class Check(Model):
    """One check. ``items`` are the requirement items it gives evidence for (none: the baseline alone), ``limit_age_h`` how old its text may be.

    ``decides``: what it reads says all that its items ask, so that a pass needs no officer's word. ``tells``: a failure is told to the person on duty;
    what measurement and alarms tell anyway, or what is work of months, is not told again.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{2,63}$")
    title: Text
    severity: Severity
    platforms: tuple[str, ...] = Field(min_length=1)
    reads: str
    applies: tuple[Expectation, ...] = ()
    match: Literal["all", "any", "none"] = "all"
    expect: tuple[Expectation, ...] = Field(min_length=1)
    parameters: Mapping[str, str | int | float | tuple[str, ...]] = Field(default_factory=dict)
    items: tuple[str, ...] = ()
    catalogue: Names = ()
    decides: bool = False
    tells: bool = True
    remediation: Text
    playbook: Offer | None = None
    references: tuple[str, ...] = ()
    limit_age_h: float = Field(default=48, gt=0)
    samples: tuple[Sample, ...] = ()

    @property
    def source(self) -> str:
        """The source of the findings that this check raises."""
        return f"compliance.{self.id}"

    @property
    def is_worked_out(self) -> bool:
        """Whether it judges what was worked out from stored records alone."""
        return set(self.platforms) <= WORKED_OUT

    @property
    def kinds(self) -> frozenset[str]:
        """Every snapshot kind it reads."""
        return frozenset().union(*(part.reads(self.reads) for part in (*self.applies, *self.expect)))
