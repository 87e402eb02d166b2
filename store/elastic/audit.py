"""The audit chain: written to the embedded store, copied create-only to Elasticsearch, checked against the copy.

Every node has a chain of its own (an id in its folder), so that writing never waits for the servers and two nodes never
contend. The copy is beyond the reach of whoever owns the node's disk: ``verify`` compares both.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from core.errors import Conflict, NotFound, StoreAway
from store.base import ABSENT, Audit, AuditEntry, Body, Store
from store.elastic.link import LENIENT, Link
from store.elastic.names import Names
from store.elastic.series import hits

_STATE, _CHAIN = "elastic-state", "chain"


@dataclass(frozen=True, slots=True)
class Chain:
    """The id of a folder's chain on the servers, and the first entry that was written with them as the second place."""

    id: str
    first: int


def chain_of(local: Store) -> Chain | None:
    """The chain of this folder; None when the folder has never been used with Elasticsearch."""
    try:
        kept = local.documents.get(_STATE, _CHAIN).body
    except NotFound:
        return None
    return Chain(kept["id"], kept["first"])


def begin_chain(local: Store) -> Chain:
    """Give the folder's chain an id; entries from before have no copy."""
    newest = local.audit.read(newest=True, limit=1)
    made = Chain(secrets.token_hex(8), newest[0].seq + 1 if newest else 1)
    with suppress(Conflict):
        local.documents.put(_STATE, _CHAIN, asdict(made), ABSENT)
    return chain_of(local) or made


class ElasticAudit:
    """Implements store.base.Audit."""

    def __init__(self, link: Link, names: Names, local: Audit, chain: Chain) -> None:
        self._link, self._names, self._local, self.chain = link, names, local, chain

    def append(self, *, time: datetime, actor: str, action: str, object: str, body: Body) -> AuditEntry:
        """Add one entry to this node's chain; its copy is shipped with everything else."""
        return self._local.append(time=time, actor=actor, action=action, object=object, body=body)

    def read(
        self, *, after: int = 0, limit: int = 1000, actor: str | None = None, action: str | None = None, object: str | None = None, newest: bool = False
    ) -> list[AuditEntry]:
        """Entries of this node's chain."""
        return self._local.read(after=after, limit=limit, actor=actor, action=action, object=object, newest=newest)

    def verify(self) -> int | None:
        """None when the chain is whole and equal to its copy, else the ``seq`` of the first entry that is not."""
        broken = self._local.verify()
        try:
            differs = self._differs()
        except StoreAway:
            return broken
        return min((seq for seq in (broken, differs) if seq is not None), default=None)

    def _differs(self) -> int | None:
        """The first copied entry whose hash is not the local one, or that is missing on either side up to the newest copy."""
        expected, local = self.chain.first, self._entries(self.chain.first - 1)
        for seq, copied in self.copies(self.chain.id):
            if seq < expected:
                continue
            if seq > expected:
                return expected
            entry = next(local, None)
            if entry is None or entry.seq != seq or entry.hash != copied:
                return seq
            expected = seq + 1
        return None

    def _entries(self, after: int) -> Iterator[AuditEntry]:
        while part := self._local.read(after=after, limit=1000):
            yield from part
            after = part[-1].seq

    def copies(self, chain: str) -> Iterator[tuple[int, str]]:
        """(seq, hash) of every copied entry of a chain, in order."""
        self._link.call("POST", f"/{self._names.audit}/_refresh", params=LENIENT)
        body = {"query": {"term": {"chain": chain}}, "sort": [{"seq": "asc"}], "_source": ["seq", "hash"]}
        last = 0
        for hit in hits(self._link, self._names.audit, body):
            if hit["_source"]["seq"] != last:
                yield hit["_source"]["seq"], hit["_source"]["hash"]
            last = hit["_source"]["seq"]
