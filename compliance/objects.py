"""Protection objects (定级对象): grading record, scope, people, and the steps of the yearly work with their dates.

Steps and periods: GB/T 22240-2020 (grading), GB/T 25058-2019 (phases), letter 公网安〔2025〕1846号 answers 1, 6 and 11 (filing anew
on the 2025 forms, validity of the certificate, yearly assessment), the high-risk guide of 2025 6.9.4.1 and 6.10.1.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field, model_validator

from compliance.check import Model, Text
from compliance.framework import MLPS, Grade
from inventory.asset import Asset

Extension = Literal["cloud", "mobile", "iot", "ics"]
NEW_FORMS: Final = date(2025, 3, 20)
YEAR: Final = timedelta(days=365)
SOON: Final = timedelta(days=60)
ANEW_IN: Final = timedelta(days=90)
"""Our own span: the standard asks for an assessment after a major change and names none."""


class Rule(Model):
    """Assets by what they are; every field that is given must match, a field matches when the asset has one of its values."""

    business: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    room: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    level: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if not self.model_fields_set:
            raise ValueError("a rule names at least one of business, kind, site, room, owner, tag, level")
        return self

    def takes(self, asset: Asset) -> bool:
        """Whether the asset is what the rule describes."""
        has = {"business": asset.business, "kind": asset.kind, "site": asset.site, "room": asset.room, "owner": asset.owner, "level": asset.level}
        wanted = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name)}
        return all(set(values) & set(asset.tags) if name == "tag" else has[name] in values for name, values in wanted.items())


class Scope(Model):
    """Which assets belong: by hand, by rules, without the excluded ones. An asset whose ``object`` names the object belongs too."""

    assets: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    excluded: tuple[str, ...] = ()


class Zone(Model):
    """A network zone of the object with the assets in it."""

    name: str
    assets: tuple[str, ...] = ()
    note: str = ""


class People(Model):
    """Who answers for the object."""

    owner: str = ""
    security: str = ""
    operations: str = ""
    contact: str = ""


class Dates(Model):
    """What was done when, and what was decided to be done when.

    ``changed``: the last major change, which may touch the grade; ``assessed_anew``: when it was decided after it whether to assess again.
    """

    in_use: date | None = None
    graded: date | None = None
    reviewed: date | None = None
    approved: date | None = None
    filed: date | None = None
    filed_anew: date | None = None
    assessed: date | None = None
    assessed_anew: date | None = None
    self_checked: date | None = None
    drilled: date | None = None
    changed: date | None = None
    certificate_until: date | None = None


class ProtectionObject(Model):
    """One object of grading. ``s`` and ``a`` are the grades of business information and of system service.

    A ``label`` (a marking such as 秘密) makes its records restricted: it stands on every page, taking reports along needs a right of its own,
    and nothing about its assets is sent by chat.
    """

    id: str = Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    name: str = Field(min_length=1, max_length=200)
    business: str = ""
    description: str = ""
    s: int = Field(ge=1, le=4)
    a: int = Field(ge=1, le=4)
    framework: str = MLPS
    label: str = Field(default="", max_length=40)
    extensions: tuple[Extension, ...] = ()
    high_continuity: bool = False
    key_industry: bool = False
    filing_number: str = ""
    assessor: str = ""
    boundary: tuple[str, ...] = ()
    scope: Scope = Scope()
    zones: tuple[Zone, ...] = ()
    people: People = People()
    dates: Dates = Dates()

    @property
    def grade(self) -> Grade:
        """As the framework takes it."""
        return Grade(self.s, self.a, tuple(self.extensions))

    @property
    def grade_text(self) -> str:
        """As filing forms write it: S3A2G3."""
        return f"S{self.s}A{self.a}G{self.grade.level}"

    def members(self, assets: Iterable[Asset]) -> list[Asset]:
        """The assets in scope."""
        return [asset for asset in assets if self.has(asset)]

    def has(self, asset: Asset) -> bool:
        """Whether an asset is in scope."""
        if asset.id in self.scope.excluded:
            return False
        named = asset.id in self.scope.assets or asset.object == self.id or any(asset.id in zone.assets for zone in self.zones) or asset.id in self.boundary
        return named or any(rule.takes(asset) for rule in self.scope.rules)


class Progress(StrEnum):
    """How a step stands."""

    DONE = "done"
    SOON = "soon"
    OVERDUE = "overdue"
    OPEN = "open"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the work on an object: when it was done last, until when it is due, and why."""

    name: str
    title: Text
    progress: Progress
    done: date | None = None
    due: date | None = None
    why: Text


TITLES: Final[Mapping[str, Text]] = {
    "graded": Text(zh="定级", en="Grading"),
    "reviewed": Text(zh="专家评审", en="Expert review"),
    "approved": Text(zh="主管部门核准", en="Approval by the competent department"),
    "filed": Text(zh="公安机关备案", en="Filing with the police"),
    "filed_anew": Text(zh="按 2025 版表格重新备案", en="Filing anew on the 2025 forms"),
    "certificate_until": Text(zh="备案证明有效期", en="Validity of the filing certificate"),
    "assessed": Text(zh="等级测评", en="Assessment"),
    "assessed_anew": Text(zh="重大变更后重新测评或作出决定", en="Assessment after a major change, or a decision on it"),
    "self_checked": Text(zh="自查", en="Self-check"),
    "drilled": Text(zh="应急演练", en="Emergency drill"),
}


def steps(subject: ProtectionObject, today: date) -> list[Step]:
    """Every step in order, with its due date. A grade that was touched by a change makes grading due again."""
    return [_step(subject, name, today) for name in TITLES]


def _step(subject: ProtectionObject, name: str, today: date) -> Step:
    done, due, why, needed = _due(subject, name)
    if not needed:
        return Step(name=name, title=TITLES[name], progress=Progress.NOT_NEEDED, done=done, why=why)
    progress = _progress(done, due, today)
    return Step(name=name, title=TITLES[name], progress=progress, done=done, due=due, why=why)


def _progress(done: date | None, due: date | None, today: date) -> Progress:
    if due is None:
        return Progress.DONE if done else Progress.OPEN
    if due < today:
        return Progress.OVERDUE
    if due - today <= SOON:
        return Progress.SOON
    return Progress.DONE if done else Progress.OPEN


def _due(subject: ProtectionObject, name: str) -> tuple[date | None, date | None, Text, bool]:
    """(done, due, why, needed) of a step; a due date that is None with ``done`` set means: nothing more to do."""
    dates, level = subject.dates, subject.grade.level
    if name == "graded":
        again = dates.graded and dates.changed and dates.changed > dates.graded
        why = Text(zh="系统发生变更，须重新确认等级", en="a change may touch the grade: confirm it again") if again else _WHY["graded"]
        return dates.graded, (dates.changed + timedelta(days=30)) if again and dates.changed else None, why, True
    if name in ("reviewed", "approved"):
        return getattr(dates, name), None, _WHY[name], level >= 2
    if name == "filed":
        due = None if dates.filed or not dates.in_use else dates.in_use + timedelta(days=30)
        return dates.filed, due, _WHY["filed"], level >= 2
    if name == "filed_anew":
        old = bool(dates.filed and dates.filed < NEW_FORMS)
        return dates.filed_anew, None if dates.filed_anew else NEW_FORMS, _WHY["filed_anew"], level >= 2 and old
    if own := {"certificate_until": _certificate, "assessed_anew": _anew}.get(name):
        return own(subject)
    period = 2 * YEAR if name == "assessed" and level == 2 else YEAR
    last: date | None = getattr(dates, name)
    begin = last or dates.filed or dates.in_use
    needed = level >= 3 or (name == "assessed" and level == 2)
    return last, begin + period if begin else None, _WHY["assessed2" if name == "assessed" and level == 2 else name], needed


def _anew(subject: ProtectionObject) -> tuple[date | None, date | None, Text, bool]:
    """After a major change the system is assessed again, or somebody decides that this can wait for the yearly assessment."""
    dates = subject.dates
    done = max((day for day in (dates.assessed, dates.assessed_anew) if day and dates.changed and day >= dates.changed), default=None)
    due = dates.changed + ANEW_IN if dates.changed and not done else None
    return done, due, _WHY["assessed_anew"], bool(dates.changed) and subject.grade.level >= 2


def _certificate(subject: ProtectionObject) -> tuple[date | None, date | None, Text, bool]:
    """Three years from filing, one more year after an assessment, unless the certificate's own date is recorded."""
    dates = subject.dates
    filed = dates.filed_anew or dates.filed
    if dates.certificate_until or not filed:
        return filed, dates.certificate_until, _WHY["certificate_until"], bool(dates.certificate_until)
    ends = filed + 3 * YEAR
    if dates.assessed and dates.assessed > filed:
        ends = max(ends, dates.assessed + YEAR)
    return filed, ends, _WHY["certificate_until"], True


_WHY: Final[Mapping[str, Text]] = {
    "graded": Text(zh="GB/T 22240-2020：确定业务信息安全等级和系统服务安全等级", en="GB/T 22240-2020: grade of business information and of system service"),
    "reviewed": Text(zh="第二级以上须经专家评审", en="experts review level 2 and above"),
    "approved": Text(zh="第二级以上须经主管部门核准", en="the competent department approves level 2 and above"),
    "filed": Text(zh="第二级以上投入运行后 30 日内备案", en="level 2 and above is filed within 30 days after it goes into use"),
    "filed_anew": Text(
        zh="公网安〔2025〕1846号：旧表备案的系统须按 2025 版表格重新备案", en="letter 1846 of 2025: what was filed on the old forms is filed again"
    ),
    "certificate_until": Text(zh="备案证明三年有效，测评后顺延一年", en="the certificate holds three years, one more after an assessment"),
    "assessed": Text(zh="第三级以上每年测评一次", en="level 3 and above is assessed every year"),
    "assessed2": Text(zh="第二级定期测评，惯例每两年一次", en="level 2 is assessed regularly, customarily every two years"),
    "assessed_anew": Text(
        zh="重大变更或等级变化后重新测评，或在 90 日内作出是否测评的决定（期限为本系统建议）",
        en="assessed again after a major change or another grade, or decided on within 90 days (our own span)",
    ),
    "self_checked": Text(zh="第三级以上每年至少自查一次", en="level 3 and above checks itself at least once a year"),
    "drilled": Text(zh="每年至少一次应急培训和演练", en="emergency training and drill at least once a year"),
}


def horizon(objects: Iterable[ProtectionObject], today: date, ahead: timedelta = YEAR) -> list[tuple[ProtectionObject, Step]]:
    """What is due until ``today + ahead`` over all objects, the most urgent first."""
    found = [
        (one, step) for one in objects for step in steps(one, today) if step.due and step.due <= today + ahead and step.progress is not Progress.NOT_NEEDED
    ]
    return sorted(found, key=lambda pair: (pair[1].due or date.max, pair[0].id))
