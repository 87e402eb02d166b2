"""Backup of the data folder while everything runs, and restore into an empty one.

A backup is a folder ``wanglou-YYYYMMDDTHHMMSSZ`` with consistent copies of every database, the site's files, the settings
and a manifest of SHA-256 sums. The master key is never part of it: without the key the sealed credentials are useless.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from core.errors import ConfigError, StoreError
from core.settings import Settings

MANIFEST = "manifest.json"
REPORTS = "reports"
ATTACHMENTS = "attachments"
LAST = "last-backup.json"
FORMAT = 1


def make_backup(settings: Settings, target: Path, now: datetime) -> Path:
    """Copy everything into a new folder under ``target`` and return it. Raises ConfigError or StoreError."""
    source = settings.data
    if not source.is_dir():
        raise ConfigError("there is no such data folder", path=source)
    folder = target / f"wanglou-{now:%Y%m%dT%H%M%SZ}"
    partial = folder.with_suffix(".partial")
    try:
        partial.mkdir(parents=True)
        for path in sorted(source.glob("*.db")):
            _copy_database(path, partial / path.name)
        _copy_plain(settings, partial)
        sums = {str(path.relative_to(partial)): _sha256(path) for path in _files(partial)}
        (partial / MANIFEST).write_text(json.dumps({"format": FORMAT, "made": now.isoformat(), "sha256": sums}, indent=1), encoding="utf-8")
        partial.rename(folder)
        (source / LAST).write_text(json.dumps({"made": now.isoformat(), "target": str(folder)}), encoding="utf-8")
    except (OSError, sqlite3.Error) as err:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the backup could not be written to {target}: {err}") from err
    return folder


def last_backup(data: Path) -> datetime | None:
    """When this data folder was last backed up with success; None when never, or when nobody can tell."""
    try:
        return datetime.fromisoformat(json.loads((data / LAST).read_text(encoding="utf-8"))["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def restore_backup(settings: Settings, source: Path) -> Iterator[str]:
    """Check ``source`` and copy it into the (empty) data folder; yields what was done. Raises ConfigError or StoreError."""
    sums = _read_manifest(source)
    target = settings.data
    if target.exists() and any(path.suffix == ".db" for path in target.iterdir()):
        raise ConfigError("the data folder is not empty; stop Wanglou and move it away first", path=target)
    for name, digest in sums.items():
        path = source / name
        if not path.is_file() or _sha256(path) != digest:
            raise StoreError(f"the backup is damaged: {name} is missing or differs from the manifest; nothing was restored")
    yield f"checked {len(sums)} files against the manifest"
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in sums:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)
    yield f"restored into {target}"
    yield from _verify(settings)


def _verify(settings: Settings) -> Iterator[str]:
    from store.open import open_store

    store = open_store("embedded", settings.data, "console")
    try:
        broken = store.audit.verify()
    finally:
        store.close()
    if broken is not None:
        raise StoreError(f"the audit chain of the restored data is broken at entry {broken}")
    yield "the audit chain is whole"
    if not (settings.data / "master.key").exists():
        yield "put the master key back (master.key, or WANGLOU_MASTER_KEY_FILE) before the start, else credentials stay sealed"


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's own online copy: consistent although others write."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _copy_plain(settings: Settings, target: Path) -> None:
    if settings.site_folder.is_dir():
        shutil.copytree(settings.site_folder, target / "site")
    for name in (REPORTS, ATTACHMENTS):
        if (settings.data / name).is_dir():
            shutil.copytree(settings.data / name, target / name, ignore=shutil.ignore_patterns(".*"))
    if (settings.data / "wanglou.toml").exists():
        shutil.copy2(settings.data / "wanglou.toml", target / "wanglou.toml")


def _read_manifest(source: Path) -> dict[str, str]:
    try:
        manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ConfigError("is no backup: it has no readable manifest", path=source) from err
    if manifest.get("format") != FORMAT:
        raise ConfigError(f"was made by another version (format {manifest.get('format')}, this one reads {FORMAT})", path=source)
    sums: dict[str, str] = manifest["sha256"]
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in sums):
        raise ConfigError("the manifest names a file outside of the backup", path=source)
    return sums


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
