"""Verdict: what one check says of one asset, why, and on what text it rests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from compliance.check import Text


class Outcome(StrEnum):
    """PASS and FAIL rest on a whole, fresh text; everything else is one of the other two."""

    PASS = "pass"  # noqa: S105 - an outcome, not a secret
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"

    @property
    def text(self) -> Text:
        """The word for people."""
        return OUTCOME_TEXTS[self]


OUTCOME_TEXTS: Final = {
    Outcome.PASS: Text(zh="通过", en="passes"),
    Outcome.FAIL: Text(zh="不通过", en="fails"),
    Outcome.NOT_APPLICABLE: Text(zh="不适用", en="not applicable"),
    Outcome.UNKNOWN: Text(zh="待核实", en="unknown"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A text that was read for a verdict: its kind, when it was taken and the digest of what it said."""

    kind: str
    time: datetime
    sha256: str
    parser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``reason`` is one sentence in both languages; ``observed`` what was found, line by line."""

    check: str
    asset: str
    time: datetime
    outcome: Outcome
    reason: Text
    observed: tuple[str, ...] = ()
    read: tuple[Read, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as the store keeps it."""
        return {
            "check": self.check,
            "asset": self.asset,
            "time": self.time.isoformat(),
            "outcome": self.outcome.value,
            "reason": self.reason.model_dump(),
            "observed": list(self.observed),
            "read": [{"kind": r.kind, "time": r.time.isoformat(), "sha256": r.sha256, "parser": r.parser} for r in self.read],
        }


def verdict_from(body: dict[str, Any]) -> Verdict:
    """The verdict that ``to_dict`` wrote."""
    return Verdict(
        check=body["check"],
        asset=body["asset"],
        time=datetime.fromisoformat(body["time"]),
        outcome=Outcome(body["outcome"]),
        reason=Text(**body["reason"]),
        observed=tuple(body["observed"]),
        read=tuple(Read(kind=r["kind"], time=datetime.fromisoformat(r["time"]), sha256=r["sha256"], parser=r["parser"]) for r in body["read"]),
    )
