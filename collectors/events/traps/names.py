"""What the numbers of a trap mean, by the tables ``tables/*.yaml``: names, kinds of events, texts of values, ECS fields.

A table holds ``notifications`` (OID: ``name``, ``kind``, and where a variable decides, ``by`` and ``kinds``) and ``variables`` (OID:
``name``, ``values`` number to word, ``field`` and ``index`` the ECS names that its value and the rest of its OID have).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from collectors.events.text import visible
from collectors.events.traps.message import Trap
from collectors.network.snmp.identity import enterprise
from collectors.network.snmp.values import Value
from core.errors import ConfigError
from core.files import build, read_yaml

TRAP: Final = "trap"  # the kind of what no table knows
INTERFACE_INDEX: Final = "interface.index"  # becomes network.interface, by what polling knows of the device
MAX_VALUE: Final = 200
MAX_MESSAGE: Final = 4096
_KIND: Final = r"^[a-z][a-z0-9_]*$"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Notification(_Row):
    """One kind of trap. With ``by``, the text of that variable's value picks from ``kinds``, else ``kind`` holds."""

    name: str
    kind: str = Field(default=TRAP, pattern=_KIND)
    by: str = ""
    kinds: Mapping[str, str] = Field(default_factory=dict)


class Variable(_Row):
    """One object of a MIB."""

    name: str
    values: Mapping[int | str, str] = Field(default_factory=dict)
    field: str = ""
    index: str = ""


class _Table(_Row):
    source: str
    notifications: Mapping[str, Notification] = Field(default_factory=dict)
    variables: Mapping[str, Variable] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables as one."""

    notifications: Mapping[str, Notification] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)

    def notification(self, oid: str) -> Notification | None:
        """The row of a trap's OID, also of one that a v1 sender made with or without the zero before its number."""
        if (row := self.notifications.get(oid)) is not None:
            return row
        head, _, last = oid.rpartition(".")
        return self.notifications.get(f"{head.removesuffix('.0')}.{last}" if head.endswith(".0") else f"{head}.0.{last}")

    def variable(self, oid: str) -> tuple[Variable, str] | None:
        """The row of an object and the rest of the OID behind it."""
        cut = len(oid)
        while cut > 0:
            if (row := self.variables.get(oid[:cut])) is not None:
                return row, oid[cut + 1 :]
            cut = oid.rfind(".", 0, cut)
        return None


def load_tables(folder: Path) -> Tables:
    """Every table of ``folder``; raises ConfigError with file, line and key."""
    notifications: dict[str, Notification] = {}
    variables: dict[str, Variable] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        table = build(document, _Table)
        for part, rows, known in (("notifications", table.notifications, notifications), ("variables", table.variables, variables)):
            for oid, row in rows.items():
                if not _is_oid(oid):
                    raise document.error("is no OID without a dot before it", (part, oid))
                if oid in known:
                    raise document.error(f"{oid} stands in another table already", (part, oid))
                known[oid] = row  # type: ignore[assignment]
    if not notifications:
        raise ConfigError("holds no table of traps", path=folder)
    return Tables(notifications, variables)


def _is_oid(text: str) -> bool:
    return all(part.isascii() and part.isdecimal() for part in text.split(".")) and "." in text


@cache
def tables() -> Tables:
    """The shipped tables, read once."""
    return load_tables(Path(str(files("collectors.events.traps") / "tables")))


@dataclass(frozen=True, slots=True)
class Meaning:
    """A trap in words: the kind of its event, its line of text and its fields; ``interface`` is the index of the port it speaks of."""

    kind: str
    text: str
    fields: Mapping[str, Any]
    interface: int | None = None


def meaning(trap: Trap, known: Tables) -> Meaning:
    """The meaning of ``trap`` as far as ``known`` tells it. Pure, never raises for what a sender wrote."""
    row = known.notification(trap.oid)
    words: dict[str, str] = {}
    fields: dict[str, Any] = {}
    lines = [line for name, value in trap.variables.items() for line in _variable(name, value, known, words, fields)]
    index = fields.pop(INTERFACE_INDEX, None)
    name = row.name if row else trap.oid
    fields |= {"snmp.trap.oid": trap.oid, "snmp.trap.name": row.name if row else "", "snmp.variables": lines, "observer.vendor": enterprise(trap.oid)}
    text = f"{name}: {', '.join(lines)}" if lines else name
    kind = row.kinds.get(words.get(row.by, ""), row.kind) if row else TRAP
    return Meaning(kind, text[:MAX_MESSAGE], {key: value for key, value in fields.items() if value not in ("", [])}, _index(index))


def _variable(oid: str, value: Value, known: Tables, words: dict[str, str], fields: dict[str, Any]) -> Iterator[str]:
    """The variable as text; its word and its fields are put into ``words`` and ``fields``."""
    found = known.variable(oid)
    if found is None:
        yield f"{oid}={shown(value)}"
        return
    row, rest = found
    text = row.values.get(value, "") if isinstance(value, int | str) else ""
    text = text or shown(value)
    words[row.name] = text
    if row.field and text:
        fields.setdefault(row.field, text)
    if row.index and rest:
        fields.setdefault(row.index, rest)
    yield f"{row.name}.{rest}={text}" if rest not in ("", "0") else f"{row.name}={text}"


def shown(value: Value) -> str:
    """A value as one readable line: text where the octets are text (UTF-8 or GB 18030), else in hexadecimal."""
    if not isinstance(value, bytes):
        return "" if value is None else visible(f"{value:g}" if isinstance(value, float) else str(value))[:MAX_VALUE]
    octets = value[: 4 * MAX_VALUE].rstrip(b"\0")
    for charset in ("utf-8", "gb18030"):
        try:
            text = octets.decode(charset)
        except UnicodeDecodeError:
            continue
        if all(char.isprintable() or char in "\t\r\n" for char in text):
            return visible(text.strip())[:MAX_VALUE]
    return value[: MAX_VALUE // 3].hex(":")


def _index(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 10 else None
