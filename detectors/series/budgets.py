"""How often a series may call people: named budgets, and which holds for which kind of asset and class of metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from detectors.series.engine import Policy

SHIPPED: Final = "shipped"
WEEK_S: Final = 7 * 86_400.0
MONTH_S: Final = 30 * 86_400.0
BUDGETS: Final = {
    "watchful": Policy(agree=1),  # every record
    SHIPPED: Policy(),  # records that two signals see together, and far ones
    "calm": Policy(margin=0.05, alone=math.inf),  # only what two signals see together
    "both": Policy(both=True),  # only what both methods see: a record, and a shape that is rare
    "weekly": Policy(rest_s=WEEK_S),  # at most one a week per series
    "monthly": Policy(rest_s=MONTH_S),  # at most one a month per series
    "silent": Policy(agree=99, alone=math.inf),  # none: the severity colours, nobody is called
}
BudgetOf = Callable[[str, str], str]
"""(asset, metric or ``TOGETHER`` or ``EVENTS``) -> the name of the budget that holds, "" for the default."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A budget for what has no ranges (hosts, events, changes): ``factor`` on its limit, ``rest_s`` between two alarms, whether ``both`` methods must agree."""

    factor: float = 1.0
    rest_s: float = 0.0
    both: bool = False
    is_silent: bool = False

    def may(self, now: float, told: float) -> bool:
        """Whether something may be told ``now`` (seconds) when it was last ``told``."""
        return not self.is_silent and now - told >= self.rest_s


VOICES: Final = {
    "watchful": Voice(),
    SHIPPED: Voice(),
    "calm": Voice(factor=1.5),
    "both": Voice(both=True),
    "weekly": Voice(rest_s=WEEK_S),
    "monthly": Voice(rest_s=MONTH_S),
    "silent": Voice(is_silent=True),
}
EVERY: Final = "*"
TOGETHER: Final = "together"  # many metrics of one asset
EVENTS: Final = "events"  # rates of events, kinds of log lines
CLASSES: Final = {
    "processor": ("system.cpu.", "hw.processor.", "system.processes."),
    "memory": ("system.memory.", "hw.memory.", "system.swap."),
    "disk": ("system.filesystem.", "system.disk."),
    "network": ("system.network.", "network."),
    "response": ("http.", "probe.", "icmp."),
    "room": ("hw.temperature", "hw.humidity", "hw.ups.", "hw.power"),
    TOGETHER: (TOGETHER,),
    EVENTS: (EVENTS,),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """``budget`` for assets of ``kind`` (or every one) and metrics of a class (or every one)."""

    kind: str
    metrics: str
    budget: str


def class_of(metric: str) -> str:
    """The class of a metric, "other" when it is in none."""
    return next((name for name, heads in CLASSES.items() if metric.startswith(heads)), "other")


def budget_of(choices: Iterable[Choice], kind: str, metric: str) -> str:
    """The budget of the narrowest choice that fits (kind and class, then kind, then class, then all); "" when none does."""
    found = {(one.kind, one.metrics): one.budget for one in choices}
    group = class_of(metric)
    return next((found[key] for key in ((kind, group), (kind, EVERY), (EVERY, group), (EVERY, EVERY)) if key in found), "")


def no_budget(_asset: str, _what: str) -> str:
    """The default everywhere."""
    return ""


def voice_of(budget_of: BudgetOf, asset: str, what: str) -> Voice:
    """What the budget of an asset and a metric means to a detector without ranges."""
    return VOICES.get(budget_of(asset, what), VOICES[SHIPPED])
