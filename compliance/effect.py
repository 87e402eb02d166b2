"""What the change of a text means for graded protection: the checks that it makes come out otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from compliance.check import Check
from compliance.evaluate import judge
from compliance.host import Host
from compliance.verdict import Outcome
from core.records import Snapshot


@dataclass(frozen=True, slots=True)
class Effect:
    """A check whose outcome another text changes."""

    check: Check
    before: Outcome
    after: Outcome


def effects(kind: str, old: str, new: str, others: Iterable[Snapshot], checks: Iterable[Check], now: datetime) -> list[Effect]:
    """The checks that end otherwise when the text ``kind`` of an asset goes from ``old`` to ``new``, those that fail then first.

    ``others`` are the asset's other texts, for checks that read several. Every text counts as read ``now``: what is asked is what the change did,
    not how old anything is.
    """
    around = [replace(text, time=now) for text in others if text.kind != kind]
    before, after = (Host("", [*around, Snapshot(time=now, asset="", kind=kind, body=body)], now) for body in (old, new))
    found: Sequence[Effect] = [Effect(check, judge(check, before).outcome, judge(check, after).outcome) for check in checks if kind in check.kinds]
    return sorted((one for one in found if one.before is not one.after), key=lambda one: (one.after is not Outcome.FAIL, one.check.id))
