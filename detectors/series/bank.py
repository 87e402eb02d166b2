"""One memory per series, with a limit on how many are admitted: a flood of new series may not eat the machine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Generic, TypeVar

from core.records import Finding, Severity

T = TypeVar("T")
ITSELF: Final = "wanglou"  # the asset that stands for the product
FORGET_S: Final = 30 * 86400.0


class Bank(Generic[T]):
    """Memories by key, at most ``limit``; one that was not used for 30 days makes room for a new one."""

    def __init__(self, name: str, limit: int) -> None:
        self._name, self._limit = name, limit
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._is_told = False
        self.refused = 0

    def get(self, key: str, at: float, make: Callable[[], T]) -> T | None:
        """The memory of ``key``, made when there is room; None when it is refused."""
        if key in self._kept:
            self._kept.move_to_end(key)
            kept = self._kept[key][1]
        elif len(self._kept) < self._limit or self._forget(at):
            kept = make()
        else:
            self.refused += 1
            return None
        self._kept[key] = (at, kept)
        return kept

    def _forget(self, at: float) -> bool:
        oldest, (used, _) = next(iter(self._kept.items()))
        if at - used < FORGET_S:
            return False
        del self._kept[oldest]
        return True

    def known(self, key: str) -> T | None:
        """The memory of ``key`` when there is one; looking is no use."""
        kept = self._kept.get(key)
        return kept[1] if kept else None

    def put(self, key: str, at: float, kept: T) -> None:
        """Set a memory (when restoring)."""
        self._kept[key] = (at, kept)

    def items(self) -> Iterator[tuple[str, float, T]]:
        """(key, last use in seconds, memory), the longest unused first."""
        return ((key, at, kept) for key, (at, kept) in self._kept.items())

    def __len__(self) -> int:
        return len(self._kept)

    def mark(self, now: datetime) -> list[Finding]:
        """The visible mark: one finding when series begin to be refused, its end when none was refused since the last look."""
        is_refusing, count = self.refused > 0, self.refused
        self.refused = 0
        if is_refusing == self._is_told:
            return []
        self._is_told = is_refusing
        evidence = {
            "limit": self._limit,
            "refused": count,
            "zh": f"已有 {self._limit} 条序列，新的序列暂不检测" if is_refusing else "新的序列恢复检测",
            "en": f"{self._limit} series are watched already; new ones are not" if is_refusing else "new series are watched again",
        }
        title = f"检测 {self._name} 的序列数达到上限 / Detector {self._name} has reached its limit of series"
        return [
            Finding(
                time=now,
                source=f"{self._name}.admission",
                asset=ITSELF,
                title=title,
                severity=Severity.WARNING,
                firing=is_refusing,
                evidence=evidence,
            )
        ]
