"""What a collector is: a class that reads one kind of source of one asset and yields records.

It never returns a failure as a value: it raises a DeviceError and the runner records what that means.
An instance belongs to one asset and keeps what rates need (the counters of the poll before); the runner
never calls one instance twice at the same time. Instances are made again when their options change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError
from core.records import Record
from core.secrets import Secret, Secrets
from inventory.asset import Asset


class Options(BaseModel):
    """Options of a collector: frozen, unknown keys refused. Secrets stand here by the name of their credential only."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Collector(Protocol):
    """One asset's reader. ``deadline_s`` bounds a whole ``collect``; ``default_interval_s`` is the usual pause between two."""

    Options: ClassVar[type[BaseModel]]
    default_interval_s: ClassVar[float]

    @property
    def deadline_s(self) -> float:
        """Seconds that a whole ``collect`` may take; an attribute will do."""
        ...

    def __init__(self, options: Any, secrets: Secrets) -> None:
        """``options`` is an instance of this class's ``Options``; opens nothing yet."""
        ...

    def collect(self, asset: Asset, now: datetime) -> Iterable[Record]:
        """Everything read at ``now``; raises DeviceError when the asset cannot be read."""
        ...

    def close(self) -> None:
        """Let go of connections; ``collect`` may be called again afterwards."""
        ...


@runtime_checkable
class Rereads(Protocol):
    """A collector that reads some texts seldom, or sends them only when they changed, and can be told to do without that once."""

    def anew(self) -> None:
        """Read and send everything at the next ``collect``: something may have been mended, and what says so must be newer than that."""
        ...


def make(collector: type[Collector], options: Mapping[str, Any], secrets: Secrets, where: str = "") -> Collector:
    """An instance with checked options; raises ConfigError that names the key (``where`` is put before it)."""
    try:
        checked = collector.Options.model_validate(dict(options))
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        key = ".".join(part for part in (where, *map(str, first["loc"])) if part)
        message = "unknown option" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(message, key=key) from None
    return collector(checked, secrets)


def credential(asset: Asset, use: str, option: str, secrets: Secrets) -> Secret:
    """The credential that ``option`` names, else the one that the asset names for ``use``; an empty one when neither does."""
    name = option or asset.credentials.get(use, "")
    return secrets.get(name) if name else Secret()
