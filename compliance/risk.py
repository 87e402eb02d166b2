"""Risk of every gap: high, medium or low, by the cases of the high-risk guide of 2025, after exemptions and an officer's word.

A case is met by telemetry (a check of its condition fails), by the register (a step is overdue) or by an item that fails as a whole: where the
case has a condition, by an officer's word alone.
What is not met and not excluded stays before an officer as medium.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.check import Model, Text
from compliance.exemptions import Exemption
from compliance.framework import Case, Item
from compliance.objects import Progress, ProtectionObject, Step
from compliance.rollup import Conformity, ItemResult
from compliance.run import every
from compliance.scoring import Risks
from core.errors import Refused
from core.files import build, read_yaml
from store.base import Body, Documents, Store

SHIPPED: Final = Path(__file__).parent / "frameworks" / "high-risk-conditions.yaml"
DECISION: Final = "compliance-risk"
FOR_CONTINUITY: Final = "业务连续性要求高的定级对象"
FOR_KEY_INDUSTRY: Final = "关键行业的定级对象"


class Level(StrEnum):
    """How grave a gap is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def lowered(self) -> Level:
        """One step down."""
        return Level.MEDIUM if self is Level.HIGH else Level.LOW

    @property
    def text(self) -> Text:
        """The words of the report."""
        return _LEVELS[self]


_LEVELS: Final[Mapping[Level, Text]] = {
    Level.HIGH: Text(zh="高", en="high"),
    Level.MEDIUM: Text(zh="中", en="medium"),
    Level.LOW: Text(zh="低", en="low"),
}


class Condition(Model):
    """What meets a case beside an officer's answer that the item does not conform; with neither checks nor step, nothing does."""

    case: str
    checks: tuple[str, ...] = ()
    step: str = ""


class _File(Model):
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an officer decided about the risk of an item on an object, until ``expires``; ``major``: a major hidden risk (重大风险隐患).

    ``by``: met requirements that make up for the gap (整体测评); the word counts only while all of them are met and the guide accepts measures.
    """

    object: str
    item: str
    level: Level
    major: bool
    reason: str
    who: str
    time: datetime
    expires: datetime
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The risk of one gap. ``found`` is the level before exemption and decision; ``by`` says what meets the case: telemetry, register, item or officer.

    ``lapsed`` says why a decision does not count.
    """

    item: str
    level: Level
    found: Level
    major: bool
    by: str
    case: Case | None
    assets: tuple[str, ...]
    why: Text
    exemption: Exemption | None = None
    decision: Decision | None = None
    lapsed: Text | None = None


@lru_cache(maxsize=2)
def load_conditions(path: Path = SHIPPED) -> Mapping[str, Condition]:
    """Conditions by case; raises ConfigError."""
    return {one.case: one for one in build(read_yaml(path), _File).conditions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What risks are rated on. ``verdicts`` are bodies of the object's assets."""

    subject: ProtectionObject
    items: Sequence[Item]
    results: Mapping[str, ItemResult]
    verdicts: Sequence[Body]
    cases: Sequence[Case]
    steps: Sequence[Step]
    exemptions: Sequence[Exemption] = ()
    decisions: Sequence[Decision] = ()
    now: datetime


def rate(ground: Ground) -> list[Risk]:
    """The risks of all gaps, the gravest first, then in the order of the standard."""
    failing, late = failing_checks(ground.verdicts), overdue(ground.steps)
    found = [risk for item in ground.items if (risk := _rate(ground, item, failing, late))]
    order = {item.id: number for number, item in enumerate(ground.items)}
    return sorted(found, key=lambda risk: (list(Level).index(risk.level), order[risk.item]))


def counted(risks: Iterable[Risk]) -> Risks:
    """What remains, as scoring takes it."""
    every_one = tuple(risks)
    return Risks(
        high=sum(risk.level is Level.HIGH for risk in every_one),
        medium=sum(risk.level is Level.MEDIUM for risk in every_one),
        major=sum(risk.major for risk in every_one),
    )


def overdue(steps: Iterable[Step]) -> set[str]:
    """Names of the steps of the yearly work that are overdue."""
    return {step.name for step in steps if step.progress is Progress.OVERDUE}


def failing_checks(verdicts: Iterable[Body]) -> dict[str, dict[str, list[Body]]]:
    """Item -> check -> failing verdicts."""
    found: dict[str, dict[str, list[Body]]] = {}
    for body in verdicts:
        if body["outcome"] == "fail":
            for item in body["items"]:
                found.setdefault(item, {}).setdefault(body["check"], []).append(body)
    return found


def _rate(ground: Ground, item: Item, failing: Mapping[str, Mapping[str, list[Body]]], late: Collection[str]) -> Risk | None:
    result, here = ground.results[item.id], failing.get(item.id, {})
    is_gap = result.conformity in (Conformity.FAILS, Conformity.PARTIAL)
    cases = [case for case in ground.cases if item.id in case.items and asks(case, ground.subject)]
    met = next(((case, by) for case in cases if (by := met_by(case, here, late, result))), None)
    if not is_gap and met is None:
        return None
    case, by = met or (cases[0] if cases else None, "")
    level = Level.HIGH if met else _ordinary(result.conformity, here, has_case=bool(cases))
    assets = tuple(sorted({body["asset"] for bodies in here.values() for body in bodies}))
    return _weighed(ground, Risk(item=item.id, level=level, found=level, major=bool(met), by=by, case=case, assets=assets, why=_why(case, by)))


def asks(case: Case, subject: ProtectionObject) -> bool:
    """Whether the guide puts the case to this object."""
    if case.applies_to == FOR_CONTINUITY and not subject.high_continuity:
        return False
    if case.applies_to == FOR_KEY_INDUSTRY and not subject.key_industry:
        return False
    return case.asked_at(subject.grade.level)


def met_by(case: Case, failing: Mapping[str, list[Body]], late: Collection[str], result: ItemResult) -> str:
    """What meets the case on one of its items: telemetry, register or item; empty when nothing does."""
    condition = load_conditions().get(case.case)
    if condition and any(check in failing for check in condition.checks):
        return "telemetry"
    if condition and condition.step and condition.step in late:
        return "register"
    return "item" if result.conformity is Conformity.FAILS and (condition is None or result.by == "officer") else ""


def _ordinary(conformity: Conformity, failing: Mapping[str, list[Body]], *, has_case: bool) -> Level:
    if has_case or conformity is Conformity.FAILS:
        return Level.MEDIUM
    grave = any(body["severity"] in ("critical", "high") for bodies in failing.values() for body in bodies)
    return Level.MEDIUM if grave else Level.LOW


def _why(case: Case | None, by: str) -> Text:
    if case is None:
        return Text(zh="高风险判定指引没有对应的情形", en="no case of the high-risk guide speaks of it")
    head_zh, head_en = f"{case.case} {case.title}", f"{case.case} {case.title_en}"
    zh, en = {
        "telemetry": ("监测数据或管理台账符合该情形", "what was measured or recorded meets the case"),
        "register": ("登记的日期符合该情形", "the recorded dates meet the case"),
        "item": ("该要求项整体不符合", "the whole requirement is not met"),
    }.get(by, ("未达到该情形的判定条件，须人工核实", "its condition is not met so far; an officer looks at it"))
    return Text(zh=f"{head_zh}：{zh}", en=f"{head_en}: {en}")


def _weighed(ground: Ground, risk: Risk) -> Risk:
    """After an exemption (one step lower where the guide lets measures count) and an officer's word (which wins)."""
    values: dict[str, Any] = {name: getattr(risk, name) for name in Risk.__slots__}
    exemption = next((one for one in ground.exemptions if one.covers(risk.item, ground.subject.id, risk.assets, ground.now)), None)
    if exemption:
        values["exemption"] = exemption
        if risk.level is not Level.HIGH or risk.case is None or risk.case.mitigation != "none":
            values |= {"level": risk.level.lowered, "major": False}
    decision = next(
        (one for one in ground.decisions if (one.item, one.object) == (risk.item, ground.subject.id) and one.time <= ground.now < one.expires), None
    )
    if decision:
        values["decision"], values["lapsed"] = decision, _lapsed(ground, risk, decision)
        if values["lapsed"] is None:
            values |= {"level": decision.level, "major": decision.major, "by": "officer"}
    return Risk(**values)


def _lapsed(ground: Ground, risk: Risk, decision: Decision) -> Text | None:
    """Why what makes up for a gap does not: it is not met itself, or the guide accepts nothing."""
    if not decision.by:
        return None
    if risk.case and risk.case.mitigation == "none":
        return Text(zh=f"指引 {risk.case.case} 不接受补偿措施", en=f"case {risk.case.case} of the guide accepts no measures")
    unmet = [name for name in decision.by if name not in ground.results or ground.results[name].conformity is not Conformity.CONFORMS]
    if not unmet:
        return None
    return Text(zh=f"用于补偿的要求项未符合：{'、'.join(unmet)}", en=f"what was to make up for it is not met: {', '.join(unmet)}")


def save_decision(store: Store, given: Decision, roles: Collection[str]) -> None:
    """Keep an officer's word on a risk; raises Refused without right, reason or end."""
    if not OFFICERS & set(roles):
        raise Refused("a security officer decides about risks")
    if not given.reason.strip():
        raise Refused("a decision about a risk says why")
    if given.expires <= given.time:
        raise Refused("a decision must be valid until a day in the future")
    if given.item in given.by:
        raise Refused("a requirement cannot make up for itself")
    body = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(given).items()}
    body |= {"level": given.level.value, "by": list(given.by)}
    store.audit.append(time=given.time, actor=given.who, action="compliance.risk", object=f"{given.object} {given.item}", body=body)
    link = evidence.note(store.documents, evidence.RISKS, given.item, body, given.time)
    evidence.stand(store.documents, DECISION, f"{given.object}/{given.item}", body, link)


def decisions(store: Store) -> list[Decision]:
    """Every decision about a risk that is kept, also those that ended."""
    return [read_decision(document.body) for document in every(store, DECISION)]


def decisions_at(documents: Documents, moment: datetime) -> list[Decision]:
    """The decisions that stood at a past time, from the evidence chain."""
    given = {(said["object"], said["item"]): read_decision(said) for _, said in evidence.notes(documents, evidence.RISKS, moment)}
    return list(given.values())


def read_decision(body: Mapping[str, Any]) -> Decision:
    """A kept decision."""
    times = {name: datetime.fromisoformat(body[name]) for name in ("time", "expires")}
    return Decision(**{**{key: value for key, value in body.items() if key != "link"}, **times, "level": Level(body["level"]), "by": tuple(body.get("by", ()))})
