"""Looking at a Linux machine: commands from a list that is shipped, whole outputs as evidence, the room on a file system. Nothing is changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.errors import BadReply
from core.files import build, read_yaml
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, run, shown, vector
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Path, Word

TABLE: Final = FilePath(__file__).with_name("commands.yaml")
PARTS: Final = ("path", "name", "count")
EVIDENCE: Final = ("kernel", "load", "users", "logins", "processes", "sockets", "addresses", "routes", "neighbours", "mounts", "modules", "packet-filter")
MOST: Final = 200_000


class Command(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: tuple[str, ...] = Field(min_length=1)
    zh: str
    en: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The parts that it takes."""
        return tuple(part for part in PARTS if f"{{{part}}}" in self.run)


@lru_cache(maxsize=1)
def commands() -> Mapping[str, Command]:
    """The table."""
    document = read_yaml(TABLE)
    return {name: build(document, Command, (name,)) for name in document.data}


def _known(name: str) -> str:
    if name not in commands():
        raise ValueError(f"is none of the commands that may be run: {', '.join(sorted(commands()))}")
    return name


class CommandOptions(Options):
    """Which command, and the parts that it takes."""

    command: Annotated[str, AfterValidator(_known)]
    path: Path | Literal[""] = ""
    name: Word | Literal[""] = ""
    count: int = Field(default=50, ge=1, le=5000)

    @model_validator(mode="after")
    def _complete(self) -> CommandOptions:
        for part in commands()[self.command].needs:
            if not getattr(self, part):
                raise ValueError(f"the command {self.command} needs {part}")
        return self

    def vector(self) -> list[str]:
        """The argument vector: parts stand for whole arguments."""
        parts = {f"{{{part}}}": str(getattr(self, part)) for part in PARTS}
        return [parts.get(argument, argument) for argument in commands()[self.command].run]


class Reading:
    """What all that only look have in common."""

    danger: ClassVar[Danger] = Danger.READ
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False

    def verify(self, options: Any, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002 - nothing to look at twice
        """Reading has no wanted state."""
        return State(holds=None)

    def undo(self, options: Any, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Nothing was changed."""
        return Answer()


class SshCommand(Reading):
    """One command of the list."""

    name: ClassVar[str] = "ssh.command"
    Options: ClassVar = CommandOptions

    def plan(self, options: CommandOptions, target: Asset | None) -> Act:
        """The command."""
        return Act(commands=shown(target, options.vector()))

    def do(self, options: CommandOptions, target: Asset | None, reach: Reach) -> Answer:
        """What it prints; a status other than 0 is told, not an error (``systemctl status`` of what is stopped ends with 3)."""
        ran = reach.shell(asset_of(target)).run(vector(target, options.vector()), timeout_s=reach.timeout_s)
        said = ran.out[:MOST] or ran.err[:MOST]
        if ran.status == 127:
            raise BadReply(asset_of(target).id, f"{options.vector()[0]} is not there: {ran.err.strip()[:200]}")
        return Answer(said=said, values={"status": ran.status, "lines": len(said.splitlines())})


class EvidenceOptions(Options):
    """Which commands; parts are not taken."""

    commands: tuple[Annotated[str, AfterValidator(_known)], ...] = EVIDENCE


class EvidenceCollect(Reading):
    """A forensic snapshot: the outputs of many commands one after the other, with a digest. What a machine lacks is said and left out."""

    name: ClassVar[str] = "evidence.collect"
    Options: ClassVar = EvidenceOptions

    def plan(self, options: EvidenceOptions, target: Asset | None) -> Act:
        """All of them."""
        return Act(commands=shown(target, *(self._vector(name) for name in options.commands)))

    def do(self, options: EvidenceOptions, target: Asset | None, reach: Reach) -> Answer:
        """The most fleeting first, as listed."""
        shell, pieces, missing = reach.shell(asset_of(target)), [], []
        for name in options.commands:
            ran = shell.run(vector(target, self._vector(name)), timeout_s=reach.timeout_s)
            if ran.status == 127:
                missing.append(name)
                continue
            pieces.append(f"==> {name} <==\n{ran.out[:MOST] or ran.err[:MOST]}")
        said = "\n".join(pieces)
        if not pieces:
            raise BadReply(asset_of(target).id, "none of the commands is there")
        return Answer(said=said, values={"sha256": hashlib.sha256(said.encode("utf-8", "replace")).hexdigest(), "parts": len(pieces), "missing": missing})

    @staticmethod
    def _vector(name: str) -> list[str]:
        return ["50" if argument == "{count}" else argument for argument in commands()[name].run]


class RoomOptions(Options):
    """Which file system: that of a path."""

    path: Path | Literal["/"] = "/"


class DiskRoom(Reading):
    """How full the file system of a path is: ``percent`` and ``free_mb``."""

    name: ClassVar[str] = "disk.room"
    Options: ClassVar = RoomOptions

    def plan(self, options: RoomOptions, target: Asset | None) -> Act:
        """``df``."""
        return Act(commands=shown(target, self._vector(options)))

    def do(self, options: RoomOptions, target: Asset | None, reach: Reach) -> Answer:
        """Read the second line of ``df``."""
        ran = run(reach, target, self._vector(options))
        words = ran.out.splitlines()[-1].split() if ran.out.strip() else []
        if len(words) < 6 or not words[3].isdigit() or not words[4].rstrip("%").isdigit():
            raise BadReply(asset_of(target).id, f"df said something else: {ran.out[:200]}")
        return Answer(said=ran.out, values={"percent": int(words[4].rstrip("%")), "free_mb": int(words[3])})

    @staticmethod
    def _vector(options: RoomOptions) -> list[str]:
        return ["df", "-Pm", "--", options.path]
