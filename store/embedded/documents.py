"""Documents in state.db with versions that never come back, not even after removal and a new start."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from core.clock import Clock
from core.errors import Conflict, NotFound, Unreadable
from store.base import ABSENT, ANY, Body, Document, Expect, Page
from store.embedded.database import Database
from store.embedded.sql import DOCUMENTS, compiled
from store.embedded.state import add_number
from store.embedded.text import clean, dumps, millis, read_cursor, time_of, write_cursor
from store.filter import EVERYTHING, Filter

MOST: Final = 10_000


class EmbeddedDocuments:
    """Implements store.base.Documents."""

    def __init__(self, state: Database, clock: Clock) -> None:
        self._state, self._clock = state, clock

    def get(self, kind: str, id: str) -> Document:
        """The document; raises NotFound."""
        with self._state.reading() as con:
            row = con.execute("SELECT id, version, updated, body FROM doc WHERE kind=? AND id=?", (clean(kind), clean(id))).fetchone()
        if row is None:
            raise NotFound(f"there is no {kind} {id!r}")
        return _document(kind, row)

    def put(self, kind: str, id: str, body: Body, expect: str | Expect = ANY) -> Document:
        """Write, durable when this returns; raises Conflict."""
        key, text, now = (clean(kind), clean(id)), dumps(body), millis(self._clock.now())
        with self._state.writing() as con:
            _check(_version(con, key), expect, key)
            version = add_number(con, "version", 1)
            con.execute("INSERT OR REPLACE INTO doc(kind, id, version, updated, body) VALUES(?, ?, ?, ?, ?)", (*key, version, now, text))
        return _document(key[0], (key[1], version, now, text))

    def find(self, kind: str, where: Filter = EVERYTHING, *, sort: str = "", limit: int = 1000, cursor: str | None = None) -> Page[Document]:
        """Documents of a kind in order; those without the sort field come last."""
        condition, values = compiled(where, DOCUMENTS)
        base, bound, size = f"kind = ? AND {condition}", [clean(kind), *values], min(limit, MOST)
        key, down = DOCUMENTS.sort_key(sort.lstrip("-")) if sort else "id", sort.startswith("-")
        after, mark = _after(key, down, cursor) if cursor else ("1", [])
        order = f"({key}) IS NULL, {key} {'DESC' if down else 'ASC'}, id"
        sql = f"SELECT id, version, updated, body, {key} FROM doc WHERE {base} AND {after} ORDER BY {order} LIMIT ?"  # noqa: S608 - compiled, values are bound
        with self._state.reading() as con:
            rows = con.execute(sql, [*bound, *mark, size + 1]).fetchall()
            total = con.execute(f"SELECT count(*) FROM doc WHERE {base}", bound).fetchone()[0]  # noqa: S608
        kept = rows[:size]
        more = write_cursor(kept[-1][4], kept[-1][0]) if kept and len(rows) > size else None
        return Page(tuple(_document(kind, row[:4]) for row in kept), more, total)

    def kinds(self) -> list[str]:
        """Every kind that has a document."""
        with self._state.reading() as con:
            return [row[0] for row in con.execute("SELECT DISTINCT kind FROM doc ORDER BY kind")]

    def delete(self, kind: str, id: str, expect: str | Expect = ANY) -> None:
        """Remove; raises NotFound or Conflict."""
        key = clean(kind), clean(id)
        with self._state.writing() as con:
            there = _version(con, key)
            if there is None:
                raise NotFound(f"there is no {kind} {id!r}")
            _check(there, expect, key)
            con.execute("DELETE FROM doc WHERE kind=? AND id=?", key)


def _after(key: str, down: bool, cursor: str) -> tuple[str, list[Any]]:
    """The condition for what comes after the place that ``cursor`` names."""
    value, last = read_cursor(cursor, 2)
    if value is None:
        return f"(({key}) IS NULL AND id > ?)", [last]
    return f"(({key}) IS NULL OR ({key}) {'<' if down else '>'} ? OR (({key}) = ? AND id > ?))", [value, value, last]


def _version(con: sqlite3.Connection, key: tuple[str, str]) -> str | None:
    row = con.execute("SELECT version FROM doc WHERE kind=? AND id=?", key).fetchone()
    return str(row[0]) if row else None


def _check(there: str | None, expect: str | Expect, key: tuple[str, str]) -> None:
    if expect is ANY or (there is None if expect is ABSENT else there == expect):
        return
    reason = "exists already" if expect is ABSENT else "is not there any more" if there is None else "was changed by somebody else meanwhile"
    raise Conflict(f"{key[0]} {key[1]!r} {reason}; read it again and repeat the change")


def _document(kind: str, row: tuple[Any, ...]) -> Document:
    id_, version, updated, text = row
    try:
        body = json.loads(text)
    except ValueError as err:
        raise Unreadable(f"{kind} {id_!r} is damaged; write it anew or restore it from a backup") from err
    return Document(kind=kind, id=id_, version=str(version), updated=time_of(updated), body=body)
