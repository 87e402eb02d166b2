"""What one poll means: pure functions from what came back to samples, results, findings and log lines.

Rules of the results: ``reach`` (labels: collector) says whether the asset answers at all; ``collect`` says whether what
answers can be read (credentials, understood replies, a sound plug-in, settings).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.errors import AuthRefused, DeviceError, HostKeyChanged, Unreachable, WanglouError
from core.records import Event, Finding, Record, Result, Sample, Severity, State, fingerprint
from service.runner.agenda import Key
from service.runner.checked import Checked

REACH: Final = "reach"
COLLECT: Final = "collect"
DISABLED: Final = "collector.disabled"
REST: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a poll between two: the last trouble and how often the plug-in itself failed in a row."""

    trouble: str = ""
    faults: int = 0
    disabled_until: datetime | None = None

    def rests(self, now: datetime) -> bool:
        """Whether the collector is disabled now."""
        return self.disabled_until is not None and now < self.disabled_until


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one poll brings; ``turn`` is "away" or "back" when the log should say so."""

    records: tuple[Record, ...] = ()
    results: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()
    turn: str = ""
    text: str = ""


class Late(Unreachable):
    """No end before the deadline."""


def judge(key: Key, checked: Checked, duration_s: float, memory: Memory, now: datetime, disable_after: int) -> tuple[Report, Memory]:
    """The report of a poll that ended (or passed its deadline: ``checked.error`` is Late), and the memory after it."""
    text = _text(checked)
    is_fault = bool(checked.fault) or (checked.error is not None and not isinstance(checked.error, WanglouError))
    faults = memory.faults + 1 if is_fault else 0
    after = Memory(text, faults)
    findings: tuple[Finding, ...] = ()
    if faults >= disable_after:
        after = replace(after, disabled_until=now + REST)
        findings = (_disabled(key, now, text, faults, firing=True),)
    elif memory.disabled_until is not None and not is_fault:
        findings = (_disabled(key, now, text, faults, firing=False),)
    elif memory.disabled_until is not None:
        after = replace(after, faults=disable_after, disabled_until=now + REST)
    records = (*checked.records, *_of_itself(key, now, duration_s, up=not text), *_security(key, checked.error, now))
    turn = "away" if text and not memory.trouble else "back" if memory.trouble and not text else ""
    return Report(records, _results(key, checked, text, duration_s, now), findings, turn, text), after


def _text(checked: Checked) -> str:
    if isinstance(checked.error, WanglouError):
        return str(checked.error) or type(checked.error).__name__
    if checked.error is not None:
        return f"the collector itself failed: {type(checked.error).__name__}: {checked.error}"
    return f"the collector itself failed: {checked.fault}" if checked.fault else ""


def _of_itself(key: Key, now: datetime, duration_s: float, *, up: bool) -> tuple[Sample, Sample]:
    asset, collector = key
    labels = {"collector": collector}
    return (
        Sample(time=now, asset=asset, metric="collector.up", value=float(up), labels=labels),
        Sample(time=now, asset=asset, metric="collector.duration", value=duration_s, labels=labels),
    )


def _results(key: Key, checked: Checked, text: str, duration_s: float, now: datetime) -> tuple[Result, ...]:
    asset, collector = key
    labels = {"collector": collector}

    def result(rule: str, state: State, text: str) -> Result:
        return Result(time=now, asset=asset, rule=rule, state=state, value=duration_s, text=text, labels=labels)

    if isinstance(checked.error, Unreachable):
        return (result(REACH, State.CRITICAL, text),)
    if checked.error is None or isinstance(checked.error, DeviceError):
        return (result(REACH, State.OK, ""), result(COLLECT, State.CRITICAL if text else State.OK, text))
    return (result(COLLECT, State.CRITICAL, text),)


def _security(key: Key, error: Exception | None, now: datetime) -> tuple[Event, ...]:
    if not isinstance(error, AuthRefused):
        return ()
    kind = "host_key_changed" if isinstance(error, HostKeyChanged) else "credentials_refused"
    hour = now.replace(minute=0, second=0, microsecond=0)
    identity = fingerprint(kind, key[0], {"collector": key[1], "hour": hour.isoformat(), "text": str(error)})
    fields = {"event.category": "authentication", "event.outcome": "failure", "event.provider": key[1]}
    return (Event(id=identity, time=now, asset=key[0], kind=kind, message=str(error), fields=fields),)


def _disabled(key: Key, now: datetime, text: str, faults: int, *, firing: bool) -> Finding:
    asset, collector = key
    title = f"采集器 {collector} 已停用 / collector {collector} disabled" if firing else f"采集器 {collector} 恢复 / collector {collector} works again"
    evidence = {"reason": text, "faults": faults, "zh": f"连续 {faults} 次内部错误", "en": f"failed by itself {faults} times in a row"}
    return Finding(
        time=now, source=DISABLED, asset=asset, title=title, severity=Severity.HIGH, firing=firing, labels={"collector": collector}, evidence=evidence
    )
