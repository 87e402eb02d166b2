"""The shipped default as one function, for scoring on labelled series: nothing here is special to any of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.series.budgets import BUDGETS, SHIPPED
from detectors.series.engine import Series

ALARM = 0.5
LEAST_ROWS = 32
"""Rows that teach at least, whatever ``probation`` says: nothing can be called unusual after fewer."""


def detect(timestamps: NDArray[Any], values: NDArray[Any], probation: int) -> Floats:
    """Scores in [0, 1], one per row: at or above 0.5 a person is called, below it is severity alone.

    ``timestamps`` in seconds, ``values`` of shape (rows,) or (rows, metrics); rows before ``probation`` (and the first 32) teach and score 0.
    """
    teaching = max(probation, LEAST_ROWS)
    rows = np.asarray(values, float)
    if rows.ndim == 1 or rows.shape[1] == 1:
        return _one(timestamps, rows.reshape(len(rows)), teaching)
    if len(rows) <= teaching:
        return np.zeros(len(rows))
    from detectors.series.many import Many

    return combined(*Many().judge(timestamps, rows, teaching))


def combined(severity: Floats, alarm: NDArray[np.bool_]) -> Floats:
    """Severity below 0.5 where nobody is called, above where somebody is."""
    scores: Floats = np.where(alarm, ALARM, 0.0) + np.clip(severity, 0.0, 1.0) * (ALARM - 1e-9)
    return scores


def _one(timestamps: NDArray[Any], values: NDArray[np.float64], probation: int) -> Floats:
    series = Series(replace(BUDGETS[SHIPPED], warmup_rows=probation))
    judged = [series.step(at, value) for at, value in zip(timestamps.tolist(), values.tolist(), strict=True)]
    return combined(np.array([one.severity for one in judged]), np.array([one.alarm for one in judged]))
