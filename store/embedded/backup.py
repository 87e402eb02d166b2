"""Copying a store while it is in use, and checking one that is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core.errors import StoreError
from store.embedded.audit import EmbeddedAudit
from store.embedded.codec import Broken, decode_block
from store.embedded.database import open_to_read, quick_check, told
from store.embedded.series_file import day_and_series
from store.embedded.state import open_state


def backup(folder: Path, target: Path) -> list[Path]:
    """Consistent copies of all databases of ``folder`` in ``target``, by SQLite's own online copy; returns the copies.

    state.db is copied last: what it says about samples and events is in the other copies by then. Raises StoreError or StoreAway.
    """
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise StoreError(f"the backup folder {target} cannot be made: {err.strerror}") from err
    copies = []
    for source in sorted(folder.glob("*.db"), key=lambda path: (path.name == "state.db", path.name)):
        copy = target / source.name
        with told(source), closing(open_to_read(source)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        copy.chmod(0o600)
        copies.append(copy)
    return copies


def verify(folder: Path) -> list[str]:
    """What is wrong with the files of a store: their structure, every block of samples, the audit chain. Empty when all is sound."""
    if not (folder / "state.db").is_file():
        return [f"{folder} holds no store: there is no state.db"]
    problems = [f"{path.name}: {line}" for path in sorted(folder.glob("*.db")) for line in quick_check(path)]
    if problems:
        return problems
    state = open_state(folder)
    try:
        broken = EmbeddedAudit(state, None).verify()
    finally:
        state.close()
    if broken is not None:
        problems.append(f"state.db: the audit chain is broken at entry {broken}")
    return problems + _broken_blocks(folder / "metrics.db")


def _broken_blocks(path: Path) -> list[str]:
    if not path.exists():
        return []
    found = []
    with told(path), closing(open_to_read(path)) as con:
        for id_, data in con.execute("SELECT id, data FROM blk"):
            day, sid = day_and_series(id_)
            try:
                decode_block(day, data)
            except Broken as err:
                found.append(f"metrics.db: series {sid}, day {day} since 1970: {err}")
    return found
