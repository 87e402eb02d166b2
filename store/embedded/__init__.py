"""The embedded store: SQLite files in one folder, one service that writes, any number of readers."""

from store.embedded.backup import backup, verify
from store.embedded.spool import DeadLetter, Spooled
from store.embedded.store import EmbeddedStore, open_embedded

__all__ = ["DeadLetter", "EmbeddedStore", "Spooled", "backup", "open_embedded", "verify"]
