"""Room on a disk: old files of a kind in folders that are meant for them, and logs turned over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from inventory.asset import Asset
from playbooks.capabilities.remote import run, shown
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Path, Word, whole

FOLDERS: Final = ("/var/log", "/var/tmp", "/tmp", "/var/cache", "/var/crash", "/var/spool", "/srv", "/opt", "/data", "/home", "/backup")  # noqa: S108 - names, not used here
UNTOUCHED: Final = ("/var/spool/cron", "/var/log/audit", "/var/log/journal", "/home")


def _allowed(path: str) -> str:
    """Below a folder that holds such files (logs of the audit, crontabs and whole homes are left alone)."""
    if not any(path.startswith(f"{folder}/") or (path == folder and folder in FOLDERS[:5]) for folder in FOLDERS):
        raise ValueError(f"is not below {', '.join(FOLDERS)}")
    if any(path == folder or (folder != "/home" and path.startswith(f"{folder}/")) for folder in UNTOUCHED):
        raise ValueError("is a folder that is never cleaned")
    return path


Folder = Annotated[Path, AfterValidator(_allowed)]
Pattern = Annotated[
    str,
    AfterValidator(whole(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*)?\*?[A-Za-z0-9._-]*\.[A-Za-z0-9]{1,10}(?:\.\*)?", "file name pattern such as *.log.gz or core.*")),
]


class CleanOptions(Options):
    """Files of ``pattern`` (``*.gz``) in ``folder`` and below, on the same file system, not touched for ``days``."""

    folder: Folder
    pattern: Pattern
    days: int = Field(default=14, ge=1, le=3650)

    def find(self, *actions: str) -> list[str]:
        """The vector of ``find``; links are never followed."""
        return ["find", "-P", self.folder, "-xdev", "-type", "f", "-name", self.pattern, "-mtime", f"+{self.days - 1}", *actions]


class FilesClean:
    """Deletes; what is deleted is listed first and cannot be brought back."""

    name: ClassVar[str] = "files.clean"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = False
    Options: ClassVar = CleanOptions

    def plan(self, options: CleanOptions, target: Asset | None) -> Act:
        """List, then delete."""
        return Act(commands=shown(target, options.find("-printf", r"%s %p\n"), options.find("-delete")))

    def verify(self, options: CleanOptions, target: Asset | None, reach: Reach) -> State:
        """Whether none is left."""
        files, size = self._list(options, target, reach)
        return State(holds=not files, said=f"{len(files)} files, {size:,} bytes", before={"files": len(files), "bytes": size})

    def do(self, options: CleanOptions, target: Asset | None, reach: Reach) -> Answer:
        """Delete, with the list of what there was."""
        files, size = self._list(options, target, reach)
        run(reach, target, options.find("-delete"))
        return Answer(said="\n".join(files), values={"files": len(files), "bytes": size})

    def undo(self, options: CleanOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Deleted is deleted."""
        return Answer()

    @staticmethod
    def _list(options: CleanOptions, target: Asset | None, reach: Reach) -> tuple[list[str], int]:
        lines = run(reach, target, options.find("-printf", r"%s %p\n")).out.splitlines()
        sizes = [int(found[1]) for line in lines if (found := re.match(r"(\d+) /", line))]
        return lines, sum(sizes)


class RotateOptions(Options):
    """The name of a file in /etc/logrotate.d."""

    config: Word


class LogsRotate:
    """Turns logs over now, by the machine's own rules for them."""

    name: ClassVar[str] = "logs.rotate"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = RotateOptions

    def plan(self, options: RotateOptions, target: Asset | None) -> Act:
        """``logrotate`` by force."""
        return Act(commands=shown(target, self._vector(options)))

    def verify(self, options: RotateOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Nobody can tell one turn from the next."""
        return State(holds=None)

    def do(self, options: RotateOptions, target: Asset | None, reach: Reach) -> Answer:
        """Turn over."""
        ran = run(reach, target, self._vector(options))
        return Answer(said=ran.err or ran.out)  # logrotate tells on its error stream

    def undo(self, options: RotateOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Old logs are beside the new ones."""
        return Answer()

    @staticmethod
    def _vector(options: RotateOptions) -> list[str]:
        return ["logrotate", "--verbose", "--force", f"/etc/logrotate.d/{options.config}"]
