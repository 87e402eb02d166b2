"""Recorded devices: files of ``OID|tag|value`` lines (the form of snmprec), read as if the device were there."""

from __future__ import annotations

import bisect
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from collectors.network.snmp.oid import arcs, clean, inside
from collectors.network.snmp.values import Value, opaque
from core.errors import ConfigError

_INTEGERS = {"2", "65", "66", "67", "70"}


class RecordedSession:
    """A session that answers from a recording (see ``Session``)."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)
        self._order = sorted((arcs(oid), oid) for oid in self._values)

    def get(self, oids: Sequence[str]) -> Mapping[str, Value]:
        """The recorded values of some instances."""
        return {oid: self._values[oid] for oid in oids if oid in self._values}

    def walk(self, root: str) -> Iterator[tuple[str, Value]]:
        """Every recorded instance below ``root``."""
        for _, oid in self._order[bisect.bisect_right(self._order, (arcs(root), "~")) :]:
            if not inside(oid, root):
                return
            yield oid, self._values[oid]

    def close(self) -> None:
        """Nothing to give back."""


def read_recording(path: Path) -> RecordedSession:
    """The recording in ``path``; raises ConfigError with the line that is no ``OID|tag|value``."""
    values: dict[str, Value] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", path=path) from err
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        pieces = line.rstrip("\r").split("|", 2)
        try:
            oid, tag, raw = pieces
            values.setdefault(clean(oid), _value(tag, raw))
        except ValueError as err:
            raise ConfigError(f"is no line of the form OID|tag|value ({err})", path=path, line=number) from err
    return RecordedSession(values)


def _value(tag: str, raw: str) -> Value:
    kind = tag.split(":", maxsplit=1)[0]
    if kind in _INTEGERS:
        return int(raw) if raw else 0
    if kind in ("4x", "68x"):
        return _octets(raw) if kind == "4x" else opaque(_octets(raw))
    if kind in ("6", "64"):
        return raw.removeprefix(".")
    if kind == "64x":
        return str(ipaddress.IPv4Address(_octets(raw)))
    return None if kind == "5" else raw.encode("utf-8", "surrogateescape")


def _octets(digits: str) -> bytes:
    """Hexadecimal digits as octets, as far as they go: other programs cut long values anywhere."""
    good = re.match(r"(?:[0-9A-Fa-f]{2})*", digits)
    return bytes.fromhex(good[0] if good else "")


def line(oid: str, tag: int, value: Value) -> str:
    """One line of a recording; octets that are no plain ASCII text go in hexadecimal."""
    if not isinstance(value, bytes):
        return f"{oid}|{tag}|{'' if value is None else value}"
    if all(32 <= octet < 127 for octet in value) and b"|" not in value:
        return f"{oid}|{tag}|{value.decode('ascii')}"
    return f"{oid}|{tag}x|{value.hex()}"
