"""The journal of alerting on disk: every input before it counts, and the state from time to time.

SQLite with full synchronisation: what ``commit`` returned for survives kill -9 and power loss. A state is written together
with the removal of the entries that it holds, in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import StoreAway, StoreError

KEEP: Final = 5_000  # entries until the state is written anew
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS entry(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS state(id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL)",
)


class DiskJournal:
    """One file. Used under the caller's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            for statement in _SCHEMA:
                self._db.execute(statement)
        except sqlite3.DatabaseError as err:
            raise StoreError(f"{path}: cannot be opened ({err}); set the file aside to begin with no alerts, or restore it from a backup") from err

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one entry; durable when ``commit`` returns. Raises StoreAway when the disk is full."""
        try:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT INTO entry(body) VALUES(?)", (json.dumps(entry, ensure_ascii=False, default=str),))
        except sqlite3.Error as err:
            raise StoreAway(f"{self.path}: {err}; free some space, everything goes on by itself then") from err
        self.count += 1

    def commit(self) -> None:
        """Make what was appended durable."""
        if not self._db.in_transaction:
            return
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as err:
            raise StoreAway(f"{self.path}: {err}; free some space, everything goes on by itself then") from err

    def read(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """The last state (None at the beginning) and the entries after it. Raises StoreError when damaged."""
        try:
            row = self._db.execute("SELECT body FROM state").fetchone()
            entries = [json.loads(body) for (body,) in self._db.execute("SELECT body FROM entry ORDER BY id")]
            self.count = len(entries)
            return (json.loads(row[0]) if row else None), entries
        except (sqlite3.DatabaseError, ValueError) as err:
            raise StoreError(f"{self.path}: is damaged ({err}); set the file aside to begin with no alerts, or restore it from a backup") from err

    @property
    def wants_state(self) -> bool:
        """Whether enough entries have gathered."""
        return self.count >= KEEP

    def keep_state(self, state: Mapping[str, Any]) -> None:
        """Write the state and drop the entries it holds."""
        self.commit()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR REPLACE INTO state(id, body) VALUES(1, ?)", (json.dumps(state, ensure_ascii=False, default=str),))
        self._db.execute("DELETE FROM entry")
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.count = 0

    def close(self) -> None:
        """Release the file."""
        self.commit()
        self._db.close()
