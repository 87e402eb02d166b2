"""What a scanner's file says: scans, the targets of each, and what was found on them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

MOST_BYTES: Final = 128 * 1024 * 1024
MOST_TARGETS: Final = 5_000
MOST_FOUND: Final = 2_000
"""Of one target; a host on which more is open than this is told apart from one with nothing by its number alone."""
INPUT_CWES: Final = frozenset({20, 22, 74, 77, 78, 79, 80, 88, 89, 90, 91, 93, 94, 95, 98, 113, 434, 502, 564, 601, 611, 643, 776, 917, 918, 943, 1336})
"""Weaknesses in the handling of input: injection, cross-site scripting, traversal, uploads, deserialisation (names of MITRE's CWE list)."""


class Level(StrEnum):
    """How bad, the worst first; what is only told for information is left out when a file is read."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


LEVELS: Final = tuple(Level)


class Sort(StrEnum):
    """What was scanned: a host over the network, the packages and settings of a system or image, a web application, source code."""

    NETWORK = "network"
    PACKAGES = "packages"
    WEB = "web"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One vulnerability: ``id`` as the scanner calls it, ``place`` (port, package, file) where. Both together tell it from others on the target."""

    id: str
    place: str = ""
    level: Level
    title: str
    cves: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()
    fix: str = ""
    is_fixable: bool = False
    is_exploitable: bool = False

    @property
    def key(self) -> str:
        """What tells it from others on one target."""
        return f"{self.id} {self.place}"

    @property
    def traits(self) -> tuple[str, ...]:
        """Words that checks ask for."""
        told = {"exploitable": self.is_exploitable, "fixable": self.is_fixable, "input": bool(INPUT_CWES & set(self.cwes))}
        return tuple(name for name, is_so in told.items() if is_so)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was scanned, and when that ended. ``has_login``: the scanner could log in and so saw more than from outside.

    ``is_whole``: the scan ended and the file holds all of it; only such a one says that something is gone.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    ended: datetime
    found: tuple[Found, ...] = ()
    has_login: bool = False
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan of one scanner; the next one with the same ``key`` takes its place."""

    scanner: str
    version: str = ""
    sort: Sort
    targets: tuple[Target, ...]

    @property
    def key(self) -> str:
        """Scanner and sort."""
        return f"{self.scanner}/{self.sort}"


def of_score(score: float) -> Level | None:
    """The level of a CVSS score (FIRST, CVSS 3.1 section 5); None for no severity."""
    if score <= 0:
        return None
    return Level.CRITICAL if score >= 9 else Level.HIGH if score >= 7 else Level.MEDIUM if score >= 4 else Level.LOW


def once(found: Iterable[Found]) -> tuple[Found, ...]:
    """Each key once, with the worst level that it was given."""
    by_key: dict[str, Found] = {}
    for one in found:
        before = by_key.get(one.key)
        if before is None or LEVELS.index(one.level) < LEVELS.index(before.level):
            by_key[one.key] = one
    return tuple(by_key[key] for key in sorted(by_key))


def line(text: str, most: int = 200) -> str:
    """Text in one line without tabs, so that it fits a cell."""
    return " ".join(text.split())[:most]


def numbers(texts: Iterable[str]) -> tuple[int, ...]:
    """The numbers of weaknesses: ``CWE-79``, ``cwe:79``, ``79``, ``external/cwe/cwe-079``."""
    return tuple(sorted(set(_numbers(texts))))


def _numbers(texts: Iterable[str]) -> Iterator[int]:
    for text in texts:
        tail = text.lower().rpartition("cwe")[2].lstrip("-: /").partition(":")[0]
        if tail.isdigit() and len(tail) < 6:
            yield int(tail)
