"""How often events come: surges per source, per facility and per kind, and the silence of a source that usually speaks.

A surge is set against the busiest hour of the last two weeks. A silence is measured in events that should have come by what such hours (of working days
or of free days) usually bring, so that an office device may sleep at night, and set against the most that any pause of the source ever missed.
When most sources fall silent at once one finding says so about the way to here, not one for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from core.calendar import Calendar
from core.errors import ConfigError
from core.records import Event, Finding, Sample, Severity
from detectors.series.bank import ITSELF, Bank
from detectors.series.budgets import EVENTS, BudgetOf, Voice, no_budget, voice_of
from detectors.series.memory import pack, unpack

VERSION: Final = 1
LIMIT: Final = 20_000  # streams
KEPT_H: Final = 24 * 14
LEARN_H: Final = 24  # before anything is said about a stream
TIMES: Final = 2.0  # so many times the busiest hour is a surge
LEAST_EVENTS: Final = 60  # fewer events in an hour are no surge
LEAST_PAUSE_S: Final = 1800.0
PAUSES: Final = 3.0  # so many times what the longest pause missed is a silence
LEAST_MISSED: Final = 10.0  # events that should have come
LEARN: Final = 0.3  # how much the newest such hour counts
LEAST_AN_HOUR: Final = 6.0  # a source that says less is left to the rule log_silence
FADE: Final = 0.97  # a day later the most that was missed counts so much
MANY: Final = 5  # sources silent at once, and more than half of all: it is not them
LOOK_S: Final = 60.0
WEEK_S: Final = 7 * 86_400.0
SOURCE: Final = "source"
PLAIN: Final = frozenset({"log", "syslog"})


@dataclass(slots=True)
class _Stream:
    """``counts`` of closed hours; ``usual`` count by slot (24 hours of working days, then of free days), -1 unknown; ``missed`` most by any pause."""

    first: int
    hour: int
    last: float
    count: int = 0
    counts: list[int] = field(default_factory=list)
    usual: list[float] = field(default_factory=lambda: [-1.0] * 48)
    missed: float = 0.0
    faded: int = 0
    is_surging: bool = False
    is_silent: bool = False
    surge_told: bool = False
    silence_told: bool = False
    told_at: float = 0.0


class Rates:
    """Reads events, and takes the time from samples, since silence brings no events. Streams are (asset, what, name)."""

    name = "rates"

    def __init__(self, calendar: Calendar | None = None, limit: int = LIMIT) -> None:
        self._calendar, self._limit = calendar or Calendar(), limit
        self._bank: Bank[_Stream] = Bank(self.name, limit)
        self._since: float | None = None  # when this process began to listen: the time before is nobody's silence
        self._looked = 0.0
        self._all_silent = False
        self._slots: dict[int, int] = {}
        self._budget_of: BudgetOf = no_budget

    def use_budgets(self, budget_of: BudgetOf) -> None:
        """From now on streams are told of by the budget that ``budget_of(asset, "events")`` names; what counts as a surge or a silence stays."""
        self._budget_of = budget_of

    def read(self, events: Sequence[Event], now: datetime) -> list[Finding]:
        """Count what came ``now``; the hour is that of the arrival."""
        at = now.timestamp()
        found: list[Finding] = []
        for event in events:
            for key in streams_of(event):
                stream = self._bank.get(key, at, lambda: _Stream(int(at // 3600), int(at // 3600), at, faded=int(at // 86400)))
                if stream is not None:
                    found += self._came(key, stream, now)
        return found + self._look(now) + (self._bank.mark(now) if events else [])

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Samples only tell the time."""
        return self._look(max(sample.time for sample in samples)) if samples else []

    def _came(self, key: str, stream: _Stream, now: datetime) -> list[Finding]:
        at = now.timestamp()
        if key.endswith(SOURCE + "\x1f"):
            self._pause(stream, at)
        found = self._turn(key, stream, now)
        found += self._speaks(key, stream, now)
        stream.last = at
        stream.count += 1
        busiest = max(stream.counts, default=0)
        if not stream.is_surging and stream.hour - stream.first >= LEARN_H and stream.count > max(LEAST_EVENTS, TIMES * busiest):
            stream.is_surging = True
        if stream.is_surging and not stream.surge_told and self._may_tell(key, stream, at, max(LEAST_EVENTS, TIMES * busiest)):
            stream.surge_told, stream.told_at = True, at
            found.append(self._finding(now, key, "surge", _surge(key, stream.count, busiest), firing=True))
        return found

    def _may_tell(self, key: str, stream: _Stream, at: float, limit: float) -> bool:
        """The budget's part of the decision; with ``both`` a facility or kind is told of while its whole source surges, too."""
        voice = self._voice(key)
        if stream.count <= voice.factor * limit or not voice.may(at, stream.told_at):
            return False
        if not voice.both or key.endswith(SOURCE + "\x1f"):
            return True
        asset = key.partition("\x1f")[0]
        source = self._bank.known(f"{asset}\x1f{SOURCE}\x1f")
        return source is not None and source.is_surging

    def _voice(self, key: str) -> Voice:
        return voice_of(self._budget_of, key.partition("\x1f")[0], EVENTS)

    def _speaks(self, key: str, stream: _Stream, now: datetime) -> list[Finding]:
        """The end of a silence, when it was told."""
        was_told, stream.is_silent, stream.silence_told = stream.silence_told, False, False
        return [self._finding(now, key, "silence", {}, firing=False)] if was_told else []

    def _turn(self, key: str, stream: _Stream, now: datetime) -> list[Finding]:
        """Close the hour when it is over; neither a surge nor a silence that was told makes itself usual, and a surge is over after a usual hour."""
        hour = int(now.timestamp() // 3600)
        if hour <= stream.hour:
            return []
        found = []
        busiest = max(stream.counts, default=0)
        if stream.is_surging and (stream.count <= max(LEAST_EVENTS, TIMES * busiest) or hour - stream.hour > 1):
            found += [self._finding(now, key, "surge", {}, firing=False)] if stream.surge_told else []
            stream.is_surging = stream.surge_told = False
        elif not stream.is_surging:
            self._learn(stream, stream.hour, stream.count)
        if not stream.is_silent:
            for empty in range(max(stream.hour + 1, hour - KEPT_H, int((self._since or 0.0) // 3600)), hour):
                self._learn(stream, empty, 0)
        stream.hour, stream.count = hour, 0
        return found

    def _learn(self, stream: _Stream, hour: int, count: int) -> None:
        stream.counts = [*stream.counts[1 - KEPT_H :], count]
        slot = self._slot(hour)
        before = stream.usual[slot]
        stream.usual[slot] = float(count) if before < 0 else before + LEARN * (count - before)

    def _pause(self, stream: _Stream, at: float) -> None:
        """Learn what the pause that ends now has missed; of one that was told not more than twice what made it told."""
        day = int(at // 86400)
        stream.missed, stream.faded = stream.missed * FADE ** max(0, day - stream.faded), max(day, stream.faded)
        stream.missed = max(stream.missed, min(self._missed(stream, at), 2 * _most(stream)))

    def _missed(self, stream: _Stream, at: float) -> float:
        """Events that should have come since the last one, by what such hours usually bring; an hour of a kind never seen counts nothing."""
        begin = max(stream.last, self._since or at, at - WEEK_S)
        missed = 0.0
        for hour in range(int(begin // 3600), int(at // 3600) + 1):
            part = (min(at, (hour + 1) * 3600.0) - max(begin, hour * 3600.0)) / 3600
            missed += max(0.0, stream.usual[self._slot(hour)]) * part
        return missed

    def _slot(self, hour: int) -> int:
        if hour not in self._slots:
            if len(self._slots) > 2 * KEPT_H:
                self._slots.clear()
            local = datetime.fromtimestamp(hour * 3600, self._calendar.zone)
            self._slots[hour] = local.hour + (0 if self._calendar.is_working(local.date()) else 24)
        return self._slots[hour]

    def _look(self, now: datetime) -> list[Finding]:
        """Once a minute: which sources are silent."""
        at = now.timestamp()
        if self._since is None:
            self._since = self._looked = at
        if at - self._looked < LOOK_S:
            return []
        self._looked = at
        found: list[Finding] = []
        speaking, silent = 0, []
        for key, _, stream in self._bank.items():
            found += self._turn(key, stream, now) if stream.is_surging else []
            if key.endswith(SOURCE + "\x1f") and stream.hour - stream.first >= LEARN_H and _usual(stream) >= LEAST_AN_HOUR:
                speaking += 1
                if self._is_silent(stream, at):
                    silent.append((key, stream))
        return found + self._tell(now, speaking, silent)

    def _is_silent(self, stream: _Stream, at: float) -> bool:
        if at - max(stream.last, self._since or at) <= LEAST_PAUSE_S:
            return False
        return stream.is_silent or self._missed(stream, at) > _most(stream)

    def _tell(self, now: datetime, speaking: int, silent: list[tuple[str, _Stream]]) -> list[Finding]:
        is_all = len(silent) >= MANY and len(silent) * 2 > speaking
        found = []
        if is_all != self._all_silent:
            self._all_silent = is_all
            found.append(self._everybody(now, len(silent), speaking, firing=is_all))
        for key, stream in silent if not is_all else []:
            at, voice = now.timestamp(), self._voice(key)
            stream.is_silent = True
            if not stream.silence_told and voice.may(at, stream.told_at) and self._missed(stream, at) > voice.factor * _most(stream):
                stream.silence_told, stream.told_at = True, at
                found.append(self._finding(now, key, "silence", _silence(at - stream.last, self._missed(stream, at), stream.missed), firing=True))
        return found

    def _finding(self, now: datetime, key: str, what: str, evidence: dict[str, Any], *, firing: bool) -> Finding:
        asset, by, name = key.split("\x1f")
        is_silence = what == "silence"
        title = "日志来源静默 / A source of logs fell silent" if is_silence else "事件数量激增 / Surge of events"
        severity = Severity.WARNING if is_silence else Severity.INFO if by == SOURCE else Severity.WARNING
        labels = {"what": what, "by": by} | ({"name": name} if name else {})
        return Finding(time=now, source=self.name, asset=asset, title=title, severity=severity, firing=firing, labels=labels, evidence=evidence)

    def _everybody(self, now: datetime, silent: int, speaking: int, *, firing: bool) -> Finding:
        evidence = {
            "silent": silent,
            "sources": speaking,
            "zh": f"{speaking} 个日志来源中有 {silent} 个同时静默，请检查转发链路与本机监听",
            "en": f"{silent} of {speaking} sources of logs are silent at once; look at the way to here and at this machine's listeners",
        }
        title = "多数日志来源同时静默 / Most sources of logs fell silent at once"
        labels = {"what": "silence", "by": "all"}
        return Finding(time=now, source=self.name, asset=ITSELF, title=title, severity=Severity.HIGH, firing=firing, labels=labels, evidence=evidence)

    def state(self) -> bytes:
        """What each stream's hours and pauses were like."""
        streams = [
            [
                key,
                at,
                one.first,
                one.hour,
                one.last,
                one.count,
                one.counts,
                [round(usual, 2) for usual in one.usual],
                one.missed,
                one.faded,
                one.is_surging,
                one.is_silent,
                one.surge_told,
                one.silence_told,
                one.told_at,
            ]
            for key, at, one in self._bank.items()
        ]
        return pack(self.name, VERSION, {"all": self._all_silent, "streams": streams})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError and stays as it was when it is damaged."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Stream] = Bank(self.name, self._limit)
        try:
            for key, at, first, hour, last, count, counts, usual, missed, faded, is_surging, is_silent, *told in head["streams"]:
                if len(str(key).split("\x1f")) != 3 or len(usual) != 48:
                    raise ValueError("a stream has another form")
                made = _Stream(int(first), int(hour), float(last), int(count), [int(one) for one in counts], [float(one) for one in usual])
                made.missed, made.faded = float(missed), int(faded)
                made.is_surging, made.is_silent = bool(is_surging), bool(is_silent)
                surge_told, silence_told, told_at = told or (is_surging, is_silent, 0.0)  # before budgets everything was told
                made.surge_told, made.silence_told, made.told_at = bool(surge_told), bool(silence_told), float(told_at)
                bank.put(str(key), float(at), made)
            self._all_silent = bool(head["all"])
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of rates is damaged; they are learned anew") from err
        self._bank, self._since = bank, None


def streams_of(event: Event) -> Iterator[str]:
    """The streams that an event counts in: its source, its facility there, and its kind unless that only says that it is a line."""
    yield f"{event.asset}\x1f{SOURCE}\x1f"
    facility = str(event.fields.get("log.syslog.facility.name") or "")[:64]
    if facility:
        yield f"{event.asset}\x1ffacility\x1f{facility}"
    if event.kind not in PLAIN:
        yield f"{event.asset}\x1fkind\x1f{event.kind[:64]}"


def _usual(stream: _Stream) -> float:
    """Events in a usual hour: the mean of those hours that had any."""
    busy = [count for count in stream.counts if count]
    return sum(busy) / len(busy) if busy else 0.0


def _surge(key: str, count: int, busiest: int) -> dict[str, Any]:
    _, by, name = key.split("\x1f")
    zh, en = {"source": ("全部事件", "events"), "facility": (f"设施 {name} 的日志", f"lines of facility {name}"), "kind": (f"{name} 事件", f"events {name}")}[
        by
    ]
    return {
        "count": count,
        "busiest_hour": busiest,
        "zh": f"本小时{zh}已有 {count} 条，14 天内最多的一小时为 {busiest} 条",
        "en": f"{count} {en} in this hour; the busiest hour of 14 days had {busiest}",
    }


def _most(stream: _Stream) -> float:
    """More events missed than this are a silence."""
    return max(LEAST_MISSED, PAUSES * stream.missed)


def _silence(lasts_s: float, missed: float, most: float) -> dict[str, Any]:
    minutes = lasts_s / 60
    return {
        "minutes": round(minutes, 1),
        "missed": round(missed, 1),
        "most_missed": round(most, 1),
        "zh": f"已 {minutes:.0f} 分钟没有事件；按平时应有约 {missed:.0f} 条，以往任何间隔最多缺 {most:.0f} 条",
        "en": f"no event for {minutes:.0f} minutes; about {missed:.0f} should have come, and no pause before missed more than {most:.0f}",
    }
