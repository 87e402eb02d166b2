"""Sentences about findings, in Chinese and English, with numbers that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from core.catalogue import Metric, catalogue

SIGNALS: Final = {
    "value": ("数值", "value"),
    "daily": ("与每日规律之差", "difference from the daily pattern"),
    "mean8": ("短期均值", "short mean"),
    "mean64": ("长期均值", "long mean"),
    "spread64": ("波动", "spread"),
}
STEPS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, unit: str = "") -> str:
    """Three significant digits with the unit; bytes and bits with a prefix."""
    text = ""
    if unit.startswith(("By", "bit")):
        for size, prefix in STEPS:
            if abs(value) >= size:
                text, unit = f"{value / size:.3g}", f"{prefix}{unit.replace('By', 'B')}"
                break
        else:
            unit = unit.replace("By", "B")
    text = text or (f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}")
    shown = {"1": "", "Cel": "℃", "{rpm}": "rpm"}.get(unit, unit)
    return f"{text} {shown}".strip()


def metric_row(name: str) -> Metric:
    """The catalogue's row, or one made of the name for a metric that is in no table."""
    return catalogue().get(name) or Metric(unit="1", zh=name, en=name)


def of_labels(labels: Mapping[str, str]) -> str:
    """The values of the labels, such as /var or eth0 transmit."""
    return " ".join(labels[key] for key in sorted(labels))


def rarity(direction: int, days: float) -> tuple[str, str]:
    """How rare: a record of so many days watched."""
    watched = max(1, round(days))
    return f"{watched} 天来{'最高' if direction >= 0 else '最低'}", f"the {'highest' if direction >= 0 else 'lowest'} in {watched} day{'s' * (watched > 1)}"


def named(signals: Sequence[str]) -> tuple[str, str]:
    """The names of signals in both languages."""
    pairs = [SIGNALS.get(name, (name, name)) for name in signals]
    return "、".join(zh for zh, _ in pairs), ", ".join(en for _, en in pairs)
