"""How well incidents were handled: times against promises by priority, and problems that come again."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.queries.cases import PRIORITIES, Case, list_cases
from console.queries.times import read
from store.base import Store

AGAIN = 2
MOST = 5000
APART = frozenset({"false_positive", "duplicate", "planned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of one promise over the incidents that have it behind them; ``late`` of them missed it."""

    count: int = 0
    median: float = 0.0
    p90: float = 0.0
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One priority: detection is from the first alert to the opening, the others in the clock of the priority; ``apart`` of them count nowhere else."""

    priority: str
    incidents: int
    apart: int
    reopened: int
    detect: Times
    acknowledge: Times
    resolve: Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The same rule on the same asset, again and again."""

    asset: str
    rule: str
    incidents: tuple[Case, ...]

    @property
    def last(self) -> datetime | None:
        """When it began the last time."""
        return max((case.opened for case in self.incidents if case.opened), default=None)

    @property
    def causes(self) -> str:
        """What people wrote as the cause, each once."""
        return " · ".join(dict.fromkeys(str(case.body["cause"]) for case in self.incidents if case.body.get("cause")))


def opened_since(store: Store, since: datetime) -> list[Case]:
    """Incidents that began since then, the newest first; candidates and merged ones do not count."""
    found: list[Case] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = list_cases(store, cursor=cursor)
        found += [case for case in page.items if case.opened and case.opened >= since and case.state not in ("candidate", "merged")]
        cursor = page.cursor
        if cursor is None or (page.items and (page.items[-1].opened or since) < since):
            break
    return found


def lines(cases: Iterable[Case]) -> list[Line]:
    """A line for each priority that had incidents."""
    by_priority: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_priority[case.priority].append(case)
    return [_line(name, by_priority[name]) for name in PRIORITIES if by_priority[name]]


def problems(cases: Iterable[Case], least: int = AGAIN) -> list[Problem]:
    """What came at least ``least`` times, the most frequent first."""
    found: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        rule = next((member.rule for member in case.members if member.asset == case.root), "")
        if case.root and rule:
            found[case.root, rule].append(case)
    made = [Problem(asset=asset, rule=rule, incidents=tuple(each)) for (asset, rule), each in found.items() if len(each) >= least]
    return sorted(made, key=lambda problem: (-len(problem.incidents), problem.asset, problem.rule))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def is_apart(case: Case) -> bool:
    """A false alarm, a duplicate or planned work says nothing about how well trouble is handled."""
    return case.body.get("reason") in APART or case.body.get("verdict") == "false"


def _line(priority: str, all_cases: Sequence[Case]) -> Line:
    cases = [case for case in all_cases if not is_apart(case)]
    return Line(
        priority=priority,
        incidents=len(all_cases),
        apart=len(all_cases) - len(cases),
        reopened=sum(bool(case.body.get("reopened")) for case in cases),
        detect=_times([(seconds, False) for case in cases if (seconds := _detected_s(case)) is not None]),
        acknowledge=_times([taken for case in cases if (taken := _promise(case.sla.get("ack")))]),
        resolve=_times([taken for case in cases if (taken := _promise(case.sla.get("resolve")))]),
    )


def _times(taken: Sequence[tuple[float, bool]]) -> Times:
    if not taken:
        return Times()
    seconds = [one for one, _late in taken]
    return Times(count=len(taken), median=statistics.median(seconds), p90=quantile(seconds, 0.9), late=sum(late for _one, late in taken))


def _promise(clock: object) -> tuple[float, bool] | None:
    """(seconds used, whether too late) of a promise that is behind it: kept, or missed."""
    if not isinstance(clock, Mapping) or clock.get("state") not in ("met", "breached") or not isinstance(clock.get("used_s"), int | float):
        return None
    return float(clock["used_s"]), clock["state"] == "breached"


def _detected_s(case: Case) -> float | None:
    starts = [start for member in case.members if (start := read(member.body.get("start")))]
    return max(0.0, (case.opened - min(starts)) / timedelta(seconds=1)) if starts and case.opened else None
