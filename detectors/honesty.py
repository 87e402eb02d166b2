"""How honest the detectors are: precision by what people said, false alarms a week, by detector, rule and group. Pure.

Precision is useful among useful and false (known ones count neither way), with the 90 % interval of Wilson (JASA 1927), since
a handful of verdicts proves little. A false-alarm rate is never shown without how many were judged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Z90: Final = 1.645
NOISY_A_WEEK: Final = 3.0
NOISY_PRECISION: Final = 0.5
NOISY_DAYS: Final = 3
LEAST_ALARMS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One opening of an alert. ``verdict`` is useful, false, known or empty; ``end`` is None while it lasts."""

    rule: str
    asset: str
    group: str
    start: datetime
    end: datetime | None = None
    metric: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""
    incident: str = ""

    @property
    def is_brief(self) -> bool:
        """Opened and ended again within five minutes, so that nobody could have done anything."""
        return self.end is not None and (self.end - self.start).total_seconds() < 300


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one detector, rule or group over ``days``; ``brief`` is how many ended within five minutes."""

    name: str
    alarms: int
    useful: int
    false: int
    known: int
    brief: int
    assets: int
    days: float
    dates: int = 0
    """on how many days any opened"""

    @property
    def judged(self) -> int:
        """How many a person judged."""
        return self.useful + self.false + self.known

    @property
    def precision(self) -> float | None:
        """Useful among useful and false; None when none was judged so."""
        told = self.useful + self.false
        return self.useful / told if told else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the precision lies with 90 %."""
        return wilson(self.useful, self.useful + self.false)

    @property
    def a_week(self) -> float:
        """Alarms a week."""
        return self.alarms * 7 / max(self.days, 1e-9)

    @property
    def false_a_week(self) -> float | None:
        """False alarms a week, the unjudged taken to be false as often as the judged; None when none was judged."""
        return None if self.precision is None else (self.alarms - self.known) * (1 - self.precision) * 7 / max(self.days, 1e-9)

    @property
    def is_noisy(self) -> bool:
        """Whether tuning should be proposed: judged and mostly false, or unjudged, many, on several days, and most over at once (one outage is no noise)."""
        if self.alarms < LEAST_ALARMS:
            return False
        if self.precision is not None:
            return self.precision < NOISY_PRECISION
        return self.a_week >= NOISY_A_WEEK and self.brief * 2 > self.alarms and self.dates >= NOISY_DAYS

    def body(self) -> dict[str, Any]:
        """As JSON values."""
        low, high = self.interval
        return {
            "name": self.name, "alarms": self.alarms, "useful": self.useful, "false": self.false, "known": self.known, "judged": self.judged,
            "brief": self.brief, "assets": self.assets, "precision": _rounded(self.precision), "low": _rounded(low), "high": _rounded(high),
            "a_week": _rounded(self.a_week), "false_a_week": _rounded(self.false_a_week), "noisy": self.is_noisy,
        }  # fmt: skip


def wilson(hits: int, of: int, z: float = Z90) -> tuple[float, float]:
    """The interval of a share; (0, 1) when there is nothing to count."""
    if not of:
        return 0.0, 1.0
    share, room = hits / of, z * z / of
    centre = (share + room / 2) / (1 + room)
    half = z / (1 + room) * math.sqrt(share * (1 - share) / of + room / (4 * of))
    return max(0.0, centre - half), min(1.0, centre + half)


def figures(alarms: Iterable[Alarm], days: float, by: Callable[[Alarm], str]) -> list[Figures]:
    """One row for each value of ``by``, the most alarms first."""
    grouped: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        grouped[by(alarm)].append(alarm)
    rows = [_row(name, found, days) for name, found in grouped.items()]
    return sorted(rows, key=lambda row: (-row.alarms, row.name))


def _row(name: str, alarms: Sequence[Alarm], days: float) -> Figures:
    said = [alarm.verdict for alarm in alarms]
    counts = {verdict: said.count(verdict) for verdict in ("useful", "false", "known")}
    brief, assets = sum(alarm.is_brief for alarm in alarms), len({alarm.asset for alarm in alarms})
    dates = len({alarm.start.date() for alarm in alarms})
    return Figures(name, len(alarms), counts["useful"], counts["false"], counts["known"], brief, assets, days, dates)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
