"""One SQLite file in WAL mode: pooled connections, one writer at a time, errors told in our own words.

Writers and checkpoints of a file are serialised by a thread lock and, where several processes write, by a short flock: SQLite
before 3.51.3 can damage a file when one connection checkpoints while another one commits (sqlite.org/wal.html), and its own
busy handler is unfair. SQLite's automatic checkpoints are therefore off.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from core.errors import StoreAway, StoreError, Unreadable

log = structlog.get_logger(__name__)
_IDLE_KEPT: Final = 8
_CHECKPOINT_BYTES: Final = 16 << 20
_TRUNCATE_BYTES: Final = 256 << 20
_CHECK_EVERY: Final = 32
_LEAST_FREED: Final = 256
_FREED_AT_ONCE: Final = 4096
Setup = Callable[[sqlite3.Connection], None]


class Damaged(StoreError):
    """A file of the store cannot be read as a database any more; ``path`` names it."""

    def __init__(self, path: Path, reason: object) -> None:
        self.path = path
        super().__init__(f"{path} is damaged ({reason})")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Translate SQLite's errors about ``path``."""
    try:
        yield
    except sqlite3.DatabaseError as err:
        code = getattr(err, "sqlite_errorcode", None)
        if code is None and "decode" in str(err):  # Python's own: a text that is no UTF-8 any more
            raise Unreadable(f"{path}: a text in it is damaged; restore it from a backup") from err
        if code is None:
            raise
        raise _translated(path, err, code & 0xFF) from err


def _translated(path: Path, err: sqlite3.Error, code: int) -> StoreError:
    if code == sqlite3.SQLITE_FULL:
        return StoreAway(f"the disk that holds {path} is full; free some space there. What was acknowledged is safe, collecting goes on when there is room")
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return StoreAway(f"{path} cannot be read or written ({err}); look at free space, permissions and the health of the disk")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreAway(f"{path} is held by another process for too long; look for a program other than Wanglou that has it open")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return Damaged(path, err)
    if "malformed JSON" in str(err):
        return Unreadable(f"{path}: a document in it is damaged; restore it from a backup")
    return StoreError(f"{path}: {err}")


@dataclass(slots=True)
class _Pool:
    """Idle connections to one incarnation (inode) of a file."""

    inode: int = 0
    idle: list[sqlite3.Connection] = field(default_factory=list)


class Database:
    """``schema`` is run when the file is made; ``setup`` on every connection (functions, pragmas)."""

    def __init__(
        self, path: Path, schema: str, *, page_size: int = 4096, synchronous: str = "FULL", shared: Path | None = None, setup: Setup | None = None
    ) -> None:
        self.path, self._schema, self._page_size, self._synchronous, self._setup = path, schema, page_size, synchronous, setup
        self._shared = shared
        self._lock, self._pool_lock = threading.RLock(), threading.Lock()
        self._pool, self._commits = _Pool(), 0

    def create(self) -> None:
        """Make the file with its tables, when it is not there; raises Damaged when it is no database of ours."""
        try:
            self.path.touch(mode=0o600)
        except OSError as err:
            raise StoreAway(f"{self.path} cannot be made: {err.strerror}; look at free space and permissions") from err
        with self._exclusive(), self._connection() as con:
            con.execute(f"PRAGMA page_size={self._page_size}")
            con.execute("PRAGMA auto_vacuum=INCREMENTAL")
            con.execute("PRAGMA journal_mode=WAL")
            con.executescript(self._schema)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One transaction with one view of the file."""
        with self._connection() as con:
            con.execute("BEGIN")
            try:
                yield con
            finally:
                if con.in_transaction:
                    con.execute("ROLLBACK")

    @contextmanager
    def writing(self, *, synchronous: str = "") -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block ends; undone when it raises. ``synchronous`` overrides the file's own mode."""
        with self._exclusive(), self._connection() as con:
            if synchronous:
                con.execute(f"PRAGMA synchronous={synchronous}")
            try:
                con.execute("BEGIN IMMEDIATE")
                yield con
                con.execute("COMMIT")
            finally:
                if con.in_transaction:
                    con.execute("ROLLBACK")
                if synchronous:
                    con.execute(f"PRAGMA synchronous={self._synchronous}")
            self._checkpoint_when_long(con)

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file, and empty the log unless a reader still needs it."""
        with self._exclusive(), self._connection() as con:
            _truncate(con)

    def shrink(self) -> None:
        """Give the disk back some of what is free inside the file, when it is more than a tenth."""
        with self._exclusive(), self._connection() as con:
            pages, free = (con.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
            if free > max(pages // 10, _LEAST_FREED):
                con.executescript(f"PRAGMA incremental_vacuum({_FREED_AT_ONCE})")  # execute would take one step and free one page

    def close(self) -> None:
        """Close every idle connection."""
        with self._pool_lock:
            while self._pool.idle:
                self._pool.idle.pop().close()

    def set_aside(self) -> Path:
        """Move the damaged file out of the way under a new name and return that."""
        with self._exclusive():
            self.close()
            target = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + suffix).rename(target.with_name(target.name + suffix))
        log.error("a damaged file was set aside", file=self.path.name, kept_as=target.name)
        return target

    @property
    def bytes(self) -> int:
        """Size of file and write-ahead log."""
        return sum(_size(self.path.with_name(self.path.name + suffix)) for suffix in ("", "-wal"))

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            if self._shared is None:
                yield
                return
            with self._shared.open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with told(self.path):
            con, inode = self._borrow()
            try:
                yield con
            finally:
                self._give_back(con, inode)

    def _borrow(self) -> tuple[sqlite3.Connection, int]:
        inode = _inode(self.path)
        with self._pool_lock:
            if self._pool.inode != inode:
                while self._pool.idle:
                    self._pool.idle.pop().close()
                self._pool.inode = inode
            if self._pool.idle and inode:
                return self._pool.idle.pop(), inode
        return self._connect(), _inode(self.path)

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        con = sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            for pragma in (
                "wal_autocheckpoint=0",
                f"synchronous={self._synchronous}",
                "secure_delete=OFF",
                f"journal_size_limit={_CHECKPOINT_BYTES * 2}",
                "trusted_schema=OFF",
                "temp_store=MEMORY",
            ):
                con.execute(f"PRAGMA {pragma}")
            if self._setup is not None:
                self._setup(con)
        except BaseException:
            con.close()
            raise
        return con

    def _give_back(self, con: sqlite3.Connection, inode: int) -> None:
        with self._pool_lock:
            if inode == _inode(self.path) and len(self._pool.idle) < _IDLE_KEPT and not con.in_transaction:
                self._pool.inode = inode
                self._pool.idle.append(con)
                return
        con.close()

    def _checkpoint_when_long(self, con: sqlite3.Connection) -> None:
        self._commits += 1
        if self._commits % _CHECK_EVERY:
            return
        log_bytes = _size(self.path.with_name(self.path.name + "-wal"))
        if log_bytes > _TRUNCATE_BYTES:
            _truncate(con)
        elif log_bytes > _CHECKPOINT_BYTES:
            con.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _truncate(con: sqlite3.Connection) -> None:
    con.execute("PRAGMA busy_timeout=200")
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.execute("PRAGMA busy_timeout=10000")


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; to be closed by the caller."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def quick_check(path: Path) -> Sequence[str]:
    """What SQLite finds wrong in a file, at most ten lines; empty when it is sound."""
    try:
        with closing(open_to_read(path)) as con:
            found = [str(row[0]) for row in con.execute("PRAGMA quick_check(10)")]
    except sqlite3.DatabaseError as err:
        return [str(err)]
    return [] if found == ["ok"] else found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - on every borrow; pathlib costs three times as much
    except FileNotFoundError:
        return 0
