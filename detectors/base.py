"""What a detector and a scorer are. Both are small; a new one is one class, one registry line, one docs entry, the conformance suite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.records import Event, Finding, Sample

Floats = NDArray[np.float64]


class Detector(Protocol):
    """Watches samples. A detector is built without arguments beyond its frozen options and never raises for odd samples."""

    name: str

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Findings that begin (firing) or end because of ``samples``: one poll's batch, in any order of time."""
        ...

    def state(self) -> bytes:
        """Everything learned so far, as npz or JSON (data alone, no code)."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over what ``state`` gave; raises ConfigError for a damaged state or one of a newer version, and stays as it was."""
        ...


class Reader(Protocol):
    """Watches events; otherwise as a detector."""

    name: str

    def read(self, events: Sequence[Event], now: datetime) -> list[Finding]:
        """Findings that begin or end because of ``events``, which came ``now`` (aware); an empty batch only tells the time."""
        ...

    def state(self) -> bytes:
        """Everything learned so far (data alone, no code)."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over what ``state`` gave; raises ConfigError and stays as it was."""
        ...


class Scorer(Protocol):
    """Ranks rows by strangeness. ``fit`` learns, ``score`` is pure: it neither learns nor depends on the other rows given with it."""

    def fit(self, rows: Floats) -> None:
        """Learn from rows of shape (n, d), finite numbers."""
        ...

    def score(self, rows: Floats) -> Floats:
        """Shape (n,): 0 and above, higher is stranger."""
        ...

    def state(self) -> dict[str, Any]:
        """Arrays and plain values that ``restore`` accepts."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        ...
