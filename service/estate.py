"""Keeping the running service in step with the estate: the site's files and the changes made in the console."""

from __future__ import annotations

import platform
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from compliance.objects import ProtectionObject
from compliance.register import marked, read_register
from core.errors import ConfigError
from core.names import CHANGE
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from inventory.people import Person
from inventory.sitefiles import read_site
from service.pulse import SELF
from store.base import Store

log = structlog.get_logger("estate")
Stamp = tuple[tuple[str, int, int], ...]


def this_machine() -> str:
    """The id of the machine that Wanglou runs on: its host name, reduced to letters, digits, dot and dash."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()).strip("-.") or "this-machine"


def first_assets(machine: str) -> Mapping[str, Mapping[str, Any]]:
    """What a new installation watches before anybody configured it: this machine, and itself."""
    return {
        machine: {"name": machine, "kind": "server", "address": "127.0.0.1", "version": platform.platform(), "importance": "high", "collect": {"host": {}}},
        SELF: {"name": "望楼 Wanglou", "kind": "software", "importance": "high", "runs_on": [machine]},
    }


@dataclass
class Estate:
    """The assets in force. ``refresh`` is called every few seconds and calls ``on_change`` when they differ."""

    settings: Settings
    store: Store
    on_change: Callable[[list[Asset], tuple[Person, ...]], None]
    problems: tuple[ConfigError, ...] = ()
    people: tuple[Person, ...] = ()
    _stamp: Stamp = field(default=(("never", 0, 0),))
    _newest_change: str = "never"

    def plant(self, now: datetime) -> None:
        """Put the first assets in, unless they are there (or a person removed them: then they were there once)."""
        book = Book(self.store)
        machine = this_machine()
        if any(change.asset == SELF for change in book.changes(SELF, limit=1)):
            return
        for name, values in first_assets(machine).items():
            book.save(name, values, source="observed", who=SELF, now=now, why="first start")

    def again(self) -> None:
        """Call ``on_change`` at the next refresh although nothing of ours changed."""
        self._newest_change = "again"

    def refresh(self, now: datetime) -> bool:
        """Take in what changed in the site folder and in the console; True when something did."""
        stamp = folder_stamp(self.settings.site_folder)
        if stamp != self._stamp:
            self._read_site(now)
            self._stamp = stamp
        newest = self._newest()
        if newest == self._newest_change:
            return False
        self._newest_change = newest
        self.on_change(marked(self._labelled(), Book(self.store).all()), self.people)
        return True

    def _labelled(self) -> list[ProtectionObject]:
        """Protection objects with a marking."""
        return [one for one in read_register(self.store, self.settings.site_folder).objects.values() if one.label]

    def _read_site(self, now: datetime) -> None:
        found = read_site(self.settings.site_folder)
        for problem in found.problems:
            log.error("site file", problem=str(problem))
        self.problems, self.people = found.problems, found.people
        changes = Book(self.store).sync_site(found.assets, now)
        self._newest_change = "site"  # rules and receivers may have changed although no asset did
        log.info("site files read", assets=len(found.assets), changed=len(changes), problems=len(found.problems))

    def _newest(self) -> str:
        page = self.store.documents.find(CHANGE, sort="-time", limit=1)
        labelled = "".join(one.model_dump_json() for one in self._labelled())
        return (page.items[0].id if page.items else "") + labelled


def folder_stamp(folder: Path) -> Stamp:
    """Name, size and change time of every YAML file below ``folder``; differs when a file was touched."""
    found = []
    for path in sorted(folder.rglob("*.yaml")) if folder.is_dir() else ():
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
