"""Standardised scores as the bets on them take them: within a limit, what is missing marked."""

from __future__ import annotations

import numpy as np

from detectors import arrays
from detectors.contract import BoolArray, FloatArray, IntArray


def bounded(x: FloatArray, at: IntArray, columns: int, limit: float) -> tuple[FloatArray, BoolArray | None, list[int]]:
    """Scores (T, K) within +-limit, 0 where not measured; what was measured, None when all was; labels. Without empty rows.

    Raises ShapeError where x is not (T, K) float64 without infinities, or `at` not (T,) int64, non-decreasing.
    """
    arrays.rows(x, columns)
    labels = arrays.labels(at, x.shape[0]).tolist()
    if x.size and np.minimum.reduce(x, axis=None) >= -limit and np.maximum.reduce(x, axis=None) <= limit:
        return x, None, labels  # nothing is missing: a NaN is no number's neighbour
    arrays.finite_or_missing(x)
    measured = ~np.isnan(x)
    rows = np.flatnonzero(measured.any(axis=1))
    measured = measured[rows]
    z = np.where(measured, np.minimum(np.maximum(x[rows], -limit), limit), 0.0)
    return z, None if measured.all() else measured, [labels[t] for t in rows.tolist()]


def chunk(columns: int) -> int:
    """Rows to bet on at once: many enough for numpy, few enough to stay in a core's cache."""
    return max(1, min(64, 32768 // max(columns, 1)))
