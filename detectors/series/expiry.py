"""Dates that come: certificates, warranties, contracts, licences. From samples (``*.days_left``) and from the dates of an asset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from core.errors import ConfigError
from core.records import Finding, Sample, Severity, series_key
from detectors.series import words
from detectors.series.memory import pack, unpack

VERSION: Final = 1
STEPS: Final = ((7.0, Severity.HIGH), (14.0, Severity.WARNING), (30.0, Severity.INFO))
SUFFIX: Final = ".days_left"
BY_RULES: Final = frozenset({"tls.certificate.days_left"})  # the default rules speak of these
KINDS: Final = {
    "warranty": ("保修", "Warranty"),
    "contract": ("合同", "Contract"),
    "licence": ("许可", "Licence"),
    "certificate": ("证书", "Certificate"),
    "end_of_life": ("停止支持", "End of life"),
    "mlps": ("等保测评", "MLPS assessment"),
}


class Expiry:
    """Fires 30, 14 and 7 days before, graver each time; ends when the date has moved away."""

    name = "expiry"

    def __init__(self, ignored: frozenset[str] = BY_RULES) -> None:
        self._ignored = ignored
        self._told: dict[str, str] = {}

    def observe(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge every sample whose metric counts days left."""
        found: list[Finding] = []
        for sample in samples:
            if sample.metric.endswith(SUFFIX) and sample.metric not in self._ignored and math.isfinite(sample.value):
                row = words.metric_row(sample.metric)
                found += self._one(sample.time, sample.asset, (row.zh, row.en), {"metric": sample.metric, **sample.labels}, sample.value)
        return found

    def dates(self, asset: str, dates: Mapping[str, str], now: datetime) -> Iterable[Finding]:
        """Judge the dates of an asset (what -> 2026-12-31), to be called daily; a text that is no date is passed over, a date taken away ends."""
        found: list[Finding] = []
        for what in KINDS.keys() - dates.keys():
            if series_key(asset, self.name, {"date": what}) in self._told:
                found += self._one(now, asset, KINDS[what], {"date": what}, math.inf)
        for what, text in sorted(dates.items()):
            try:
                end = datetime.combine(date.fromisoformat(text.strip()), time(23, 59, 59), UTC)
            except ValueError:
                continue
            found += self._one(now, asset, KINDS.get(what, (what, what)), {"date": what}, (end - now).total_seconds() / 86400)
        return found

    def _one(self, now: datetime, asset: str, names: tuple[str, str], labels: Mapping[str, str], days: float) -> list[Finding]:
        severity = next((severity for limit, severity in STEPS if days < limit), None)
        key = series_key(asset, self.name, labels)
        before = self._told.get(key)
        if severity is None:
            if before is None:
                return []
            del self._told[key]
            return [self._finding(now, asset, names, labels, days, Severity(before), firing=False)]
        if before == severity.value:
            return []
        self._told[key] = severity.value
        return [self._finding(now, asset, names, labels, days, severity, firing=True)]

    def _finding(
        self, now: datetime, asset: str, names: tuple[str, str], labels: Mapping[str, str], days: float, severity: Severity, *, firing: bool
    ) -> Finding:
        zh, en = names
        title = f"{zh}即将到期 / {en} is about to expire"
        if math.isinf(days):
            evidence: dict[str, Any] = {"zh": f"{zh}日期已取消", "en": f"{en}: no date any more"}
            return Finding(time=now, source=self.name, asset=asset, title=title, severity=severity, firing=firing, labels=dict(labels), evidence=evidence)
        left = math.floor(days)
        evidence = {"days_left": round(days, 2)}
        evidence["zh"] = f"{zh}还有 {left} 天到期" if left >= 0 else f"{zh}已过期 {-left} 天"
        evidence["en"] = f"{en}: {left} days left" if left >= 0 else f"{en}: expired {-left} days ago"
        return Finding(time=now, source=self.name, asset=asset, title=title, severity=severity, firing=firing, labels=dict(labels), evidence=evidence)

    def state(self) -> bytes:
        """What was told of which date."""
        return pack(self.name, VERSION, {"told": self._told})

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        head, _ = unpack(state, self.name, VERSION)
        try:
            self._told = {str(key): Severity(value).value for key, value in head["told"].items()}
        except (KeyError, ValueError, AttributeError) as err:
            raise ConfigError("the memory of expiry is damaged; it is learned anew") from err
