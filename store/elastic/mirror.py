"""The local copy of documents: what the servers last said, and what was written here while they were away.

It is kept in the embedded store's own documents, one per document: kind "elastic:<kind>", with the state in the body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.errors import Conflict, NotFound
from store.base import ABSENT, Body, Document, Documents, Page
from store.elastic.encode import Json
from store.elastic.names import digest
from store.embedded.text import time_of
from store.filter import And, Filter, Not, Or, Term

TRIES = 6
OURS = "elastic"
_MIRROR = f"{OURS}:"
_PENDING = f"{OURS}-pending"


@dataclass(frozen=True, slots=True)
class Remote:
    """One document as the servers know it; ``write`` is the mark of the write that made it."""

    kind: str
    id: str
    version: str
    changed: int
    write: str
    deleted: bool
    body: Body

    def document(self) -> Document:
        """For the caller; raises NotFound for a tombstone."""
        if self.deleted:
            raise NotFound(f"there is no {self.kind} {self.id!r}")
        return Document(kind=self.kind, id=self.id, version=self.version, updated=time_of(self.changed), body=self.body)

    @property
    def order(self) -> tuple[int, int]:
        """Grows with every write; lowest for a document that the servers have not taken yet."""
        seq, _, term = self.version.partition(":")
        return (int(term), int(seq)) if seq.isdigit() and term.isdigit() else (-1, -1)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The local copy of one document.

    ``base``: the version (or expectation) that the pending writes started from, "" when nothing is pending; ``writes``: their marks;
    ``was``: the local version that became ``remote.version`` when the pending writes were sent; ``local``: the version in the embedded store.
    """

    remote: Remote
    base: str = ""
    writes: tuple[str, ...] = ()
    was: str = ""
    local: str = ""

    @property
    def version(self) -> str:
        """What a caller sees."""
        return f"local:{self.remote.write}" if self.base else self.remote.version

    def document(self) -> Document:
        """For the caller; raises NotFound for a tombstone."""
        return replace(self.remote, version=self.version).document()


class Mirror:
    """All local copies."""

    def __init__(self, local: Documents) -> None:
        self._local = local

    def get(self, kind: str, id: str) -> Mirrored | None:
        """The local copy, when there is one."""
        try:
            return _read(self._local.get(_MIRROR + kind, id))
        except NotFound:
            return None

    def put(self, mirrored: Mirrored) -> None:
        """Write over the copy that ``mirrored.local`` names; raises Conflict."""
        remote = mirrored.remote
        body = {
            "version": remote.version,
            "changed": remote.changed,
            "write": remote.write,
            "deleted": "yes" if remote.deleted else "no",
            "base": mirrored.base,
            "writes": list(mirrored.writes),
            "was": mirrored.was,
            "body": remote.body,
        }
        self._local.put(_MIRROR + remote.kind, remote.id, body, mirrored.local or ABSENT)

    def put_pending(self, mirrored: Mirrored) -> None:
        """Write and mark it as waiting for the servers; the mark comes first, so that no waiting write is forgotten."""
        kind, name = mirrored.remote.kind, mirrored.remote.id
        self._local.put(_PENDING, digest(kind, name), {"kind": kind, "id": name})
        self.put(mirrored)

    def keep(self, remote: Remote) -> None:
        """Take over what the servers say, unless the copy knows newer or has a pending write."""
        for _ in range(TRIES):
            there = self.get(remote.kind, remote.id)
            if there is not None and (there.base or there.remote.order >= remote.order):
                return
            try:
                self.put(Mirrored(remote, local=there.local if there else ""))
                return
            except Conflict:
                continue

    def forget(self, remote: Remote) -> None:
        """Remove the copy of a tombstone."""
        there = self.get(remote.kind, remote.id)
        if there is not None and there.remote.deleted and not there.base:
            try:
                self._local.delete(_MIRROR + remote.kind, remote.id, there.local)
            except (Conflict, NotFound):
                return

    def find(self, kind: str, where: Filter, sort: str, limit: int, cursor: str | None) -> Page[Document]:
        """As Documents.find, over the copies."""
        live = And((Term("deleted", "no"), _inside(where)))
        order = f"{'-' if sort.startswith('-') else ''}body.{sort.lstrip('-')}" if sort else ""
        page = self._local.find(_MIRROR + kind, live, sort=order, limit=limit, cursor=cursor)
        return Page(tuple(_read(document).document() for document in page.items), page.cursor, page.total)

    def waiting(self, limit: int = 1000) -> tuple[Document, ...]:
        """Marks of documents with pending writes; the body holds kind and id."""
        return self._local.find(_PENDING, limit=limit).items

    def mark(self, kind: str, id: str) -> Document | None:
        """The mark of one document, when it has pending writes."""
        try:
            return self._local.get(_PENDING, digest(kind, id))
        except NotFound:
            return None

    def sent(self, mark: Document) -> bool:
        """Remove a mark; False when the document was written again."""
        try:
            self._local.delete(_PENDING, mark.id, mark.version)
        except Conflict:
            return False
        except NotFound:
            return True
        return True


def _read(document: Document) -> Mirrored:
    kept: dict[str, Any] = document.body
    kind = document.kind.removeprefix(_MIRROR)
    remote = Remote(kind, document.id, kept["version"], kept["changed"], kept["write"], kept["deleted"] == "yes", kept["body"])
    return Mirrored(remote, kept["base"], tuple(kept["writes"]), kept["was"], document.version)


def remote_of(hit: Json) -> Remote:
    """From an answer to GET or a hit of a search."""
    source = hit["_source"]
    version = f"{hit['_seq_no']}:{hit['_primary_term']}"
    return Remote(source["kind"], source["doc_id"], version, source["changed"], source["write"], source["deleted"], source["body"])


def _inside(where: Filter) -> Filter:
    """The same filter over the mirror, where the body stands under "body"."""
    match where:
        case And(parts):
            return And(tuple(_inside(part) for part in parts))
        case Or(parts):
            return Or(tuple(_inside(part) for part in parts))
        case Not(part):
            return Not(_inside(part))
        case _:
            return where if where.field in {"id", "@timestamp"} else replace(where, field=f"body.{where.field}")
