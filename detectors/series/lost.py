"""What held for long and is lost: ports that were up for a week, members of an aggregated link, neighbours of routing protocols.

Each series is a whole number (1 and 0, or a count). The highest number that held for its time is the level of the series; below it the
series has lost something. What a device itself says of how long a port has been as it is (ifLastChange) counts, so that a
new installation need not watch for a week before it speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from core.errors import ConfigError
from core.records import Finding, Sample, Severity
from detectors.series.bank import Bank
from detectors.series.memory import pack, unpack

VERSION: Final = 1
LIMIT: Final = 200_000
DAY_S: Final = 86_400.0
MOST: Final = 1e6  # beyond this a value is no count of anything
ADMIN: Final = "network.interface.admin"
UNCHANGED: Final = "network.interface.unchanged"
NEIGHBOURS: Final = "network.interface.neighbours"
PORT: Final = "network.interface.oper"


@dataclass(frozen=True, slots=True)
class Watched:
    """One metric: the source of its findings, how long a number must hold to be the level, and what a loss is called."""

    source: str
    held_s: float
    zh: str
    en: str


WATCHED: Final = {
    PORT: Watched("interface_lost", 7 * DAY_S, "接口中断", "Interface is down"),
    "network.lag.members": Watched("lag_lost", 3600.0, "聚合链路失去成员", "Link aggregation lost members"),
    "network.bgp.peer.up": Watched("bgp_lost", 3600.0, "BGP 邻居中断", "BGP peer is down"),
    "network.ospf.neighbour.up": Watched("ospf_lost", 3600.0, "OSPF 邻居中断", "OSPF neighbour is down"),
    "network.isis.neighbour.up": Watched("isis_lost", 3600.0, "IS-IS 邻居中断", "IS-IS neighbour is down"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """A loss is taken for the new level after ``accept_s``; ``share`` of the level or less that is left is grave."""

    accept_s: float = 30 * DAY_S
    share: float = 0.5
    watched: tuple[tuple[str, Watched], ...] = tuple(WATCHED.items())


OPTIONS: Final = Options()


@dataclass(slots=True)
class _Level:
    """One series. ``rise`` is the lowest number since ``rise_at`` that is above the level."""

    level: float = 0.0
    level_at: float = 0.0
    rise: float = 0.0
    rise_at: float = 0.0
    lost_at: float = 0.0
    severity: str = ""
    last_at: float = 0.0
    neighbours: float = 0.0


class Lost:
    """Fires when a series falls below its level; ends when it is back, when a person shut the port, or after 30 days."""

    name = "lost"

    def __init__(self, options: Options = OPTIONS) -> None:
        self.options = options
        self._watched = dict(options.watched)
        self._bank: Bank[_Level] = Bank(self.name, LIMIT)

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge the batch of one poll."""
        shut, since, beside = (_of(samples, metric) for metric in (ADMIN, UNCHANGED, NEIGHBOURS))
        found: list[Finding] = []
        for sample in samples:
            rule = self._watched.get(sample.metric)
            if rule is None or not 0 <= sample.value <= MOST:
                continue
            at = sample.time.timestamp()
            kept = self._bank.get(sample.series, at, _Level)
            if kept is None or at < kept.last_at:
                continue
            port = (sample.asset, sample.labels.get("interface", ""))
            if sample.metric == PORT:
                kept.neighbours = max(kept.neighbours, beside.get(port, 0.0))
                kept.rise_at = min(kept.rise_at, at - since[port]) if kept.rise and port in since else kept.rise_at
            found += self._judge(sample, rule, kept, at, since.get(port, 0.0), is_shut=sample.metric == PORT and shut.get(port) == 0)
            kept.last_at = at
        return found + (self._bank.mark(samples[-1].time) if samples else [])

    def _judge(self, sample: Sample, rule: Watched, kept: _Level, at: float, unchanged_s: float, *, is_shut: bool) -> Iterable[Finding]:
        if is_shut:
            ended = self._end(sample, rule, kept, "已由人关闭", "it was shut by a person")
            kept.level = kept.rise = 0.0
            return ended
        _rise(sample.value, kept, at, rule.held_s, unchanged_s if sample.metric == PORT and sample.value else 0.0)
        if sample.value >= kept.level:
            return self._end(sample, rule, kept, "已恢复", "it is back")
        if kept.severity and at - kept.lost_at > self.options.accept_s:
            ended = self._end(sample, rule, kept, "长期如此，视为常态", "it has been so for long and is taken as usual")
            kept.level = sample.value
            return ended
        return self._lose(sample, rule, kept, at)

    def _lose(self, sample: Sample, rule: Watched, kept: _Level, at: float) -> Iterable[Finding]:
        is_grave = (kept.neighbours > 0 or sample.metric != PORT) and sample.value <= kept.level * self.options.share
        severity = Severity.HIGH if is_grave else Severity.WARNING
        if kept.severity == severity.value:
            return ()
        kept.lost_at = kept.lost_at if kept.severity else at
        kept.severity = severity.value
        return (self._finding(sample, rule, kept, severity),)

    def _finding(self, sample: Sample, rule: Watched, kept: _Level, severity: Severity) -> Finding:
        held = datetime.fromtimestamp(kept.level_at, UTC).isoformat(timespec="minutes")
        left = f"{sample.value:g}/{kept.level:g}"
        beside = ("，对端有网络设备" if kept.neighbours else "", ", a network device is at its other end" if kept.neighbours else "")
        evidence: dict[str, Any] = {
            "metric": sample.metric,
            "value": sample.value,
            "level": kept.level,
            "held_since": held,
            "zh": f"{_place(sample)} {rule.zh}（{left}）；自 {held} 起一直正常{beside[0]}",
            "en": f"{_place(sample)}: {rule.en} ({left}); it had held since {held}{beside[1]}",
        }
        return _told(sample, rule, severity, evidence, firing=True)

    @staticmethod
    def _end(sample: Sample, rule: Watched, kept: _Level, zh: str, en: str) -> Iterable[Finding]:
        if not kept.severity:
            return ()
        severity, kept.severity = Severity(kept.severity), ""
        return (_told(sample, rule, severity, {"metric": sample.metric, "value": sample.value, "zh": zh, "en": en}, firing=False),)

    def state(self) -> bytes:
        """The levels of all series."""
        return pack(self.name, VERSION, {"levels": [[key, at, asdict(kept)] for key, at, kept in self._bank.items()]})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[_Level] = Bank(self.name, LIMIT)
        try:
            for key, at, kept in head["levels"]:
                level = _Level(**kept)
                level.severity = Severity(level.severity).value if level.severity else ""
                bank.put(str(key), float(at), level)
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of lost is damaged; it is learned anew") from err
        self._bank = bank


def _of(samples: Sequence[Sample], metric: str) -> dict[tuple[str, str], float]:
    return {(sample.asset, sample.labels.get("interface", "")): sample.value for sample in samples if sample.metric == metric}


def _rise(value: float, kept: _Level, at: float, held_s: float, unchanged_s: float) -> None:
    """Follow a number above the level until it has held for long enough to be the level."""
    if value <= kept.level:
        kept.rise = 0.0
        return
    if not kept.rise:
        kept.rise, kept.rise_at = value, at - unchanged_s
    kept.rise = min(kept.rise, value)
    if at - kept.rise_at >= held_s:
        kept.level, kept.level_at, kept.rise = kept.rise, kept.rise_at, 0.0


def _place(sample: Sample) -> str:
    return sample.labels.get("interface") or sample.labels.get("peer") or sample.asset


def _told(sample: Sample, rule: Watched, severity: Severity, evidence: dict[str, Any], *, firing: bool) -> Finding:
    place = _place(sample)
    title = f"{rule.zh}：{place} / {rule.en}: {place}"
    return Finding(
        time=sample.time, source=rule.source, asset=sample.asset, title=title, severity=severity, firing=firing, labels=dict(sample.labels), evidence=evidence
    )
