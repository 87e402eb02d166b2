"""Backup jobs of a server: the age, number and size of their copies, whatever makes them, here or over SSH.

Try it: ``collect: {backups: {local: true, sets: [{name: db, tool: files, place: "/srv/dump/*.gz"}]}}``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import ClassVar, Final

from pydantic import Field, field_validator, model_validator

from collectors.servers.changes import Changes
from collectors.servers.copies import BackupSet, Copies, Copy, read_copies
from collectors.servers.facts import Fact, Readings
from collectors.servers.machine import LocalMachine, Machine
from collectors.servers.remote import HARMLESS, RemoteMachine
from collectors.servers.sshlink import Line, LinkOptions
from core.records import Record, Sample, ended
from core.secrets import Secrets
from inventory.asset import Asset

KIND: Final = "backups"
AHEAD: Final = timedelta(hours=1)
"""A copy from further in the future is of a wrong clock and would hide that none was made since."""
COMPARED: Final = 7
POLLS: Final = 3


class BackupsOptions(LinkOptions):
    """The sets, and how the server is reached that makes them; ``local``: this machine. ``sudo``: read as root by ``sudo -n sh``."""

    sets: tuple[BackupSet, ...] = Field(min_length=1)
    local: bool = False
    sudo: bool = False
    timeout_s: float = Field(default=30, gt=0, le=60)

    @field_validator("sets")
    @classmethod
    def _by_name(cls, sets: tuple[BackupSet, ...]) -> tuple[BackupSet, ...]:
        if twice := {one.name for one in sets if sum(other.name == one.name for other in sets) > 1}:
            raise ValueError(f"two sets are called {', '.join(sorted(twice))}")
        return sets

    @model_validator(mode="after")
    def _for_a_shell(self) -> BackupsOptions:
        """Over SSH a pattern is read by a shell: it may hold nothing else that means something there."""
        if not self.local and (odd := [one.name for one in self.sets if one.tool == "files" and not HARMLESS.fullmatch(one.place)]):
            raise ValueError(f"over SSH the pattern of files of {odd[0]} is of letters, digits and _ . / * ? [ ] @ : + - only")
        return self


class BackupsCollector:
    """The backup jobs of one server."""

    Options: ClassVar = BackupsOptions
    default_interval_s: ClassVar[float] = 600.0

    def __init__(self, options: BackupsOptions, secrets: Secrets) -> None:
        self._options, self._line, self._changes = options, Line("ssh", options, secrets), Changes()
        self._readings: Readings[str] = Readings([Fact(KIND, str, is_setting=False)])
        self._remote = RemoteMachine(self._shell)
        self._machine: Machine = LocalMachine() if options.local else self._remote
        self.deadline_s = options.timeout_s * (POLLS + 1) + 20 * len(options.sets)

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Figures of each set, and the table of them; raises Unreachable, AuthRefused or HostKeyChanged. A set that cannot be read is said, the others hold."""
        if not self._options.local:
            self._line.aim(asset)
            self._remote.prepare(lambda: _touch(self._remote, self._options.sets))
        found = {job: held(read_copies(self._machine, job), now) for job in self._options.sets}
        for job, copies in found.items():
            for metric, value in figures(job, copies, now):
                yield Sample(time=now, asset=asset.id, metric=metric, value=value, labels={"set": job.name})
        body = ended("".join(row(job, copies, asset.id) for job, copies in found.items()))
        yield from self._changes.facts(asset.id, now, time.monotonic(), self._readings, body)

    def anew(self) -> None:
        """Read and send the list of copies with the next poll."""
        self._readings.anew()

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _shell(self, script: str) -> bytes:
        return self._line.run("sudo -n sh" if self._options.sudo else "sh", script, POLLS)


def _touch(machine: Machine, sets: Iterable[BackupSet]) -> None:
    for job in sets:
        read_copies(machine, job)


def held(found: Copies | None, now: datetime) -> Copies | None:
    """Without copies from the future."""
    return found and Copies(tuple(copy for copy in found.copies if copy.time <= now + AHEAD), found.encrypted)


def figures(job: BackupSet, found: Copies | None, now: datetime) -> Iterator[tuple[str, float]]:
    """Whether the set could be read; how many copies; age of the newest in seconds and in planned intervals; its size, and over what is usual."""
    yield "backup.readable", float(found is not None)
    if found is None:
        return
    yield "backup.copies", float(len(found.copies))
    if not found.copies:
        return
    age = max(0.0, (now - found.copies[-1].time).total_seconds())
    yield "backup.age", age
    yield "backup.lateness", age / (job.every_h * 3600)
    yield from _sizes(found.copies)


def _sizes(copies: tuple[Copy, ...]) -> Iterator[tuple[str, float]]:
    newest, before = copies[-1].size, [copy.size for copy in copies[-1 - COMPARED : -1] if copy.size]
    if newest is not None:
        yield "backup.size", newest
        if len(before) >= 3:
            yield "backup.size.ratio", newest / median(before)


def row(job: BackupSet, found: Copies | None, asset: str) -> str:
    """A line of the text: set, tool, whose data, hours by the plan, other place, read, newest copy, number of copies, encrypted."""
    newest = found.copies[-1].time.isoformat(timespec="seconds") if found and found.copies else ""
    encrypted = {True: "yes", False: "no", None: "unknown"}[found.encrypted if found else None]
    elsewhere = " ".join(job.elsewhere.split())
    of = " ".join(job.of) or asset
    cells = (job.name, job.tool, of, f"{job.every_h:g}", elsewhere, "yes" if found else "no", newest, str(len(found.copies)) if found else "", encrypted)
    return "\t".join(cells) + "\n"
