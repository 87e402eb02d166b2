"""The book of assets in the store: merged from several sources, every change logged with before and after.

A value set by a person beats one from the site's files, that beats what was observed, that beats what was
imported. The source of each field is kept, so that a weaker source never overwrites a stronger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from pydantic import ValidationError

from core.errors import ConfigError, Conflict, NotFound
from core.names import ASSET, CHANGE
from inventory.asset import Asset
from store.base import ABSENT, Document, Store
from store.every import every
from store.filter import Term

RANK: Final[Mapping[str, int]] = {"imported": 1, "observed": 2, "site": 3, "person": 4}
TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write did to one asset: the fields that differ, before and after."""

    time: datetime
    asset: str
    source: str
    who: str
    what: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


class Book:
    """Assets in the store. Every method that writes returns what it changed (None: nothing differed)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Asset]:
        """Every asset, by id."""
        return [_asset(document) for document in every(self._store.documents, ASSET)]

    def get(self, id: str) -> Asset:
        """One asset; raises NotFound."""
        return _asset(self._store.documents.get(ASSET, id))

    def sources(self, id: str) -> Mapping[str, str]:
        """Which source set each field of an asset."""
        return dict(self._store.documents.get(ASSET, id).body["sources"])

    def save(self, id: str, values: Mapping[str, Any], *, source: str, who: str, now: datetime, why: str = "") -> Change | None:
        """Merge ``values`` into asset ``id`` (made when absent); fields owned by a stronger source stay.

        Raises ConfigError when the result is no valid asset.
        """
        for _ in range(TRIES):
            old = self._find(id)
            body, change = _merge(id, old.body if old else None, values, source=source, who=who, now=now, why=why)
            if change is None:
                return None
            try:
                self._write(change, lambda body=body, old=old: self._store.documents.put(ASSET, id, body, old.version if old else ABSENT))
            except Conflict:
                continue
            return change
        raise Conflict(f"asset {id!r} is being changed by others all the time; try again")

    def remove(self, id: str, *, source: str, who: str, now: datetime, why: str = "") -> Change:
        """Take an asset out of the book; its records stay. Raises NotFound."""
        old = self._store.documents.get(ASSET, id)
        change = Change(time=now, asset=id, source=source, who=who, what="remove", before=old.body["asset"], why=why)
        self._write(change, lambda: self._store.documents.delete(ASSET, id, old.version))
        return change

    def sync_site(self, assets: Iterable[Asset], now: datetime) -> list[Change]:
        """Bring the site folder's assets in; what left the folder and came only from it is removed."""
        wanted = {asset.id: asset for asset in assets}
        changes = [self.save(each, _given(asset), source="site", who="site files", now=now) for each, asset in wanted.items()]
        gone = [
            document.id for document in every(self._store.documents, ASSET) if document.id not in wanted and set(document.body["sources"].values()) == {"site"}
        ]
        changes += [self.remove(each, source="site", who="site files", now=now, why="no longer in the site folder") for each in gone]
        return [change for change in changes if change is not None]

    def changes(self, asset: str | None = None, limit: int = 100) -> list[Change]:
        """The newest changes, of one asset or of all."""
        where = Term("asset", asset) if asset else None
        page = self._store.documents.find(CHANGE, *([where] if where else []), sort="-time", limit=limit)
        return [Change(**{**document.body, "time": datetime.fromisoformat(document.body["time"])}) for document in page.items]

    def _find(self, id: str) -> Document | None:
        try:
            return self._store.documents.get(ASSET, id)
        except NotFound:
            return None

    def _write(self, change: Change, write: Any) -> None:
        """Write, log the change and, when a person did it, audit it first: without audit no action."""
        body = {**{name: getattr(change, name) for name in change.__slots__}, "time": change.time.isoformat()}
        if change.source == "person":
            self._store.audit.append(time=change.time, actor=change.who, action=f"asset.{change.what}", object=change.asset, body=body)
        write()
        self._store.documents.put(CHANGE, f"{change.time:%Y%m%dT%H%M%S%f}-{token_hex(4)}", body, ABSENT)


def _asset(document: Document) -> Asset:
    return Asset.model_validate({**document.body["asset"], "id": document.id})


def _given(asset: Asset) -> dict[str, Any]:
    return asset.model_dump(mode="json", exclude_unset=True, exclude={"id"})


def _merge(
    id: str, old: Mapping[str, Any] | None, values: Mapping[str, Any], *, source: str, who: str, now: datetime, why: str
) -> tuple[dict[str, Any], Change | None]:
    """The new body and what changed; pure."""
    present: Mapping[str, Any] = old["asset"] if old else {}
    owners: Mapping[str, str] = old["sources"] if old else {}
    rank = RANK[source]
    allowed = {key: value for key, value in values.items() if key != "id" and RANK[owners.get(key, "imported")] <= rank}
    if source == "site":  # a key that left the site's file falls back to its default
        allowed |= {key: None for key, owner in owners.items() if owner == "site" and key not in values}
    merged = {key: value for key, value in {**present, **allowed}.items() if value is not None}
    try:
        plain = Asset.model_validate({**merged, "id": id}).model_dump(mode="json", exclude_unset=True, exclude={"id"})
    except ValidationError as err:
        problem = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(problem["msg"], key=".".join(map(str, (id, *problem["loc"])))) from None
    before = {key: present.get(key) for key in {*present, *plain} if present.get(key) != plain.get(key)}
    after = {key: plain.get(key) for key in before}
    sources = {key: source if key in allowed and allowed[key] is not None else owners.get(key, source) for key in plain}
    if old is not None and not before:
        return dict(old), None
    body = {"asset": plain, "sources": sources, "kind": plain.get("kind", "server"), "site": plain.get("site", ""), "updated": now.isoformat()}
    return body, Change(time=now, asset=id, source=source, who=who, what="change" if old else "add", before=before, after=after, why=why)
