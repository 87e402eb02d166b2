"""Detectors: records in, findings out. Registries by name, imported on first use."""

from __future__ import annotations

from typing import Final

DETECTORS: Final = {
    "baseline": "detectors.series.baseline:Baseline",
    "change": "detectors.series.change:Change",
    "expiry": "detectors.series.expiry:Expiry",
    "forecast": "detectors.series.forecast:Forecast",
    "host": "detectors.series.host:Host",
    "lost": "detectors.series.lost:Lost",
    "no_data": "detectors.series.silence:NoData",
    "rate": "detectors.series.rate:Rate",
}

READERS: Final = {
    "logs": "detectors.logs.watch:Logs",
    "rates": "detectors.logs.rates:Rates",
}
"""Detectors of events: ``read(events, now)`` in the place of ``observe``."""

SCORERS: Final = {
    "knn": "detectors.series.scorers:Knn",
    "pca": "detectors.series.scorers:Pca",
    "pyod": "detectors.series.scorers:Pyod",
}
