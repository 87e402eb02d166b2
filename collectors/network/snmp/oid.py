"""Object identifiers as dotted text without a leading dot."""

from __future__ import annotations

import re

_FORM = re.compile(r"\d+(?:\.\d+)*")


def clean(oid: str) -> str:
    """The OID without a leading dot; raises ValueError for anything that is no numeric OID."""
    plain = oid.strip().removeprefix(".")
    if not _FORM.fullmatch(plain):
        raise ValueError(f"{oid!r} is no numeric OID")
    return plain


def arcs(oid: str) -> tuple[int, ...]:
    """The numbers of an OID, for ordering."""
    return tuple(map(int, oid.split(".")))


def inside(oid: str, root: str) -> bool:
    """Whether ``oid`` lies below ``root`` or is it."""
    return oid == root or oid.startswith(root + ".")


def index(oid: str, root: str) -> str:
    """What follows ``root`` in ``oid``: the index of a row."""
    return oid[len(root) + 1 :]


def part(index_: str, wanted: str) -> str:
    """A slice of an index, written as Python writes it: ``0``, ``-1``, ``0:2``, ``1:``."""
    pieces = index_.split(".")
    if ":" not in wanted:
        place = int(wanted)
        return pieces[place] if -len(pieces) <= place < len(pieces) else ""
    first, _, last = wanted.partition(":")
    return ".".join(pieces[int(first) if first else None : int(last) if last else None])
