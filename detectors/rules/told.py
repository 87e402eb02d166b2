"""Conditions that devices themselves report: an event begins one, another ends it; the table is ``told.yaml``.

So a failed power supply stays an alert until the device says that it is well again, and does not fade because nothing more is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from core.clock import seconds
from core.errors import ConfigError
from core.files import build, read_yaml
from core.records import Event, Finding, Sample, Severity
from detectors.series.memory import pack, unpack

VERSION: Final = 1
LIMIT: Final = 50_000
LOOK_S: Final = 60.0


class Condition(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    begins: str
    ends: str
    by: str = ""
    class_: str = Field(alias="class")
    severity: Severity
    lasts: str
    zh: str
    en: str

    @property
    def lasts_s(self) -> float:
        """Seconds until it is taken to be over."""
        return seconds(self.lasts)


def read_conditions(path: Path) -> tuple[Condition, ...]:
    """Every row; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    rows = tuple(build(document, Condition, (number,)) for number in range(len(document.data or ())))
    for number, row in enumerate(rows):
        if row.begins == row.ends or any(row.id == other.id or {row.begins, row.ends} & {other.begins, other.ends} for other in rows[:number]):
            raise document.error("its id or its kinds stand in another row already", (number,))
    return rows


@cache
def conditions() -> tuple[Condition, ...]:
    """The shipped table."""
    return read_conditions(Path(str(files("detectors.rules") / "told.yaml")))


class Told:
    """Fires at the event that begins a condition; ends at the other, or when it has lasted too long without a repeat."""

    name = "told"

    def __init__(self, rows: Sequence[Condition] | None = None) -> None:
        rows = conditions() if rows is None else tuple(rows)
        self._rows = {row.id: row for row in rows}
        self._begins = {row.begins: row for row in rows}
        self._ends = {row.ends: row for row in rows}
        self._open: dict[tuple[str, str, str], float] = {}  # row, asset, subject -> last said
        self._looked = 0.0

    def read(self, events: Sequence[Event], now: datetime) -> list[Finding]:
        """Findings of the events that came ``now``."""
        found = self._over(now)
        for event in events:
            if (row := self._begins.get(event.kind)) is not None:
                found += self._begin(row, event, now)
            elif (row := self._ends.get(event.kind)) is not None:
                found += self._end(row, event, now)
        return found

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Samples are the clock of what has lasted too long."""
        return self._over(samples[-1].time) if samples else []

    def _begin(self, row: Condition, event: Event, now: datetime) -> Iterable[Finding]:
        subject = str(event.fields.get(row.by, "")) if row.by else ""
        key = (row.id, event.asset, subject)
        is_new = key not in self._open
        if is_new and len(self._open) >= LIMIT:
            return ()
        self._open[key] = now.timestamp()
        if not is_new:
            return ()
        evidence = {"event": event.id, "message": event.message, "kind": event.kind, "zh": f"{row.zh}：{event.message}", "en": f"{row.en}: {event.message}"}
        return (_finding(row, event.asset, subject, now, evidence, firing=True),)

    def _end(self, row: Condition, event: Event, now: datetime) -> list[Finding]:
        """One end without a subject ends all of the device's."""
        subject = str(event.fields.get(row.by, "")) if row.by else ""
        over = [key for key in self._open if key[:2] == (row.id, event.asset) and (not subject or key[2] in (subject, ""))]
        return [self._close(key, now, event.message, event.message) for key in over]

    def _over(self, now: datetime) -> list[Finding]:
        at = now.timestamp()
        if at - self._looked < LOOK_S:
            return []
        self._looked = at
        late = [key for key, said in self._open.items() if at - said > self._rows[key[0]].lasts_s]
        return [self._close(key, now, f"{self._rows[key[0]].lasts} 未再报告，视为结束", f"not said again for {self._rows[key[0]].lasts}") for key in late]

    def _close(self, key: tuple[str, str, str], now: datetime, zh: str, en: str) -> Finding:
        del self._open[key]
        return _finding(self._rows[key[0]], key[1], key[2], now, {"zh": zh, "en": en}, firing=False)

    def state(self) -> bytes:
        """What is open."""
        return pack(self.name, VERSION, {"open": [[*key, said] for key, said in self._open.items()]})

    def restore(self, state: bytes) -> None:
        """Take over a state; rows that are gone are left out. Raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        try:
            found = {(str(row), str(asset), str(subject)): float(said) for row, asset, subject, said in head["open"]}
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of told is damaged; what devices reported before is not known") from err
        self._open = {key: said for key, said in found.items() if key[0] in self._rows}


def _finding(row: Condition, asset: str, subject: str, now: datetime, evidence: dict[str, Any], *, firing: bool) -> Finding:
    title = f"{row.zh} {subject}".strip() + " / " + f"{row.en} {subject}".strip()
    labels = {"subject": subject} if subject else {}
    return Finding(time=now, source=row.id, asset=asset, title=title, severity=row.severity, firing=firing, labels=labels, evidence=evidence)
