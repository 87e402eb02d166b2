"""The pulse of the service: every part beats when it moved; a part that stands still becomes a finding.

The whole service's heartbeat goes into a file that the supervisor, another process, reads. The heartbeat is held back
when a part that everything hangs on (the writer, the alerting loop) has stood still for too long.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from core.records import Finding, Sample, Severity
from service.supervisor import heartbeat_path

SELF: Final = "wanglou"  # the asset that stands for the product itself
SOURCE: Final = "self.standstill"


@dataclass(frozen=True, slots=True)
class Part:
    """One part and how long it may go without a beat. ``vital``: without it the process is of no use."""

    name: str
    limit_s: float
    zh: str
    vital: bool = False


class Pulse:
    """Thread-safe; times are monotonic seconds given by the caller."""

    def __init__(self, parts: Mapping[str, Part], now: float) -> None:
        self._parts = parts
        self._beats = dict.fromkeys(parts, now)
        self._still: set[str] = set()
        self._lock = threading.Lock()

    def beat(self, part: str, now: float) -> None:
        """``part`` has just moved."""
        with self._lock:
            self._beats[part] = now

    def ages(self, now: float) -> dict[str, float]:
        """Seconds since the last beat of each part."""
        with self._lock:
            return {name: now - beat for name, beat in self._beats.items()}

    def is_vital_still(self, now: float) -> bool:
        """Whether a vital part stands still."""
        return any(age > self._parts[name].limit_s for name, age in self.ages(now).items() if self._parts[name].vital)

    def judge(self, now: float, time: datetime) -> list[Finding]:
        """Findings for parts that began or ceased to stand still since the last call."""
        still = {name for name, age in self.ages(now).items() if age > self._parts[name].limit_s}
        changed = [(name, True) for name in sorted(still - self._still)] + [(name, False) for name in sorted(self._still - still)]
        self._still = still
        return [self._finding(name, firing=firing, age=self.ages(now)[name], time=time) for name, firing in changed]

    def samples(self, now: float, time: datetime) -> list[Sample]:
        """The ages as samples of the product itself."""
        return [Sample(time=time, asset=SELF, metric="wanglou.part.age", value=age, labels={"part": name}) for name, age in self.ages(now).items()]

    def _finding(self, name: str, *, firing: bool, age: float, time: datetime) -> Finding:
        part = self._parts[name]
        title = f"{part.zh}停止工作 / {name} stands still"
        evidence = {
            "part": name,
            "seconds_still": round(age, 1),
            "limit_s": part.limit_s,
            "zh": f"{part.zh}已 {age:.0f} 秒没有动静",
            "en": f"{name} has not moved for {age:.0f} s",
        }
        return Finding(time=time, source=SOURCE, asset=SELF, title=title, severity=Severity.HIGH, firing=firing, labels={"part": name}, evidence=evidence)


def write_heartbeat(data: Path, monotonic: float) -> None:
    """Replace the heartbeat file in one step."""
    path = heartbeat_path(data)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": os.getpid(), "monotonic": monotonic}), encoding="utf-8")
    new.replace(path)
