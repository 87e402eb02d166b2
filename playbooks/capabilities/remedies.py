"""Remedies of checks of Linux hosts: settings written as a marked block into their file, and taken out again as they came.

A file is never edited in place: the new text is written beside it, tried (``sshd -t``), given mode and owner of the old one, and moved over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import BadReply
from core.files import build, read_yaml
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, fact, run, shown
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.form import Both
from playbooks.words import Path

TABLE: Final = FilePath(__file__).with_name("remedies.yaml")
SSHD: Final = "/etc/ssh/sshd_config"
LONGEST: Final = 1_000_000


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Row):
    """A block in one file."""

    file: Path
    lines: tuple[str, ...] = Field(min_length=1)
    place: Literal["top", "bottom"] = "bottom"
    create: bool = False


class Remedy(_Row):
    """One row of the table."""

    title: Both
    parts: tuple[Part, ...] = Field(min_length=1)
    then: tuple[tuple[str, ...], ...] = ()
    locks_out: str = ""


@lru_cache(maxsize=1)
def remedies() -> Mapping[str, Remedy]:
    """The table, by the id of the check."""
    document = read_yaml(TABLE)
    return {name: build(document, Remedy, (name,)) for name in document.data}


def _known(name: str) -> str:
    if name not in remedies():
        raise ValueError(f"there is a remedy for: {', '.join(sorted(remedies()))}")
    return name


class RemedyOptions(Options):
    """Of which check."""

    check: Annotated[str, AfterValidator(_known)]


def with_block(text: str, part: Part, check: str) -> str:
    """``text`` with the block, once, at its place. Pure."""
    plain = without_block(text, check)
    block = "\n".join((f"# begin wanglou {check}", *part.lines, f"# end wanglou {check}")) + "\n"
    if part.place == "top":
        return block + plain
    return plain + ("" if plain.endswith("\n") or not plain else "\n") + block


def without_block(text: str, check: str) -> str:
    """``text`` without the block; everything else stays to the letter. Pure."""
    begin, end = f"# begin wanglou {check}\n", f"# end wanglou {check}\n"
    while begin in text and end in text.split(begin, 1)[1]:
        before, rest = text.split(begin, 1)
        text = before + rest.split(end, 1)[1]
    return text


class RemedyApply:
    """Writes the settings; undo takes them out."""

    name: ClassVar[str] = "remedy.apply"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = RemedyOptions

    def plan(self, options: RemedyOptions, target: Asset | None) -> Act:
        """The lines of each file, and what is run then."""
        remedy = remedies()[options.check]
        commands: list[str] = []
        for part in remedy.parts:
            commands.append(f"write to {part.file} ({part.place}): {'; '.join(part.lines)}")
            commands += shown(target, *_moves(part.file, exists=True))
        commands += shown(target, *_then(remedy, target))
        inverse = [f"take the block of {options.check} out of {part.file}" for part in remedy.parts] + list(shown(target, *_then(remedy, target)))
        return Act(commands=tuple(commands), inverse=tuple(inverse))

    def verify(self, options: RemedyOptions, target: Asset | None, reach: Reach) -> State:
        """Whether every file holds its block where it counts."""
        missing = []
        for part in remedies()[options.check].parts:
            text, _exists = _read(part.file, target, reach)
            if text != with_block(text, part, options.check):
                missing.append(part.file)
        return State(holds=not missing, said=f"not yet in {', '.join(missing)}" if missing else "the settings are there")

    def do(self, options: RemedyOptions, target: Asset | None, reach: Reach) -> Answer:
        """Write what is missing; raises BadReply when this very login would be shut out."""
        remedy = remedies()[options.check]
        if remedy.locks_out and reach.shell(asset_of(target)).run(["id", "-un"]).out.strip() == remedy.locks_out:
            text = f"this login is {remedy.locks_out} and would shut itself out; give the asset a credential of another account, with the fact act_sudo"
            raise BadReply(asset_of(target).id, text)
        for part in remedy.parts:
            text, exists = _read(part.file, target, reach)
            if not exists and not part.create:
                raise BadReply(asset_of(target).id, f"{part.file} is not there; is this the right kind of machine?")
            _write(part.file, with_block(text, part, options.check), target, reach, exists=exists)
        self._finish(remedy, target, reach)
        return Answer(said="\n".join(f"{part.file}: {'; '.join(part.lines)}" for part in remedy.parts))

    def undo(self, options: RemedyOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - the block says what to take out
        """Take the blocks out; a file that held nothing else goes."""
        remedy = remedies()[options.check]
        for part in remedy.parts:
            text, exists = _read(part.file, target, reach)
            plain = without_block(text, options.check)
            if plain == text:
                continue
            if plain:
                _write(part.file, plain, target, reach, exists=exists)
            else:
                run(reach, target, ["rm", "-f", "--", part.file])
        self._finish(remedy, target, reach)
        return Answer(said=f"the settings of {options.check} are taken out")

    @staticmethod
    def _finish(remedy: Remedy, target: Asset | None, reach: Reach) -> None:
        for command in _then(remedy, target):
            if command[0] == "sysctl" and run(reach, target, ["test", "-e", command[-1]], fine=(0, 1)).status:
                continue  # its file was taken away: the values stay until the next start
            run(reach, target, command)


def _then(remedy: Remedy, target: Asset | None) -> list[list[str]]:
    found = [list(command) for command in remedy.then]
    if any(part.file == SSHD for part in remedy.parts):
        service = fact(target, "sshd_service", "sshd")
        found.append(["service", service, "reload"] if fact(target, "init", "systemd") == "sysv" else ["systemctl", "reload", "--", service])
    return found


def _new(file: str) -> str:
    return f"{file}.wanglou-new"


def _moves(file: str, *, exists: bool) -> list[list[str]]:
    """Try the new file, make it look like the old one, put it in its place."""
    new = _new(file)
    looks = [["chmod", f"--reference={file}", "--", new], ["chown", f"--reference={file}", "--", new]] if exists else [["chmod", "0644", "--", new]]
    tried = [["/usr/sbin/sshd", "-t", "-f", new]] if file == SSHD else []  # it wants to be called by its whole path
    return [*tried, *looks, ["mv", "-f", "--", new, file]]


def _read(file: str, target: Asset | None, reach: Reach) -> tuple[str, bool]:
    if run(reach, target, ["test", "-e", file], fine=(0, 1)).status:
        return "", False
    text = run(reach, target, ["cat", "--", file]).out
    if len(text) > LONGEST:
        raise BadReply(asset_of(target).id, f"{file} is longer than any settings file")
    return text, True


def _write(file: str, text: str, target: Asset | None, reach: Reach, *, exists: bool) -> None:
    new = _new(file)
    run(reach, target, ["tee", "--", new], stdin=text)
    try:
        for command in _moves(file, exists=exists):
            run(reach, target, command)
    except BadReply:
        run(reach, target, ["rm", "-f", "--", new])
        raise
