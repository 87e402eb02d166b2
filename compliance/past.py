"""What was asked of what on a past day: the record of an object, the checks in use and the assets there were.

Verdicts of a past day stand in the chain by themselves (``history``). What turns them into results is noted there too whenever it changes,
so that another grade, another check file or a removed asset of today leaves the past as it was. Assets are rolled back by the log of changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError

from compliance import evidence
from compliance.framework import Speaking
from compliance.objects import ProtectionObject
from core.names import CHANGE
from inventory.asset import Asset
from store.base import Body, Documents
from store.every import every
from store.filter import Range

SITE: Final = "site files"
log: Final = structlog.get_logger("past")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """What a check said of itself on a past day, as far as results depend on it."""

    id: str
    items: tuple[str, ...]
    decides: bool
    catalogue: tuple[str, ...]


@dataclass(slots=True)
class Noted:
    """Writes into the chain what is in use when it differs from what stands there; ``round`` may be called as often as one likes."""

    documents: Documents
    _objects: dict[str, Any] = field(default_factory=dict)
    _checks: Any = None

    def round(self, objects: Iterable[ProtectionObject], checks: Iterable[Speaking], now: datetime) -> None:
        """Records of objects that the site's files changed (a person's stand in the chain already), and the table of checks."""
        for one in objects:
            said = one.model_dump(mode="json")
            if self._objects.get(one.id) != said and _newest(self.documents, evidence.OBJECTS, one.id, "object") != said:
                evidence.note(self.documents, evidence.OBJECTS, one.id, {"object": said, "who": SITE, "time": now.isoformat()}, now)
            self._objects[one.id] = said
        table = {one.id: {"items": list(one.items), "decides": one.decides, "catalogue": list(one.catalogue)} for one in checks}
        if self._checks != table and _newest(self.documents, evidence.CHECKS, "", "checks") != table:
            evidence.note(self.documents, evidence.CHECKS, "", {"checks": table}, now)
        self._checks = table


def _newest(documents: Documents, kind: str, about: str, part: str) -> Any:
    said = [body for _, body in evidence.notes(documents, kind, about=about)]
    return said[-1].get(part) if said else None


def _standing(documents: Documents, kind: str, about: str, part: str, moment: datetime) -> Any:
    """What the last note until ``moment`` says; else the first one after it, which is nearer to that day than today; None when there is none."""
    said = [(datetime.fromisoformat(link["recorded"]), body[part]) for link, body in evidence.notes(documents, kind, about=about) if part in body]
    before = [body for time, body in said if time <= moment]
    return before[-1] if before else said[0][1] if said else None


def object_at(documents: Documents, subject: ProtectionObject, moment: datetime) -> ProtectionObject:
    """The record of an object on a past day, for the framework that is asked for; a marking of today stays on it, so that no old report gets around it."""
    said = _standing(documents, evidence.OBJECTS, subject.id, "object", moment)
    if said is None:
        return subject
    then = ProtectionObject.model_validate(said)
    return then.model_copy(update={"label": subject.label or then.label, "framework": subject.framework})


def checks_at(documents: Documents, checks: Sequence[Speaking], moment: datetime) -> Sequence[Speaking]:
    """The checks in use on a past day; those of today when nothing was ever noted."""
    table: Mapping[str, Mapping[str, Any]] | None = _standing(documents, evidence.CHECKS, "", "checks", moment)
    if table is None:
        return checks
    return [Spoke(id=name, items=tuple(one["items"]), decides=one["decides"], catalogue=tuple(one["catalogue"])) for name, one in table.items()]


def assets_at(documents: Documents, assets: Iterable[Asset], moment: datetime) -> list[Asset]:
    """The assets on a past day, by id: those of today with every change since then taken back, the newest first."""
    found: dict[str, Any] = {asset.id: asset for asset in assets}
    since = Range("time", gt=moment.astimezone(UTC).isoformat())
    for change in sorted((document.body for document in every(documents, CHANGE, since)), key=lambda body: str(body["time"]), reverse=True):
        found[change["asset"]] = _before(found.get(change["asset"]), change)
    return [asset for _, known in sorted(found.items()) if known is not None and (asset := _read(known))]


def _before(known: Any, change: Body) -> dict[str, Any] | None:
    """An asset before one change; None when it was not there."""
    if change["what"] == "add":
        return None
    values = known.model_dump(mode="json", exclude_unset=True) if isinstance(known, Asset) else dict(known or {})
    merged = {**values, **change["before"], "id": change["asset"]}
    return {key: value for key, value in merged.items() if value is not None}


def _read(known: Any) -> Asset | None:
    """An asset of a past day; one whose old record the present form refuses is left out and logged."""
    try:
        return known if isinstance(known, Asset) else Asset.model_validate(known)
    except ValidationError as err:
        log.warning("an asset of a past day cannot be read", asset=known.get("id"), problem=str(err.errors()[0]["msg"]))
        return None
