"""``wanglou doctor``: examines the machine, the settings, the folders and the store, and says what to mend."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import ConfigError, StoreLocked, WanglouError
from core.settings import Settings, read_settings
from inventory.asset import Asset

Grade = Literal["good", "note", "bad"]
MIN_FREE_BYTES = 2 * 1024**3
MIN_FILES = 1024
# The WAL-reset bug (sqlite.org, wal.html) is mended in these and later ones.
MENDED_SQLITE = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing looked at: how it is, and what to do when it is not good."""

    grade: Grade
    what: str
    message: str

    @property
    def line(self) -> str:
        """As printed."""
        return f"{self.grade:>4}  {self.what}: {self.message}"

    @property
    def bad(self) -> bool:
        """Whether something must be done."""
        return self.grade == "bad"


def examine(config: Path | None) -> Iterator[Examined]:
    """Everything, one after the other; nothing stops the rest."""
    yield from (_python(), _sqlite(), _open_files())
    try:
        settings = read_settings(config)
    except ConfigError as err:
        yield Examined("bad", "settings", str(err))
        return
    yield Examined("good", "settings", "every key is known and valid")
    for look in (_folder, _disk, _key, _port, _ping, _store, _site):
        yield from _guarded(look, settings)


def _guarded(look: Callable[[Settings], Iterator[Examined]], settings: Settings) -> Iterator[Examined]:
    try:
        yield from look(settings)
    except (WanglouError, OSError) as err:
        yield Examined("bad", look.__name__.strip("_"), str(err))


def _python() -> Examined:
    version = ".".join(map(str, sys.version_info[:3]))
    return Examined("good", "python", version) if sys.version_info >= (3, 11) else Examined("bad", "python", f"{version}; 3.11 or newer is needed")


def _sqlite() -> Examined:
    version = sqlite3.sqlite_version_info
    mended = version >= MENDED_SQLITE[-1] or any(version[:2] == known[:2] and version >= known for known in MENDED_SQLITE)
    if mended:
        return Examined("good", "sqlite", sqlite3.sqlite_version)
    return Examined(
        "note",
        "sqlite",
        f"{sqlite3.sqlite_version} has the WAL-reset bug; Wanglou serialises its writers, which avoids it. Open the files with no other program",
    )


def _open_files() -> Examined:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= MIN_FILES:
        return Examined("good", "open files", f"{soft} allowed")
    return Examined("bad", "open files", f"only {soft} allowed; raise it to {MIN_FILES} (ulimit -n, or LimitNOFILE= in the unit)")


def _folder(settings: Settings) -> Iterator[Examined]:
    folder = settings.data
    if not folder.exists():
        yield Examined("note", "data folder", f"{folder} is not there yet; the first start makes it")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Examined("bad", "data folder", f"{folder} cannot be written by this user")
    elif folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Examined("bad", "data folder", f"{folder} is open to other users; run chmod 700 {folder}")
    else:
        yield Examined("good", "data folder", str(folder.resolve()))


def _disk(settings: Settings) -> Iterator[Examined]:
    place = next(path for path in (settings.data, *settings.data.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    message = f"{free / 1024**3:.1f} GiB free"
    yield Examined("good", "disk", message) if free >= MIN_FREE_BYTES else Examined("bad", "disk", f"{message}; at least 2 GiB are wanted")


def _key(settings: Settings) -> Iterator[Examined]:
    from inventory.credentials import master_key

    named = os.environ.get("WANGLOU_MASTER_KEY") or os.environ.get("WANGLOU_MASTER_KEY_FILE")
    if not named and not (settings.data / "master.key").exists():
        yield Examined("note", "master key", "is made at the first start; back it up apart from the data")
        return
    master_key(settings.data)
    yield Examined("good", "master key", "can be read, by its owner only")


def _port(settings: Settings) -> Iterator[Examined]:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.settimeout(1)
        if probe.connect_ex((settings.host, settings.port)) == 0:
            yield Examined("note", "port", f"{settings.port} is in use (by Wanglou itself, if it runs)")
        else:
            yield Examined("good", "port", f"{settings.port} is free")


def _ping(_settings: Settings) -> Iterator[Examined]:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        yield Examined("good", "ping", "ICMP may be sent")
    except PermissionError:
        yield Examined("note", "ping", "ICMP may not be sent; grant CAP_NET_RAW (the systemd unit does) or use tcp checks")


def _store(settings: Settings) -> Iterator[Examined]:
    from store.open import open_for

    if not settings.data.exists() and settings.store.backend == "embedded":
        return
    try:
        store = open_for(settings, "console")
    except StoreLocked as err:
        yield Examined("note", "store", str(err))
        return
    try:
        health = store.health()
        yield Examined("good" if health.ok else "bad", "store", f"{health.backend}: {health.message}")
        broken = store.audit.verify()
        yield (
            Examined("good", "audit", "the chain is whole")
            if broken is None
            else Examined("bad", "audit", f"the chain is broken at entry {broken}; compare with the exported heads")
        )
    finally:
        store.close()


def _site(settings: Settings) -> Iterator[Examined]:
    from inventory.graph import dangling
    from inventory.sitefiles import read_site

    found = read_site(settings.site_folder)
    for problem in found.problems:
        yield Examined("bad", "site files", str(problem))
    for edge in dangling(found.assets):
        yield Examined("note", "site files", f"{edge.source} {edge.relation} {edge.target}: there is no such asset")
    if not found.problems:
        yield Examined("good", "site files", f"{len(found.assets)} assets, {len(found.people)} people in {settings.site_folder}")
    yield from _collectors(found.assets)
    yield from _audit_files(settings.site_folder)


def _collectors(assets: Iterable[Asset]) -> Iterator[Examined]:
    """Whether the collectors that assets name are there with what they need, and take their options."""
    from collectors import COLLECTORS
    from collectors.base import make
    from core.registry import resolve
    from core.secrets import NoSecrets

    for asset in assets:
        for name, options in asset.collect.items():
            try:
                own = {key: value for key, value in options.items() if key != "interval"}
                make(resolve(COLLECTORS, name, "collector"), own, NoSecrets(), where=f"{asset.id}.collect.{name}").close()
            except ConfigError as err:
                yield Examined("bad", "collectors", f"{asset.id}: {err}")


def _audit_files(folder: Path) -> Iterator[Examined]:
    """Protection objects and the calendar of reports."""
    from compliance.register import read_file
    from compliance.reports.schedule import read_schedule

    objects, wrong = read_file(folder)
    reports, also = read_schedule(folder)
    for problem in (*wrong, *also):
        yield Examined("bad", "graded protection", str(problem))
    if objects or reports:
        yield Examined("good", "graded protection", f"{len(objects)} protection objects, {len(reports)} reports by the calendar")
    if find_library("pango-1.0") is None:
        yield Examined("note", "graded protection", "no PDF reports: the Pango library is missing (Debian: libpango-1.0-0 libpangoft2-1.0-0)")
