"""The records that travel through Wanglou: what was measured, what happened, what was found.

Every record is a frozen value. Times are aware UTC. Text in a record came from a device and is
hostile until a page has escaped it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

Labels = Mapping[str, str]
NO_LABELS: Labels = {}


class Severity(StrEnum):
    """How bad one finding is by itself; the importance of the asset turns it into a priority."""

    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the gravest, so that sorting puts it first."""
        return list(Severity).index(self)


class State(StrEnum):
    """The outcome of one check on one asset."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


def utc(time: datetime) -> datetime:
    """Return ``time`` in UTC; a time without a zone is a programming error and raises ValueError."""
    if time.tzinfo is None:
        raise ValueError(f"naive time {time!r}: every time in Wanglou carries a zone")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number: ``value`` of ``metric`` (see the metric catalogue for its unit) at ``time``."""

    time: datetime
    asset: str
    metric: str
    value: float
    labels: Labels = field(default_factory=dict)

    @property
    def series(self) -> str:
        """The name of the series that this sample belongs to."""
        return series_key(self.asset, self.metric, self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: a log line, a trap, a login. ``fields`` carry ECS names, flat ("source.ip").

    ``id`` decides identity: the store keeps the first event of an id and ignores repeats.
    """

    id: str
    time: datetime
    asset: str
    kind: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A text read from an asset at one time, kept whole: ``kind`` is for instance "sshd_config"."""

    time: datetime
    asset: str
    kind: str
    body: str

    @property
    def sha256(self) -> str:
        """Hex digest of the body, the identity of this version."""
        return hashlib.sha256(self.body.encode("utf-8", "surrogateescape")).hexdigest()


Record = Sample | Event | Snapshot

END: Final = "# end"


def ended(body: str) -> str:
    """``body`` with the last line that says that its maker came to the end: a text without it was cut. An empty body, "gone", stays empty."""
    if not body or body.endswith(f"\n{END}\n"):
        return body
    return f"{body}{'' if body.endswith(chr(10)) else chr(10)}{END}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one of our own checks (reachability, a probe), before confirmation by repeats."""

    time: datetime
    asset: str
    rule: str
    state: State
    value: float | None = None
    text: str = ""
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a detector or a compliance check concluded; ``firing=False`` clears an earlier one.

    ``source`` is the name of the detector or check, ``labels`` the identity beside source and asset,
    ``evidence`` anything that lets a person verify the conclusion (JSON values).
    """

    time: datetime
    source: str
    asset: str
    title: str
    severity: Severity
    firing: bool
    labels: Labels = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Identity over time: never severity, value, text or time."""
        return fingerprint(self.source, self.asset, self.labels)


def series_key(asset: str, metric: str, labels: Labels) -> str:
    """The canonical text of a series: asset, metric and sorted labels, parted by unit separators."""
    return "\x1f".join((asset, metric, *(f"{k}\x1e{labels[k]}" for k in sorted(labels))))


def fingerprint(source: str, asset: str, labels: Labels, recipe: str = "1") -> str:
    """Hash of recipe version, source, asset and labels after Unicode and space normalisation (24 hex digits)."""
    pairs = sorted((_plain(k), _plain(v)) for k, v in labels.items())
    text = "\x1f".join((recipe, _plain(source), _plain(asset), *(f"{k}\x1e{v}" for k, v in pairs)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", str(text)).strip()
