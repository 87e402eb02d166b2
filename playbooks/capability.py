"""What a capability is: the only way by which a playbook touches anything. One class, one file, one line in the registry.

The engine calls in this order: ``plan`` (pure, when a person looks), then for each target ``verify`` (does the wanted state hold already? what was
before?), ``do``, ``verify`` again; later perhaps ``undo``. After a crash it calls ``verify`` to learn what became of a ``do`` that was under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from core.secrets import Secrets
from inventory.asset import Asset


class Danger(StrEnum):
    """What a capability may do to its target: look, change something that can be put back, or stop or lose something."""

    READ = "read"
    CHANGE = "change"
    DANGER = "danger"

    @property
    def rank(self) -> int:
        """0 is harmless."""
        return list(Danger).index(self)


class Options(BaseModel):
    """The typed inputs of a capability: frozen, unknown keys refused. Texts that become arguments use the types of ``playbooks.words``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Exactly what ``do`` sends, and what ``undo`` sends (empty: cannot be undone), one text a command or request.

    What only ``verify`` can tell (the VLAN of before) stands in ``inverse`` as ``<before: vlan>``. No secrets.
    """

    commands: tuple[str, ...]
    inverse: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Whether what ``do`` wants holds now (None: cannot be told), in words, and what ``undo`` must know (JSON values)."""

    holds: bool | None
    said: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the target said (any length; the engine redacts and caps it) and values for later steps (JSON values)."""

    said: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one command printed and how it ended."""

    status: int
    out: str
    err: str = ""


class Shell(Protocol):
    """A login on one asset, its host key checked, with the credential that the asset names for ``act`` (else ``ssh``)."""

    def run(self, arguments: Sequence[str], *, stdin: str = "", timeout_s: float = 30.0) -> Ran:
        """Run an argument vector (quoted by the engine, never a shell text); raises DeviceError, also when time is over."""
        ...


class Terminal(Protocol):
    """The command line of one network device, its host key checked, with the credential that the asset names for ``act`` (else ``cli``)."""

    def show(self, command: str) -> str:
        """What the device prints; raises BadReply when it does not take the command, DeviceError."""
        ...

    def configure(self, lines: Sequence[str]) -> str:
        """Enter lines in configuration mode and leave it; raises BadReply at the first line that is refused, DeviceError."""
        ...


class Agent(Protocol):
    """The SNMP agent of one asset, with the credential that the asset names for ``act`` (else ``snmp_write``)."""

    def get(self, oid: str) -> int | str | None:
        """One instance, texts decoded; None when the agent has none. Raises DeviceError."""
        ...

    def set(self, oid: str, value: int | str) -> None:
        """Write one instance; raises BadReply with the agent's reason, DeviceError."""
        ...


class Reach(Protocol):
    """How an act gets out. Made by the service for one act and closed after it."""

    @property
    def secrets(self) -> Secrets:
        """Credentials by name; what is taken here is blanked in everything that is kept of the act."""
        ...

    @property
    def timeout_s(self) -> float:
        """Seconds that are left for this act; every call out must end within them."""
        ...

    def shell(self, asset: Asset) -> Shell:
        """A login on the asset; raises DeviceError (HostKeyChanged before anything is sent) or ConfigError."""
        ...

    def terminal(self, asset: Asset) -> Terminal:
        """The command line of a network device, by the platform of its collector ``cli``; raises DeviceError or ConfigError."""
        ...

    def agent(self, asset: Asset) -> Agent:
        """The SNMP agent of the asset, by port and version of its collector ``snmp``; raises DeviceError or ConfigError."""
        ...

    def play(self, asset: Asset, file: str, sha256: str, variables: Mapping[str, Any], *, check: bool) -> Ran:
        """Run a file of the site's folder ``ansible/`` on the asset (``check``: change nothing); raises Unreachable when time is over, ConfigError."""
        ...


class Capability(Protocol):
    """One thing that can be done. Instances have no state: the engine makes one without arguments.

    ``targeted``: acts on an asset (else ``target`` is None). ``idempotent``: doing it twice is the same as once; when False and ``verify`` cannot
    tell, an act that was cut off is put before a person. ``verifiable``: ``verify`` answers True or False. ``undoable``: ``plan`` gives an inverse.
    All methods but ``plan`` raise DeviceError when the target cannot be reached or refuses.
    """

    name: ClassVar[str]
    danger: ClassVar[Danger]
    targeted: ClassVar[bool]
    idempotent: ClassVar[bool]
    verifiable: ClassVar[bool]
    undoable: ClassVar[bool]
    Options: ClassVar[type[Any]]  # a subclass of Options above

    def plan(self, options: Any, target: Asset | None) -> Act:
        """Pure: the same commands that ``do`` sends. Raises ConfigError when the asset does not say how (no host, no platform)."""
        ...

    def verify(self, options: Any, target: Asset | None, reach: Reach) -> State:
        """Look, change nothing. A capability that only reads returns State(holds=None) without looking."""
        ...

    def do(self, options: Any, target: Asset | None, reach: Reach) -> Answer:
        """Do it."""
        ...

    def undo(self, options: Any, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """Put it back as ``before`` (from ``verify`` ahead of ``do``) says; must be harmless when it is back already."""
        ...
