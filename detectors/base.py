"""What a detector and a scorer are. Both are small; a new one is one class, one registry line, one docs entry, the conformance suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.records import Finding, Sample

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
