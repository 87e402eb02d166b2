"""What a receiver said, and where its notices go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """``ok``, an HTTP-like status such as 500, or ``hang``; ``retry_after_s`` only with 429."""

    status: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a receiver's notices go, with its secrets opened; ``phones`` are those of who is called."""

    address: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    phones: tuple[str, ...] = ()
