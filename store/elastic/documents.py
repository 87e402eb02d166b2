"""Documents: Elasticsearch decides while it answers, the embedded store carries on while it is away.

Every write has a mark of its own. A write that was answered goes to the servers conditionally (``if_seq_no``) and then into the
local mirror. A write while they are away is checked against the mirror, kept there as *pending* with the version it started from, and
sent when they are back; where somebody else wrote meanwhile, theirs stays and ours is kept as a document of kind "conflict".
See docs/decisions/0003-elasticsearch-away.md.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from core.clock import Clock
from core.errors import Conflict, NotFound, StoreAway
from store.base import ABSENT, ANY, Body, Document, Documents, Expect, Page
from store.elastic.encode import Json, terms_of
from store.elastic.events import read_mark, write_mark
from store.elastic.link import Link, Rejected
from store.elastic.mirror import TRIES, Mirror, Mirrored, Remote, remote_of
from store.elastic.names import Names, digest
from store.elastic.query import document_query
from store.elastic.series import hits, search
from store.embedded.text import dumps, millis, time_of
from store.filter import EVERYTHING, Filter

CONFLICT = "conflict"
_AT_ONCE = 200
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class ElasticDocuments:
    """Implements store.base.Documents over the servers and the mirror."""

    def __init__(self, link: Link, names: Names, local: Documents, clock: Clock) -> None:
        self._link, self._clock = link, clock
        self._servers, self._mirror = Servers(link, names), Mirror(local)
        self._sending = threading.Lock()

    def get(self, kind: str, id: str) -> Document:
        """The document; raises NotFound (while the servers are away: when the mirror does not hold it)."""
        if self._settled(kind, id):
            try:
                remote = self._servers.fetch(kind, id)
                self._mirror.keep(remote)
                return remote.document()
            except StoreAway:
                pass
        there = self._mirror.get(kind, id)
        if there is None:
            raise NotFound(f"there is no {kind} {id!r}")
        return there.document()

    def put(self, kind: str, id: str, body: Body, expect: str | Expect = ANY) -> Document:
        """Write; raises Conflict when the stored version is not ``expect``."""
        return self._write(kind, id, body, expect, deleted=False).document()

    def delete(self, kind: str, id: str, expect: str | Expect = ANY) -> None:
        """Remove; raises NotFound or Conflict. A tombstone stays for some days, so that every mirror hears of it."""
        now = self.get(kind, id)
        if expect is ABSENT or (expect is not ANY and now.version not in {expect, self._now_called(kind, id, expect)}):
            raise _changed(kind, id)
        self._write(kind, id, {}, now.version, deleted=True)

    def find(self, kind: str, where: Filter = EVERYTHING, *, sort: str = "", limit: int = 1000, cursor: str | None = None) -> Page[Document]:
        """Documents of a kind, sorted by a body field, else by id; from the mirror while writes of an outage are still being sent."""
        if self._link.up and not self._mirror.waiting(1):
            try:
                return self._servers.find(kind, where, sort, limit, cursor)
            except StoreAway:
                pass
        if cursor and not cursor.startswith("l"):
            read_mark("", 1)
        page = self._mirror.find(kind, where, sort, limit, cursor[1:] if cursor else None)
        return Page(page.items, f"l{page.cursor}" if page.cursor else None, page.total)

    # --- writing through, or to the mirror

    def _write(self, kind: str, id: str, body: Body, expect: str | Expect, deleted: bool) -> Remote:
        wanted = Remote(kind, id, "", millis(self._clock.now()), secrets.token_hex(8), deleted, body)
        in_doubt: tuple[str, ...] = ()
        if self._settled(kind, id):
            try:
                stored = self._servers.store(wanted, self._now_called(kind, id, expect))
                self._mirror.keep(stored)
                return stored
            except StoreAway:
                in_doubt = (wanted.write,)
        return self._write_local(wanted, expect, in_doubt)

    def _settled(self, kind: str, id: str) -> bool:
        """Whether the servers decide about this document now: nothing of it is pending, or it could be sent."""
        there = self._mirror.get(kind, id)
        if there is None or not there.base:
            return self._link.up
        return self._link.up and self._try_to_send(self._mirror.mark(kind, id))

    def _now_called(self, kind: str, id: str, expect: str | Expect) -> str | Expect:
        """``expect``, or the servers' version where it names a local write that has been sent meanwhile."""
        there = None if isinstance(expect, Expect) or not expect.startswith("local:") else self._mirror.get(kind, id)
        return there.remote.version if there is not None and there.was == expect else expect

    def _write_local(self, wanted: Remote, expect: str | Expect, in_doubt: tuple[str, ...]) -> Remote:
        for _ in range(TRIES):
            there = self._mirror.get(wanted.kind, wanted.id)
            _check(there, wanted, expect)
            base, writes = _start(there, expect, in_doubt)
            made = Mirrored(wanted, base, (*writes, wanted.write), local=there.local if there else "")
            try:
                self._mirror.put_pending(made)
                return replace(wanted, version=made.version)
            except Conflict:
                continue
        raise _changed(wanted.kind, wanted.id)

    # --- sending what was written meanwhile, hearing what others wrote

    @property
    def waiting(self) -> int:
        """How many documents wait for the servers (counted up to 1000)."""
        return len(self._mirror.waiting())

    def send_pending(self) -> bool:
        """Send every pending write, many at a time; True when none is left."""
        try:
            while self._link.up and (marks := self._mirror.waiting(_AT_ONCE)):
                if not self._send_many(marks):
                    return False
        except StoreAway:
            return False
        return not self._mirror.waiting(1)

    def _send_many(self, marks: Sequence[Document]) -> bool:
        """Returns whether any of them is settled."""
        with self._sending:
            kept = [(mark, self._mirror.get(mark.body["kind"], mark.body["id"])) for mark in marks]
            pending = [(mark, there) for mark, there in kept if there is not None and there.base]
            stored = self._servers.store_many([(there.remote, _base(there)) for _, there in pending])
            done = [self._settle(mark, there, remote) for (mark, there), remote in zip(pending, stored, strict=True) if remote is not None]
            one_by_one = [mark for (mark, _), remote in zip(pending, stored, strict=True) if remote is None]
            one_by_one += [mark for mark, there in kept if there is None or not there.base]
            done += [self._send(mark) for mark in one_by_one]
        return any(done)

    def _try_to_send(self, mark: Document | None) -> bool:
        """Send the pending writes of one document; False when some are left."""
        if mark is None:
            return True
        try:
            with self._sending:
                return self._send(mark)
        except StoreAway:
            return False

    def _send(self, mark: Document) -> bool:
        there = self._mirror.get(mark.body["kind"], mark.body["id"])
        if there is None or not there.base:
            return self._mirror.sent(mark)
        try:
            return self._settle(mark, there, self._resend(there))
        except Conflict:
            return self._settle(mark, there, self._give_way(there))

    def _settle(self, mark: Document, there: Mirrored, stored: Remote) -> bool:
        """Take over what was stored and remove the mark; False when the document was written again meanwhile."""
        ours = stored.write == there.remote.write
        try:
            self._mirror.put(Mirrored(stored, was=there.version if ours else "", local=there.local))
        except Conflict:  # that write goes on from what has just been stored
            self._rebase(there, stored)
            return False
        return self._mirror.sent(mark)

    def _resend(self, there: Mirrored) -> Remote:
        """Store the newest pending state. A conflict with a write of our own, whose answer was lost, is none."""
        remote = there.remote
        try:
            return self._servers.store(remote, _base(there))
        except Conflict:
            try:
                found = self._servers.fetch(remote.kind, remote.id)
            except NotFound:
                raise _changed(remote.kind, remote.id) from None
            if found.write == remote.write:
                return found
            if found.write not in there.writes:
                raise
            return self._servers.store(remote, found.version)

    def _give_way(self, there: Mirrored) -> Remote:
        """Keep ours as a document of kind "conflict" and take theirs."""
        ours = there.remote
        body = {"kind": ours.kind, "id": ours.id, "base": there.base, "ours": ours.body, "deleted": ours.deleted, "changed": time_of(ours.changed).isoformat()}
        self._servers.store(Remote(CONFLICT, f"{ours.kind}:{ours.id}:{ours.write}", "", millis(self._clock.now()), ours.write, deleted=False, body=body), ANY)
        try:
            return self._servers.fetch(ours.kind, ours.id)
        except NotFound:
            return replace(ours, version="0:0", write="", deleted=True, body={})

    def _rebase(self, sent: Mirrored, stored: Remote) -> None:
        for _ in range(TRIES):
            now = self._mirror.get(stored.kind, stored.id)
            if now is None or not now.base:
                return
            writes = tuple(write for write in now.writes if write not in sent.writes)
            try:
                self._mirror.put(replace(now, base=stored.version, writes=writes))
                return
            except Conflict:
                continue

    def adopt(self, found: Document) -> None:
        """Take a document that the folder holds from before it was used with Elasticsearch; one that the servers have already stays theirs."""
        if self._mirror.get(found.kind, found.id) is None:
            remote = Remote(found.kind, found.id, "", millis(found.updated), secrets.token_hex(8), deleted=False, body=found.body)
            with suppress(Conflict):  # another process of the folder did it
                self._mirror.put_pending(Mirrored(remote, str(ABSENT), (remote.write,)))

    def hear(self, since: datetime) -> datetime:
        """Mirror what anybody wrote since then; returns the time to go on from."""
        until = self._clock.now()
        for remote in self._servers.changed(since):
            self._mirror.keep(remote)
        return until

    def purge(self, before: datetime) -> int:
        """Remove tombstones older than ``before`` from the servers and the mirror."""
        removed = 0
        for remote in self._servers.tombstones(before):
            if self._servers.remove(remote):
                self._mirror.forget(remote)
                removed += 1
        return removed


def _changed(kind: str, id: str) -> Conflict:
    return Conflict(f"{kind} {id!r} has changed; read it again, apply the change, write again")


def _base(there: Mirrored) -> str | Expect:
    return Expect(there.base) if there.base in tuple(Expect) else there.base


def _check(there: Mirrored | None, wanted: Remote, expect: str | Expect) -> None:
    if expect is ANY or (expect is ABSENT and (there is None or there.remote.deleted)):
        return
    if there is None or expect is ABSENT or expect not in {there.version, there.was or there.version}:
        raise Conflict(f"{wanted.kind} {wanted.id!r} has changed, or is not known here while Elasticsearch is away; read it again")


def _start(there: Mirrored | None, expect: str | Expect, in_doubt: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What pending writes start from: the version that the servers have (else the expectation), and the marks so far."""
    if there is not None and there.base:
        return there.base, there.writes
    return (str(expect) if isinstance(expect, Expect) or there is None else there.remote.version), in_doubt


class Servers:
    """The documents on the servers."""

    def __init__(self, link: Link, names: Names) -> None:
        self._link, self._index = link, names.documents

    def fetch(self, kind: str, id: str) -> Remote:
        """The document, also a tombstone; raises NotFound."""
        try:
            return remote_of(self._link.call("GET", f"/{self._index}/_doc/{digest(kind, id)}"))
        except Rejected as err:
            if err.status == 404:
                raise NotFound(f"there is no {kind} {id!r}") from None
            raise

    def store(self, remote: Remote, expect: str | Expect) -> Remote:
        """One conditional write; a tombstone counts as absent. Raises Conflict."""
        try:
            return self._store(remote, expect)
        except Conflict:
            if expect is not ABSENT or not (there := self.fetch(remote.kind, remote.id)).deleted:
                raise
            return self._store(remote, there.version)

    def store_many(self, wanted: Sequence[tuple[Remote, str | Expect]]) -> list[Remote | None]:
        """Conditional writes in one request; None for each one that was refused, whatever the reason."""
        if not wanted:
            return []
        lines: list[str] = []
        for remote, expect in wanted:
            place: Json = {"_index": self._index, "_id": digest(remote.kind, remote.id), "require_alias": True}
            place |= {name: int(value) for name, value in _condition(remote, expect).items()}
            lines += [dumps({"create" if expect is ABSENT else "index": place}), dumps(_source(remote))]
        answer = self._link.call("POST", "/_bulk", ("\n".join(lines) + "\n").encode(), timeout_s=60)
        results = [next(iter(item.values())) for item in answer["items"]]
        return [
            replace(remote, version=f"{result['_seq_no']}:{result['_primary_term']}") if result["status"] < 300 else None
            for (remote, _), result in zip(wanted, results, strict=True)
        ]

    def _store(self, remote: Remote, expect: str | Expect) -> Remote:
        path = f"/{self._index}/_{'create' if expect is ABSENT else 'doc'}/{digest(remote.kind, remote.id)}"
        try:
            answer = self._link.call("PUT", path, _source(remote), params={"require_alias": "true", **_condition(remote, expect)})
        except Rejected as err:
            if err.status != 409:
                raise
            raise _changed(remote.kind, remote.id) from None
        return replace(remote, version=f"{answer['_seq_no']}:{answer['_primary_term']}")

    def find(self, kind: str, where: Filter, sort: str, limit: int, cursor: str | None) -> Page[Document]:
        """As Documents.find. The refresh before it makes every answered write visible; without changes it costs next to nothing."""
        self._link.call("POST", f"/{self._index}/_refresh")
        size = min(limit, 9_999)
        query = {"bool": {"filter": [{"term": {"kind": kind}}, {"term": {"deleted": False}}, document_query(where)]}}
        order: list[Json] = [{"doc_id": "asc"}]
        if sort:
            order.insert(0, {f"terms.{sort.lstrip('-')}": {"order": "desc" if sort.startswith("-") else "asc", "missing": "_last"}})
        body: Json = {"size": size + 1, "query": query, "sort": order, "seq_no_primary_term": True, "track_total_hits": True}
        if cursor:
            body["search_after"] = read_mark(cursor, len(order))
        answer = search(self._link, self._index, body)["hits"]
        kept = answer["hits"][:size]
        mark = write_mark(kept[-1]) if len(answer["hits"]) > size else None
        return Page(tuple(remote_of(hit).document() for hit in kept), mark, answer["total"]["value"])

    def changed(self, since: datetime) -> list[Remote]:
        """Everything written since then, tombstones too."""
        return self._all({"range": {"changed": {"gte": millis(since), "format": "epoch_millis"}}})

    def tombstones(self, before: datetime) -> list[Remote]:
        """What was deleted before then."""
        return self._all({"bool": {"filter": [{"term": {"deleted": True}}, {"range": {"changed": {"lt": millis(before), "format": "epoch_millis"}}}]}})

    def _all(self, query: Json) -> list[Remote]:
        self._link.call("POST", f"/{self._index}/_refresh")
        body = {"query": query, "sort": [{"changed": "asc"}, {"doc_id": "asc"}, {"kind": "asc"}], "seq_no_primary_term": True}
        return [remote_of(hit) for hit in hits(self._link, self._index, body, page=1000)]

    def remove(self, remote: Remote) -> bool:
        """Remove for good; False when it was written meanwhile."""
        try:
            self._link.call("DELETE", f"/{self._index}/_doc/{digest(remote.kind, remote.id)}", params=_condition(remote, remote.version))
        except Rejected:
            return False
        return True


def _source(remote: Remote) -> Json:
    source = {"kind": remote.kind, "doc_id": remote.id, "changed": remote.changed, "write": remote.write, "deleted": remote.deleted}
    return source | {"terms": terms_of(remote.body), "body": remote.body}


def _condition(remote: Remote, expect: str | Expect) -> dict[str, str]:
    if isinstance(expect, Expect):
        return {}
    seq, _, term = expect.partition(":")
    if not (seq.isdigit() and term.isdigit()):
        raise _changed(remote.kind, remote.id)
    return {"if_seq_no": seq, "if_primary_term": term}
