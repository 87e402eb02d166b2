"""Rounds in the store: what they are filled from, the open one and the last signed one of a template, and when one is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from compliance.rounds.fill import Facts, metrics_of
from compliance.rounds.template import SPAN, Every, Template
from compliance.run import every
from core.names import ROUND, VERDICT
from inventory.book import Book
from store.base import Document, Selector, Store
from store.filter import Term

OLDEST: Final = timedelta(days=2)
GRACE: Final = 0.25
"""A share of the span by which a round may be late before it is told."""


def gather(store: Store, template: Template, now: datetime) -> Facts:
    """What is known now of everything that a template reads."""
    metrics = metrics_of(template.items)
    needs = any(item.read and item.read.checks for item in template.items)
    return Facts(
        samples=store.metrics.latest(Selector(metric=metrics), OLDEST, now) if metrics else (),
        verdicts=[document.body for document in every(store, VERDICT)] if needs else (),
        kinds={asset.id: asset.kind for asset in Book(store).all()},
    )


def rounds(store: Store, template: str = "") -> list[Document]:
    """Rounds, the newest first."""
    found = every(store, ROUND, Term("template", template)) if template else every(store, ROUND)
    return sorted(found, key=lambda document: str(document.body["begun"]), reverse=True)


def last_signed(found: Iterable[Document], body: Mapping[str, Any]) -> Document | None:
    """The round of the same template that was signed last before this one was begun."""
    earlier = [one for one in found if one.body["template"] == body["template"] and one.body["state"] == "signed" and one.body["begun"] < body["begun"]]
    return max(earlier, key=lambda one: str(one.body["begun"]), default=None)


def due(signed: datetime, how_often: Every) -> datetime:
    """When the next round has to be signed at the latest before its lateness is told."""
    return signed + SPAN[how_often] * (1 + GRACE)
