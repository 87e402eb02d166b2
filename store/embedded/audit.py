"""The audit chain in state.db: each entry's hash covers the entry and the hash before it. Triggers refuse change and removal."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final

from core.records import utc
from store.base import AuditEntry, Body
from store.embedded.database import Database
from store.embedded.spool import Spool, encode
from store.embedded.text import clean, dumps

FIRST: Final = "0" * 64
_COLUMNS: Final = "seq, time, actor, action, object, body, previous, hash"


class EmbeddedAudit:
    """Implements store.base.Audit."""

    def __init__(self, state: Database, spool: Spool | None) -> None:
        self._state, self._spool = state, spool

    def append(self, *, time: datetime, actor: str, action: str, object: str, body: Body) -> AuditEntry:
        """Add one entry, durable when this returns."""
        text = dumps(body, sort_keys=True)
        parts = (utc(time).isoformat(), clean(actor), clean(action), clean(object), text)
        with self._state.writing() as con:
            row = con.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone() or (0, FIRST)
            seq, previous = row[0] + 1, row[1]
            digest = chain_hash(seq, *parts, previous)
            con.execute(f"INSERT INTO audit({_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?)", (seq, *parts, previous, digest))
            entry = _entry((seq, *parts, previous, digest))
            if self._spool is not None:
                self._spool.append_within(con, "audit", 1, encode("audit", [entry]))
        return entry

    def read(
        self, *, after: int = 0, limit: int = 1000, actor: str | None = None, action: str | None = None, object: str | None = None, newest: bool = False
    ) -> list[AuditEntry]:
        """Entries in order; ``newest``: the last ones, newest first."""
        wanted = {"actor": actor, "action": action, "object": object}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(["seq > ?", *(f"{name} = ?" for name in given)])
        sql = f"SELECT {_COLUMNS} FROM audit WHERE {where} ORDER BY seq {'DESC' if newest else 'ASC'} LIMIT ?"  # noqa: S608 - our own names
        with self._state.reading() as con:
            return [_entry(row) for row in con.execute(sql, (after, *given.values(), limit))]

    def verify(self) -> int | None:
        """None when the chain is whole, else the ``seq`` of the first broken or missing entry (also when the newest ones are gone)."""
        previous, expected = FIRST, 1
        with self._state.reading() as con:
            for row in con.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq"):  # noqa: S608 - our own text
                if row[0] != expected:
                    return expected
                if row[6] != previous or row[7] != chain_hash(*row[:7]):
                    return expected
                previous, expected = row[7], expected + 1
            last = con.execute("SELECT seq FROM sqlite_sequence WHERE name='audit'").fetchone()
        return expected if last is not None and last[0] >= expected else None


def chain_hash(seq: int, time: str, actor: str, action: str, object: str, body: str, previous: str) -> str:
    """SHA-256 over the JSON list of all parts; ``time`` is ISO 8601 in UTC, ``body`` JSON text with sorted keys."""
    return hashlib.sha256(dumps([seq, time, actor, action, object, body, previous]).encode()).hexdigest()


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    seq, time, actor, action, object_, body, previous, digest = row
    return AuditEntry(seq=seq, time=datetime.fromisoformat(time), actor=actor, action=action, object=object_, body=_body(body), previous=previous, hash=digest)


def _body(text: str) -> Body:
    """A body that is no JSON any more is shown as it is; ``verify`` names the entry."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return found if isinstance(found, dict) else {"unreadable": text}
