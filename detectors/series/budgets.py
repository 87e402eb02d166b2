"""How often a series may call people: named budgets, and which holds for which kind of asset and class of metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
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
EVERY: Final = "*"
CLASSES: Final = {
    "processor": ("system.cpu.", "hw.processor.", "system.processes."),
    "memory": ("system.memory.", "hw.memory.", "system.swap."),
    "disk": ("system.filesystem.", "system.disk."),
    "network": ("system.network.", "network."),
    "response": ("http.", "probe.", "icmp."),
    "room": ("hw.temperature", "hw.humidity", "hw.ups.", "hw.power"),
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
