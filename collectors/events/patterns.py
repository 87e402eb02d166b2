"""What a log line means, by the table ``patterns.yaml``: kind of event and ECS fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, field_validator

from core.files import Document, build, read_yaml

MAX_TEXT: Final = 1024  # of a message; what a pattern looks for stands at its beginning
FIELDS: Final = {
    "user": "user.name",
    "target": "user.target.name",
    "group": "group.name",
    "ip": "source.ip",
    "port": "source.port",
    "command": "process.command_line",
    "interface": "network.interface",
    "method": "event.method",
    "peer": "network.peer.address",
    "part": "hw.sensor",
    "mac": "source.mac",
    "ap": "wireless.access_point",
    "device": "client.name",
}
OUTCOMES: Final = {"login_failed": "failure", "invalid_user": "failure", "sudo_refused": "failure", "login_ok": "success"}
AUTHENTICATION: Final = frozenset(("login_failed", "invalid_user", "login_ok", "sudo", "sudo_refused", "su", "session_opened", "session_closed"))


class Pattern(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    program: tuple[str, ...]
    pattern: re.Pattern[str]
    example: str
    event: str = ""

    @field_validator("program", mode="before")
    @classmethod
    def _as_tuple(cls, given: Any) -> Any:
        return tuple(given) if isinstance(given, list) else given


Table = Mapping[str, tuple[Pattern, ...]]


def read_table(path: Path) -> list[Pattern]:
    """Every row; raises ConfigError with file and line."""
    document: Document = read_yaml(path)
    return [build(document, Pattern, (number,)) for number in range(len(document.data or ()))]


def by_program(rows: list[Pattern]) -> Table:
    """The rows that each program may write."""
    return {name: tuple(row for row in rows if name in row.program) for row in rows for name in row.program}


@lru_cache(maxsize=1)
def table() -> Table:
    """The shipped table."""
    return by_program(read_table(Path(str(files("collectors.events") / "patterns.yaml"))))


def meaning(program: str, text: str, known: Table) -> tuple[str, dict[str, Any]]:
    """(kind, fields) of a line; ("log", {}) when no row fits."""
    name = program.rsplit("/", 1)[-1]
    for row in known.get(name, ()):
        if found := row.pattern.search(text[:MAX_TEXT]):
            fields = details(row.kind, found.groupdict())
            return row.kind, fields | {"event.action": row.event} if row.event else fields
    return "log", {}


def details(kind: str, found: Mapping[str, str | None]) -> dict[str, Any]:
    """The ECS fields of what a pattern's groups hold, and of the kind itself."""
    fields: dict[str, Any] = {FIELDS[name]: value for name, value in found.items() if value}
    if "source.port" in fields:
        fields["source.port"] = int(fields["source.port"])
    if outcome := OUTCOMES.get(kind):
        fields["event.outcome"] = outcome
    if kind in AUTHENTICATION:
        fields["event.category"] = "authentication"
    if mac := str(fields.get("source.mac", "")):
        fields["source.mac"] = ":".join(re.findall("..", re.sub("[^0-9a-f]", "", mac.lower())))
    return checked(fields)


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` with what is no address out of the places for addresses."""
    for name in ("source", "destination"):
        if (text := fields.get(f"{name}.ip")) is not None and not _is_address(text):
            fields[f"{name}.address"] = fields.pop(f"{name}.ip")
    return fields


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
