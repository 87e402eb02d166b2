"""Scorers: how strange is a row of numbers. ``fit`` learns, ``score`` is pure and judges each row by itself."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

from core.errors import ConfigError
from core.registry import resolve
from detectors import SCORERS
from detectors.base import Floats, Scorer

PYOD: Final = {"knn": "KNN", "iforest": "IForest", "pca": "PCA", "hbos": "HBOS", "lof": "LOF", "mcd": "MCD"}


def scorer_of(name: str) -> Scorer:
    """A fresh scorer of the registry; of ``pyod`` the model follows a colon, such as ``pyod:hbos``. Raises ConfigError for an unknown one."""
    head, _, model = name.partition(":")
    made = resolve(SCORERS, head, "scorer")
    found: Scorer = made(model) if model else made()
    return found


class Knn:
    """Mean distance to the five nearest of at most ``size`` rows spread evenly over what was learned (Ramaswamy et al., SIGMOD 2000)."""

    def __init__(self, size: int = 1000, nearest: int = 5) -> None:
        self._size, self._nearest = size, nearest
        self._rows: Floats = np.zeros((0, 0))
        self._squares: Floats = np.zeros(0)

    def fit(self, rows: Floats) -> None:
        """Keep rows spread evenly."""
        self._keep(rows[np.unique(np.linspace(0, len(rows) - 1, min(self._size, len(rows))).astype(int))])

    def _keep(self, rows: Floats) -> None:
        self._rows = np.ascontiguousarray(rows, float)
        self._squares = np.einsum("ij,ij->i", self._rows, self._rows)

    def score(self, rows: Floats) -> Floats:
        """Distances, one a row."""
        return np.array([self._one(row) for row in np.asarray(rows, float)])

    def _one(self, row: Floats) -> float:
        squares = self._squares - 2 * (self._rows @ row) + row @ row
        near = min(self._nearest, len(squares))
        return float(np.sqrt(np.maximum(np.partition(squares, near - 1)[:near], 0)).mean())

    def state(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self._rows.astype(np.float32)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the rows."""
        self._keep(np.asarray(state["rows"], float))


class Pca:
    """Root of the squared residual outside the main axes plus Hotelling's T2 inside (Jackson and Mudholkar, Technometrics 1979)."""

    def __init__(self, kept: float = 0.9) -> None:
        self._kept = kept
        self._centre, self._axes, self._variance = np.zeros(0), np.zeros((0, 0)), np.zeros(0)

    def fit(self, rows: Floats) -> None:
        """Find the axes that carry ``kept`` of the variance."""
        self._centre = rows.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov(rows - self._centre, rowvar=False, bias=True).reshape(rows.shape[1], -1))
        values, axes = np.maximum(values[::-1], 0), axes[:, ::-1]
        total = values.sum()
        many = 1 if total <= 0 else int(np.searchsorted(np.cumsum(values) / total, self._kept)) + 1
        self._axes, self._variance = axes[:, :many], values[:many] + 1e-9

    def score(self, rows: Floats) -> Floats:
        """Residual and T2 added, one a row."""
        return np.array([self._one(row) for row in np.asarray(rows, float)])

    def _one(self, row: Floats) -> float:
        apart = row - self._centre
        inside = apart @ self._axes
        rest = apart - self._axes @ inside
        return float(np.sqrt(rest @ rest) + np.sqrt((inside * inside / self._variance).sum() / len(inside)))

    def state(self) -> dict[str, Any]:
        """Centre, axes, variances."""
        return {"centre": self._centre, "axes": self._axes, "variance": self._variance}

    def restore(self, state: dict[str, Any]) -> None:
        """Take centre, axes, variances."""
        self._centre, self._axes, self._variance = (np.asarray(state[name], float) for name in ("centre", "axes", "variance"))


class Pyod:
    """A PyOD model by name (knn, iforest, pca, hbos, lof, mcd), ranked by its decision function.

    PyOD's own files are code, so the state holds the learned rows and the model is fitted again from them, with a fixed seed.
    """

    def __init__(self, model: str = "iforest", size: int = 1000) -> None:
        if model not in PYOD:
            raise ConfigError(f"no PyOD model is called {model!r} here; there are: {', '.join(sorted(PYOD))}")
        self._model, self._size = model, size
        self._rows: Floats = np.zeros((0, 0))
        self._fitted: Any = None

    def fit(self, rows: Floats) -> None:
        """Fit on at most ``size`` rows spread evenly."""
        self._rows = np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, min(self._size, len(rows))).astype(int))], np.float32).astype(float)
        made = getattr(import_module(f"pyod.models.{self._model}"), PYOD[self._model])
        seed = {"random_state": 0} if self._model in ("iforest", "pca", "mcd") else {}
        self._fitted = made(**seed)
        self._fitted.fit(self._rows)

    def score(self, rows: Floats) -> Floats:
        """How far beyond what was usual while fitting: 0 at the lower end, 1 at the 99th percentile, growing on."""
        if self._fitted is None:
            self.fit(self._rows)
        usual = self._fitted.decision_scores_
        low, high = float(np.min(usual)), float(np.quantile(usual, 0.99))
        found = np.maximum((self._fitted.decision_function(np.asarray(rows, float)) - low) / max(high - low, 1e-9), 0)
        result: Floats = np.nan_to_num(found, nan=0.0, posinf=1e9)
        return result

    def state(self) -> dict[str, Any]:
        """The learned rows."""
        return {"rows": self._rows.astype(np.float32)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the rows; the model is fitted at the next score."""
        self._rows, self._fitted = np.asarray(state["rows"], float), None
