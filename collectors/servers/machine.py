"""A Linux machine as the facts need it: files and commands. This file: the machine that we run on, or a tree of files."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

MAX_FILE: Final = 4 * 1024 * 1024
PIECE: Final = 64 * 1024
CUT: Final = "\n[truncated]\n"
COMMAND_S: Final = 20.0
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Status:
    """Mode (octal, four digits), owner and group of a file."""

    path: str
    mode: str
    owner: str
    group: str


class Cut(Exception):
    """A file is longer than what is read of one."""


class Machine(Protocol):
    """Where facts are read from."""

    def read(self, path: str) -> str | None:
        """The text of a file; None when it is absent or may not be read."""
        ...

    def files(self, pattern: str) -> list[str]:
        """Regular files that match a shell pattern, sorted."""
        ...

    def status(self, paths: Iterable[str]) -> list[Status]:
        """The status of those that exist."""
        ...

    def run(self, *arguments: str) -> str | None:
        """What a command prints; None when there is no such command or it fails."""
        ...

    def modified(self, path: str) -> float | None:
        """When a file was last changed, in seconds since 1970; None when it is absent."""
        ...


class LocalMachine:
    """This machine. With another ``root`` it is the tree of files there, and no command is run."""

    def __init__(self, root: str = "/") -> None:
        self._root = Path(root)
        self._is_live = self._root == Path("/")

    def read(self, path: str) -> str | None:
        """The text of a file of at most 4 MiB; of a longer one that much and ``CUT``."""
        try:
            place = self._inside(path)
            if not stat.S_ISREG(place.stat().st_mode):
                return None
            with place.open("rb", buffering=0) as file:
                # in pieces: /proc/sys refuses one large read
                pieces = iter(lambda: file.read(PIECE), b"")
                text = b"".join(islice(pieces, MAX_FILE // PIECE)).decode("utf-8", "replace")
                return text + CUT if file.read(1) else text
        except OSError:
            return None

    def files(self, pattern: str) -> list[str]:
        """Matching files, as paths seen from the root."""
        try:
            found = [place for place in self._root.glob(pattern.lstrip("/")) if place.is_file()]
        except OSError:
            return []
        return sorted("/" + str(place.relative_to(self._root)) for place in found)

    def status(self, paths: Iterable[str]) -> list[Status]:
        """Mode and owner of those that exist."""
        found: list[Status] = []
        for path in paths:
            try:
                info = self._inside(path).stat()
            except OSError:
                continue
            found.append(Status(path, f"{stat.S_IMODE(info.st_mode):04o}", _owner(info.st_uid), _group(info.st_gid)))
        return found

    def run(self, *arguments: str) -> str | None:
        """What the command prints, in the C locale, within 20 s."""
        program = shutil.which(arguments[0], path=ENVIRONMENT["PATH"]) if self._is_live else None
        if program is None:
            return None
        try:
            done = subprocess.run([program, *arguments[1:]], capture_output=True, timeout=COMMAND_S, check=False, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

    def modified(self, path: str) -> float | None:
        """The time of last change."""
        try:
            return self._inside(path).stat().st_mtime
        except OSError:
            return None

    def _inside(self, path: str) -> Path:
        place = self._root / path.lstrip("/")
        if not self._is_live and not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(self._root)):
            raise FileNotFoundError(path)  # a link out of the tree
        return place


@dataclass(frozen=True, slots=True)
class Whole:
    """``machine``, for whoever judges: reading a file that was cut raises ``Cut``."""

    machine: Machine

    def read(self, path: str) -> str | None:
        """The whole text of a file."""
        text = self.machine.read(path)
        if text is not None and text.endswith(CUT):
            raise Cut(path)
        return text

    def files(self, pattern: str) -> list[str]:
        """As the machine says."""
        return self.machine.files(pattern)

    def status(self, paths: Iterable[str]) -> list[Status]:
        """As the machine says."""
        return self.machine.status(paths)

    def run(self, *arguments: str) -> str | None:
        """As the machine says."""
        return self.machine.run(*arguments)

    def modified(self, path: str) -> float | None:
        """As the machine says."""
        return self.machine.modified(path)


def _owner(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
