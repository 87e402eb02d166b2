"""Which copies a backup holds: asked from restic, Borg or pgBackRest, or told by the files that a job leaves behind. Nothing is written.

Passwords of repositories stay on the server that makes the backups: a set names the file there that holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from collectors.servers.machine import Machine

Tool = Literal["restic", "borg", "pgbackrest", "files"]
MOST_FILES: Final = 1000
_WITHOUT_PLACE: Final = ("pgbackrest",)
"""pgBackRest knows its repositories by its own configuration; the place is a stanza, or empty for all."""


class BackupSet(BaseModel):
    """A backup job. ``place``: repository, pattern of files, or stanza; ``of``: the assets whose data it holds (none: the one it is read on).

    ``elsewhere`` names the other place where these copies lie; empty when they lie where the data do. ``every_h``: hours between two by the plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")
    tool: Tool
    place: str = Field(default="", pattern=r"^[^\s\x00-][^\n\r\t\x00]*$|^$")
    password_file: str = Field(default="", pattern=r"^/[\w./@+-]*$|^$")
    of: tuple[str, ...] = ()
    every_h: float = Field(default=24, gt=0, le=24 * 366)
    elsewhere: str = ""
    min_bytes: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _has_a_place(self) -> BackupSet:
        if not self.place and self.tool not in _WITHOUT_PLACE:
            raise ValueError(f"{self.tool} needs place: the repository, or the pattern of files")
        if self.tool == "files" and not self.place.startswith("/"):
            raise ValueError("place of files is a pattern that begins with /")
        return self


@dataclass(frozen=True, slots=True)
class Copy:
    """When a copy was whole, and how large it is (bytes; None when the tool does not say)."""

    time: datetime
    size: float | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """Every copy, oldest first; ``encrypted`` is None when nothing tells."""

    copies: tuple[Copy, ...]
    encrypted: bool | None = None


def read_copies(machine: Machine, job: BackupSet) -> Copies | None:
    """What the set holds now; None when that could not be read."""
    try:
        found = _READERS[job.tool](machine, job)
    except ValidationError:
        return None  # not what this tool prints
    return found and Copies(tuple(sorted(found.copies, key=lambda copy: copy.time)), found.encrypted)


class _Summary(BaseModel):
    total_bytes_processed: float | None = None


class _ResticCopy(BaseModel):
    time: AwareDatetime
    summary: _Summary = _Summary()


def _restic(machine: Machine, job: BackupSet) -> Copies | None:
    """Form: ``restic snapshots --json``; sizes since 0.17."""
    password = ("--password-file", job.password_file) if job.password_file else ()
    text = machine.run("restic", "-r", job.place, *password, "--no-lock", "--no-cache", "--json", "snapshots")
    if text is None:
        return None
    found = TypeAdapter(list[_ResticCopy] | None).validate_json(text) or []
    return Copies(tuple(Copy(one.time, one.summary.total_bytes_processed) for one in found), encrypted=True)  # restic knows no other


def _in_utc(time: datetime) -> datetime:
    """Borg prints local time without a zone; it is asked in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class _BorgCopy(BaseModel):
    time: Annotated[datetime, AfterValidator(_in_utc)]


class _BorgKey(BaseModel):
    mode: str


class _BorgList(BaseModel):
    archives: list[_BorgCopy]
    encryption: _BorgKey


_BORG: Final = ("TZ=UTC", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")


def _borg(machine: Machine, job: BackupSet) -> Copies | None:
    """Form: ``borg list --json`` of Borg 1.x."""
    password = (f"BORG_PASSCOMMAND=cat {job.password_file}",) if job.password_file else ()
    text = machine.run("env", *_BORG, *password, "borg", "list", "--bypass-lock", "--json", job.place)
    if text is None:
        return None
    found = _BorgList.model_validate_json(text)
    return Copies(tuple(Copy(one.time) for one in found.archives), encrypted=found.encryption.mode not in ("none", "authenticated", "authenticated-blake2"))


class _Span(BaseModel):
    stop: float


class _Sizes(BaseModel):
    size: float | None = None


class _PgCopy(BaseModel):
    timestamp: _Span
    info: _Sizes = _Sizes()
    error: bool | None = None


class _Stanza(BaseModel):
    name: str
    cipher: str = "none"
    backup: list[_PgCopy] = []


def _pgbackrest(machine: Machine, job: BackupSet) -> Copies | None:
    """Form: ``pgbackrest info --output=json``; a copy with damaged pages is none."""
    text = machine.run("pgbackrest", *((f"--stanza={job.place}",) if job.place else ()), "info", "--output=json")
    if text is None:
        return None
    found = TypeAdapter(list[_Stanza]).validate_json(text)
    good = (copy for stanza in found for copy in stanza.backup if not copy.error)
    return Copies(tuple(Copy(datetime.fromtimestamp(one.timestamp.stop, UTC), one.info.size) for one in good), all(one.cipher != "none" for one in found))


def _files(machine: Machine, job: BackupSet) -> Copies | None:
    """Files of ``min_bytes`` or more; a smaller one is a job that failed."""
    paths = machine.files(job.place)[-MOST_FILES:]
    if not paths:
        return Copies(())
    text = machine.run("stat", "-c", "%Y %s", "--", *paths)
    return None if text is None else Copies(tuple(copy for copy in _sized(text.splitlines()) if (copy.size or 0) >= job.min_bytes))


def _sized(lines: Iterable[str]) -> Iterable[Copy]:
    for line in lines:
        time, _, size = line.partition(" ")
        if time.isdecimal() and size.isdecimal():
            yield Copy(datetime.fromtimestamp(int(time), UTC), float(size))


_READERS: Final[Mapping[Tool, Callable[[Machine, BackupSet], Copies | None]]] = {"restic": _restic, "borg": _borg, "pgbackrest": _pgbackrest, "files": _files}
