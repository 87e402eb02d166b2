"""The discovery inbox in the store: candidates folded from search to search, taken in, set aside. Every step that changes assets is in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from core.errors import Conflict, NotFound, Refused
from core.names import CANDIDATE
from inventory.asset import Asset
from inventory.book import Book
from inventory.discovery import take
from inventory.discovery.candidate import Candidate, Folded, fold, read_candidate
from inventory.discovery.plan import Rule, rule_for
from inventory.discovery.sighting import Sighting
from store.base import ABSENT, Document, Expect, Store

TRIES: Final = 5


class Inbox:
    """Every method that decides for a person names them; the audit entry comes before the deed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Candidate]:
        """Every candidate, by id."""
        return [read_candidate(document.body) for document in self._documents()]

    def get(self, id: str) -> Candidate:
        """One candidate; raises NotFound in words for people."""
        return read_candidate(self._document(id).body)

    def apply(self, sightings: Sequence[Sighting], assets: Iterable[Asset], searched: Callable[[str], bool], now: datetime) -> Folded:
        """Fold a search in. What others write meanwhile is read again, never overwritten."""
        known = list(assets)
        for _ in range(TRIES):
            documents = {document.id: document for document in self._documents()}
            folded = fold([read_candidate(document.body) for document in documents.values()], known, sightings, searched, now)
            try:
                for candidate in folded.candidates:
                    self._put(candidate, documents[candidate.id].version if candidate.id in documents else ABSENT)
            except Conflict:
                continue  # the fold is made again over what is stored now: seeing the same twice changes nothing
            return folded
        raise Conflict("the discovery inbox is being changed by others all the time; search again")

    def follow_rules(self, candidates: Iterable[Candidate], rules: Sequence[Rule], now: datetime) -> list[tuple[Candidate, Rule]]:
        """Take in or set aside what the site's rules say; returns what was done."""
        done = []
        for candidate in candidates:
            rule = rule_for(candidate, rules) if candidate.state == "new" else None
            if rule is None:
                continue
            who = f"rule {rule.name}"
            if rule.ignore:
                self.set_aside(candidate.id, who=who, why="", now=now)
            else:
                self.take_in(candidate.id, rule.take_in or {}, who=who, source="observed", now=now)
            done.append((candidate, rule))
        return done

    def take_in(
        self, id: str, wanted: Mapping[str, Any], *, who: str, now: datetime, source: str = "person", asset: str = "", credential: str | None = None
    ) -> str:
        """Make a candidate an asset (``asset`` names it: a new id, or one that exists and is this device); returns the asset's id.

        Raises NotFound, Refused when it is an asset already, ConfigError for values that make no asset.
        """
        document = self._document(id)
        candidate = read_candidate(document.body)
        if candidate.asset and not asset:
            raise Refused(f"{candidate.title} is the asset {candidate.asset} already")
        book = Book(self._store)
        taken = {each.id for each in book.all()}
        name = asset or take.free_id(candidate, taken)
        values = take.told(candidate, wanted, credential) if name not in taken else {}
        body = {"candidate": id, "addresses": list(candidate.addresses), "values": {key: value for key, value in values.items() if key != "collect"}}
        self._store.audit.append(time=now, actor=who, action="discovery.take_in", object=name, body=body)
        why = f"found by discovery at {', '.join(candidate.addresses)}"
        if values:
            book.save(name, values, source=source, who=who, now=now, why=why)
        book.save(name, take.observed(candidate), source="observed", who=who, now=now, why=why)
        self._put(candidate.model_copy(update={"asset": name, "by": who, "differences": ()}), document.version)
        return name

    def set_aside(self, id: str, *, who: str, why: str, now: datetime) -> None:
        """Show a candidate no longer among the new ones."""
        self._decide(id, "set_aside", who, now, {"ignored_by": who, "why": why})

    def bring_back(self, id: str, *, who: str, now: datetime) -> None:
        """Show a candidate again that was set aside."""
        self._decide(id, "bring_back", who, now, {"ignored_by": "", "why": ""})

    def accept(self, id: str, *, who: str, now: datetime) -> None:
        """What changed is right: the asset takes it over as the person's word, and the candidate is as it should be."""
        candidate = self.get(id)
        values = {one.field: one.after for one in candidate.differences if one.field in ("vendor", "model", "version", "serial")}
        if candidate.asset and values:
            Book(self._store).save(candidate.asset, values, source="person", who=who, now=now, why="change found by discovery")
        self._decide(id, "accept", who, now, {"differences": ()})

    def forget(self, id: str, *, who: str, now: datetime) -> None:
        """Take a candidate that is gone off the list; when it answers again it is new."""
        document = self._document(id)
        self._store.audit.append(time=now, actor=who, action="discovery.forget", object=id, body={"addresses": list(read_candidate(document.body).addresses)})
        self._store.documents.delete(CANDIDATE, id, document.version)

    def _decide(self, id: str, action: str, who: str, now: datetime, update: Mapping[str, Any]) -> None:
        document = self._document(id)
        candidate = read_candidate(document.body)
        body = {"addresses": list(candidate.addresses), **{key: value for key, value in update.items() if value}}
        self._store.audit.append(time=now, actor=who, action=f"discovery.{action}", object=id, body=body)
        self._put(candidate.model_copy(update=dict(update)), document.version)

    def _put(self, candidate: Candidate, expect: str | Expect) -> None:
        self._store.documents.put(CANDIDATE, candidate.id, candidate.document(), expect)

    def _document(self, id: str) -> Document:
        try:
            return self._store.documents.get(CANDIDATE, id)
        except NotFound:
            raise NotFound(f"there is no candidate {id!r} in the discovery inbox any more") from None

    def _documents(self) -> Iterable[Document]:
        cursor: str | None = None
        while True:
            page = self._store.documents.find(CANDIDATE, limit=1000, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return
