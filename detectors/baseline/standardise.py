"""Phase II: raw rows to z by a baseline, with the memory an AR(1) needs."""

from __future__ import annotations

import numpy as np

from detectors.arrays import restore
from detectors.baseline.fit import Baseline
from detectors.baseline.table import NormalScores
from detectors.baseline.transform import transform
from detectors.contract import BoolArray, FloatArray, SavedState
from detectors.errors import ShapeError


class Standardiser:
    """Mutable: remembers the last value of each channel within the run."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._refused = np.array([bool(reason) for reason in baseline.refused])
        self._first_scale = np.sqrt(1.0 - baseline.phi**2)
        self._scores = NormalScores(baseline.knots, baseline.scores)
        self._autocorrelated = bool(np.any(baseline.phi != 0.0))
        self._last = np.full(baseline.phi.size, np.nan)  # centred, NaN at a run's start and after a gap

    def apply(self, x: FloatArray, new_run: BoolArray) -> FloatArray:
        """Z of raw rows, (T, C); NaN where not measured or refused. new_run: (T,), rows that start one. Raises ShapeError."""
        base = self._baseline
        if x.ndim != 2 or x.shape[1] != base.phi.size or new_run.shape != (x.shape[0],):
            raise ShapeError(f"need x (T, {base.phi.size}) and new_run (T,), got {x.shape} and {new_run.shape}")
        centred = transform(x, base.kinds) - base.center
        if self._autocorrelated:
            centred = self._residuals(centred, new_run)
        z = self._scores.of(centred)
        z[:, self._refused] = np.nan
        return z

    def _residuals(self, centred: FloatArray, new_run: BoolArray) -> FloatArray:
        phi, errors = self._baseline.phi, np.empty_like(centred)
        for t in range(centred.shape[0]):
            if new_run[t]:
                self._last[:] = np.nan
            row = centred[t]
            errors[t] = np.where(np.isfinite(self._last), row - phi * self._last, row * self._first_scale)
            self._last[:] = row
        return errors

    def save(self) -> SavedState:
        """Copy of the memory."""
        return {"last": self._last.copy()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved memory. Raises ShapeError."""
        restore({"last": self._last}, saved)
