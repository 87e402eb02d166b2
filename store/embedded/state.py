"""state.db: documents, audit chain, spool, dead letters and small numbers, all in one file so that one commit covers them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from store.embedded.database import Database
from store.embedded.sql import register

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doc(kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, updated INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(kind, id));
CREATE TABLE IF NOT EXISTS audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL,
  body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS audit_object ON audit(object, seq);
CREATE INDEX IF NOT EXISTS audit_actor ON audit(actor, seq);
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries cannot be changed'); END;
CREATE TRIGGER IF NOT EXISTS audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries cannot be removed'); END;
CREATE TABLE IF NOT EXISTS spool(id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, n INTEGER NOT NULL, bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS spool_stream ON spool(stream, id);
CREATE TABLE IF NOT EXISTS dead_letter(id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, stream TEXT NOT NULL, record TEXT NOT NULL,
  reason TEXT NOT NULL, body TEXT NOT NULL);
"""


def open_state(folder: Path) -> Database:
    """The file; several processes write it, one after the other."""
    return Database(folder / "state.db", SCHEMA, shared=folder / "state.lock", setup=register)


def get_number(con: sqlite3.Connection, name: str) -> int:
    """A named number; 0 when never set."""
    row = con.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
    return int(row[0]) if row else 0


def set_number(con: sqlite3.Connection, name: str, value: int) -> None:
    """Set a named number."""
    con.execute("INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value))


def add_number(con: sqlite3.Connection, name: str, change: int) -> int:
    """Add to a named number and return it."""
    con.execute("INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value=value+excluded.value", (name, change))
    return get_number(con, name)
