"""No data: a series that its collector brought at every poll has stopped, although the collector works.

The judgement needs no clock: a poll that succeeded (``collector.up`` is 1 in the batch) without the series is one missed poll. A poll that
failed proves nothing about the series (the rule on reachability speaks then), so the collector is ruled out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from core.errors import ConfigError
from core.records import Finding, Sample, Severity, series_key
from detectors.series import words
from detectors.series.bank import Bank
from detectors.series.memory import pack, unpack

VERSION: Final = 1
MISSED: Final = 3
GONE: Final = 1440  # polls after which a series is taken to be gone for good: an unmounted disk, a removed sensor
STEADY: Final = 3  # polls in a row that must have brought a series before its absence means something
LIMIT: Final = 50_000
MARK: Final = "collector.up"
FLEETING: Final = (
    "process.",
    "collector.",
    "wanglou.",
    "system.port.",
    "system.network.",
    "network.interface.",
    "network.lag.",
    "network.bgp.",
    "network.ospf.",
    "network.isis.",
    "network.ha.",
)


@dataclass(slots=True)
class _Seen:
    """One series of one poll."""

    metric: str
    labels: dict[str, str]
    steady: int = 0
    missed: int = 0
    last_at: float = 0.0


class NoData:
    """Fires when three good polls in a row lacked a series that had been steady; ends when it is back, or after a day, when it is taken to be gone for good."""

    name = "no_data"

    def __init__(self) -> None:
        self._bank: Bank[dict[str, _Seen]] = Bank(self.name, LIMIT)

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge the batch of one poll; a batch without the mark of its collector proves nothing."""
        found: list[Finding] = []
        for mark in (sample for sample in samples if sample.metric == MARK and sample.value == 1):
            batch = [one for one in samples if one.asset == mark.asset and one.time <= mark.time and not one.metric.startswith(FLEETING)]
            known = self._bank.get(f"{mark.asset}\x1f{mark.labels.get('collector', '')}", mark.time.timestamp(), dict)
            if known is not None:
                found += self._poll(mark, batch, known)
        return found + (self._bank.mark(samples[-1].time) if samples else [])

    def _poll(self, mark: Sample, batch: Sequence[Sample], known: dict[str, _Seen]) -> list[Finding]:
        found = []
        present = {sample.series: sample for sample in batch}
        for key, sample in present.items():
            seen = known.setdefault(key, _Seen(sample.metric, dict(sample.labels)))
            if seen.missed >= MISSED:
                found.append(self._finding(mark, seen, firing=False))
            seen.steady, seen.missed, seen.last_at = seen.steady + 1, 0, sample.time.timestamp()
        for key in [key for key in known if key not in present]:
            seen = known[key]
            if seen.steady < STEADY:
                del known[key]
                continue
            seen.missed += 1
            if seen.missed == MISSED:
                found.append(self._finding(mark, seen, firing=True))
            elif seen.missed >= GONE:
                found.append(self._finding(mark, seen, firing=False))
                del known[key]
        return found

    def _finding(self, mark: Sample, seen: _Seen, *, firing: bool) -> Finding:
        row = words.metric_row(seen.metric)
        where = words.of_labels(seen.labels)
        named = f" {where}" if where else ""
        since = datetime.fromtimestamp(seen.last_at, UTC).isoformat(timespec="seconds")
        collector = mark.labels.get("collector", "")
        evidence: dict[str, Any] = {"metric": seen.metric, "last_seen": since, "collector": collector, "polls_missed": seen.missed}
        if firing:
            evidence["zh"] = f"采集器 {collector} 工作正常，但 {row.zh}{named} 自 {since} 起没有数据"
            evidence["en"] = f"collector {collector} works, but {row.en}{named} has had no data since {since}"
        title = f"没有数据：{row.zh}{named} / No data: {row.en}{named}"
        labels = {"metric": seen.metric, **seen.labels}
        return Finding(
            time=mark.time, source=self.name, asset=mark.asset, title=title, severity=Severity.WARNING, firing=firing, labels=labels, evidence=evidence
        )

    def state(self) -> bytes:
        """Which series each poll brings."""
        polls = [[key, at, [asdict(seen) for seen in known.values()]] for key, at, known in self._bank.items()]
        return pack(self.name, VERSION, {"polls": polls})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        bank: Bank[dict[str, _Seen]] = Bank(self.name, LIMIT)
        try:
            for key, at, rows in head["polls"]:
                asset = key.split("\x1f")[0]
                bank.put(key, float(at), {series_key(asset, row["metric"], row["labels"]): _Seen(**row) for row in rows})
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise ConfigError("the memory of no_data is damaged; it is learned anew") from err
        self._bank = bank
