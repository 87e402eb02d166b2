"""Logs of an asset against its own past: kinds of lines that were never seen, and kinds that come far more often than in any hour before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from core.errors import ConfigError
from core.records import Event, Finding, Severity
from detectors.logs.miner import LONGEST_LINE, Miner, Template
from detectors.series.bank import Bank
from detectors.series.budgets import EVENTS, MONTH_S, BudgetOf, Voice, no_budget, voice_of
from detectors.series.memory import pack, unpack

VERSION: Final = 1
LIMIT: Final = 5_000  # assets
LEARN_H: Final = 24  # hours of an asset's logs before anything is said about them
LEAST_LINES: Final = 30  # fewer lines of a kind in an hour are no flood
TIMES: Final = 5  # so many times the busiest hour before
FADE: Final = 0.995  # an hour later the busiest hour counts so much: half after six days
MOST_KINDS: Final = 500  # remembered per asset
SHOWN: Final = 3
NEW: Final = -1
WARNING: Final = 4  # of syslog's severities (RFC 5424), and whatever is graver


@dataclass(slots=True)
class _Asset:
    """Kinds are numbers of templates; ``flooded`` says of those whether they were told, ``told`` when (-1 stands for new kinds)."""

    first: int
    hour: int
    now: dict[int, int] = field(default_factory=dict)
    peaks: dict[int, float] = field(default_factory=dict)
    flooded: dict[int, bool] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    is_new_told: bool = False
    told: dict[int, float] = field(default_factory=dict)


class Logs:
    """Two findings per asset: new kinds of lines (information; over when an hour brings none), a flood of one kind (warning; over in a usual hour)."""

    name = "logs"

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._miner = Miner()
        self._bank: Bank[_Asset] = Bank(self.name, limit)
        self._hour = 0
        self._budget_of: BudgetOf = no_budget

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """From now on assets are told of by the budget that ``budget_of(asset, "events")`` names."""
        self._budget_of = budget_of

    def read(self, events: Sequence[Event], now: datetime) -> list[Finding]:
        """Judge every line that came ``now``, then learn it. The hour is that of the arrival: clocks of senders may be anywhere."""
        if not events:
            return []
        found = self._turn(now)
        for event in events:
            if event.message:
                found += self._line(event, now)
        return found + self._bank.mark(now)

    def _line(self, event: Event, now: datetime) -> list[Finding]:
        asset = self._bank.get(event.asset, now.timestamp(), lambda: _Asset(self._hour, self._hour))
        if asset is None:
            return []
        template, is_new = self._miner.add(event.message)
        asset.now[template.number] = count = asset.now.get(template.number, 0) + 1
        if self._hour - asset.first < LEARN_H:
            return []
        found = []
        if is_new:
            asset.fresh = [*asset.fresh, event.message[:200]][-SHOWN:]
            if not asset.is_new_told and self._may(event, now, asset, NEW):
                asset.is_new_told, asset.told[NEW] = True, now.timestamp()
                found.append(self._new(event, now, asset))
        limit = _most(asset, template.number)
        if count > limit and not asset.flooded.get(template.number):
            is_told = count > self._voice(event.asset).factor * limit and self._may(event, now, asset, template.number)
            asset.flooded[template.number] = is_told
            if is_told:
                asset.told[template.number] = now.timestamp()
                found.append(self._flood(now, event.asset, template, count, asset.peaks.get(template.number, 0.0)))
        return found

    def _voice(self, asset: str) -> Voice:
        return voice_of(self._budget_of, asset, EVENTS)

    def _may(self, event: Event, now: datetime, asset: _Asset, what: int) -> bool:
        """The budget's part of the decision; with ``both`` the sender must grade the line as a warning or worse, too."""
        voice = self._voice(event.asset)
        return voice.may(now.timestamp(), asset.told.get(what, 0.0)) and (not voice.both or is_grave(event))

    def _turn(self, now: datetime) -> list[Finding]:
        """In a new hour the old one is closed for every asset."""
        hour = int(now.timestamp() // 3600)
        if hour <= self._hour:
            return []
        self._hour = hour
        return [finding for name, _, asset in self._bank.items() for finding in self._close(now, name, asset)]

    def _close(self, now: datetime, name: str, asset: _Asset) -> list[Finding]:
        found = []
        for number in [one for one in asset.flooded if asset.now.get(one, 0) <= _most(asset, one)]:
            found += [self._over(now, name, "flood", str(number))] if asset.flooded.pop(number) else []
        if asset.is_new_told and not asset.fresh:
            asset.is_new_told = False
            found.append(self._over(now, name, "new", ""))
        faded = {number: peak * FADE ** (self._hour - asset.hour) for number, peak in asset.peaks.items() if number not in asset.flooded}
        held = {number: asset.peaks.get(number, 0.0) for number in asset.flooded}  # a flood does not make itself usual
        raised = {number: max(faded.get(number, 0.0), float(count)) for number, count in asset.now.items() if number not in asset.flooded}
        ranked = sorted(({**faded, **raised, **held}).items(), key=lambda one: -one[1])
        asset.peaks, asset.now, asset.fresh, asset.hour = dict(ranked[:MOST_KINDS]), {}, [], self._hour
        asset.told = {what: at for what, at in asset.told.items() if now.timestamp() - at < MONTH_S}
        return found

    def _new(self, event: Event, now: datetime, asset: _Asset) -> Finding:
        line = event.message[:200]
        evidence = {"lines": list(asset.fresh), "zh": f"出现从未见过的日志：{line}", "en": f"a kind of log line that was never seen: {line}"}
        return self._finding(now, event.asset, "new", "", evidence, firing=True)

    def _flood(self, now: datetime, asset: str, template: Template, count: int, peak: float) -> Finding:
        text = template.text[:LONGEST_LINE]
        evidence = {
            "template": text,
            "count": count,
            "busiest_hour": round(peak, 1),
            "zh": f"本小时已有 {count} 条“{text}”，此前最多的一小时为 {peak:.0f} 条",
            "en": f"{count} lines of “{text}” in this hour; the busiest hour before had {peak:.0f}",
        }
        return self._finding(now, asset, "flood", str(template.number), evidence, firing=True)

    def _over(self, now: datetime, asset: str, what: str, template: str) -> Finding:
        return self._finding(now, asset, what, template, {}, firing=False)

    def _finding(self, now: datetime, asset: str, what: str, template: str, evidence: dict[str, Any], *, firing: bool) -> Finding:
        is_new = what == "new"
        title = "出现新的日志种类 / New kind of log lines" if is_new else "日志数量激增 / Flood of log lines"
        labels = {"what": what} | ({"template": template} if template else {})
        severity = Severity.INFO if is_new else Severity.WARNING
        return Finding(time=now, source=self.name, asset=asset, title=title, severity=severity, firing=firing, labels=labels, evidence=evidence)

    def state(self) -> bytes:
        """Templates and what each asset's hours were like."""
        assets = [
            [name, at, one.first, one.hour, list(one.now.items()), list(one.peaks.items()), list(one.flooded), one.fresh, one.is_new_told, _told(one)]
            for name, at, one in self._bank.items()
        ]
        return pack(self.name, VERSION, {"hour": self._hour, "miner": self._miner.dump(), "assets": assets})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError and stays as it was when it is damaged."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Asset] = Bank(self.name, self._limit)
        miner = Miner()
        try:
            for name, at, first, hour, now, peaks, flooded, fresh, is_new_told, *told in head["assets"]:
                counts = {int(number): int(count) for number, count in now}
                tops = {int(number): float(peak) for number, peak in peaks}
                untold, times = told[0] if told else ((), ())  # before budgets everything was told
                floods = {int(number): number not in untold for number in flooded}
                made = _Asset(int(first), int(hour), counts, tops, floods, [str(one) for one in fresh], bool(is_new_told))
                made.told = {int(what): float(when) for what, when in times}
                bank.put(str(name), float(at), made)
            miner.load(head["miner"])
            self._hour = int(head["hour"])
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of logs is damaged; they are learned anew") from err
        self._bank, self._miner = bank, miner


def _most(asset: _Asset, number: int) -> float:
    """More lines than this in one hour are a flood."""
    return max(LEAST_LINES, TIMES * asset.peaks.get(number, 0.0))


def is_grave(event: Event) -> bool:
    """Whether the sender itself grades the line as a warning or worse."""
    code = event.fields.get("log.syslog.severity.code")
    return isinstance(code, int) and code <= WARNING


def _told(asset: _Asset) -> list[Any]:
    """The floods that were not told, and when what was."""
    return [[number for number, is_told in asset.flooded.items() if not is_told], list(asset.told.items())]
