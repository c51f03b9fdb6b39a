"""Phase II: raw rows to z and to run means by a baseline, with the memory both need."""

from __future__ import annotations

import numpy as np

from detectors.arrays import restore
from detectors.baseline.fit import Baseline
from detectors.baseline.runs import residual
from detectors.baseline.table import NormalScores
from detectors.baseline.transform import transform
from detectors.contract import BoolArray, FloatArray, SavedState
from detectors.errors import ShapeError


class Standardiser:
    """Mutable: remembers the last value of each channel within the run, and what the run has told of its offset."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._refused = np.array([bool(reason) for reason in baseline.refused])
        self._first_scale = np.sqrt(1.0 - baseline.phi**2)
        self._scores = NormalScores(baseline.knots, baseline.scores)
        self._by_runs = np.flatnonzero(baseline.by_runs)
        self._remembers = bool(np.any(baseline.phi != 0.0)) or self._by_runs.size > 0
        self._last = np.full(baseline.phi.size, np.nan)  # centred, NaN at a run's start and after a gap
        self._weight = np.zeros(self._by_runs.size)  # sums over the run, see detectors/baseline/runs.py
        self._pull = np.zeros(self._by_runs.size)

    def apply(self, x: FloatArray, new_run: BoolArray) -> FloatArray:
        """Z of raw rows, (T, C); NaN where not measured or refused. new_run: (T,), rows that start one. Raises ShapeError."""
        base = self._baseline
        _check(x, new_run, base.phi.size)
        centred = transform(x, base.kinds) - base.center
        if self._remembers:
            centred = self._residuals(centred, new_run)
        z = self._scores.of(centred)
        z[:, self._refused] = np.nan
        return z

    def _residuals(self, centred: FloatArray, new_run: BoolArray) -> FloatArray:
        phi, errors = self._baseline.phi, np.empty_like(centred)
        for t in range(centred.shape[0]):
            if new_run[t]:
                self._last[:] = np.nan
                self._weight[:] = self._pull[:] = 0.0
            row = centred[t]
            follows = np.isfinite(self._last)
            errors[t] = np.where(follows, row - phi * self._last, row * self._first_scale)
            if self._by_runs.size:
                self._foretell(errors[t], follows)
            self._last[:] = row
        return errors

    def _foretell(self, errors: FloatArray, follows: BoolArray) -> None:
        """Take from the innovations of a row, (C,), what their runs foretell, where runs differ; writes to `errors`."""
        base, k = self._baseline, self._by_runs
        e = errors[k]
        h = np.where(follows[k], 1.0 - base.phi[k], self._first_scale[k])
        errors[k] = residual(e, h, self._weight, self._pull, base.run_spread[k], base.noise[k])
        known = np.isfinite(e)
        self._weight += np.where(known, h * h, 0.0)
        self._pull += np.where(known, h * e, 0.0)

    def save(self) -> SavedState:
        """Copy of the memory."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved memory. Raises ShapeError."""
        restore(self._state(), saved)

    def _state(self) -> dict[str, FloatArray]:
        return {"last": self._last, "weight": self._weight, "pull": self._pull}


class RunMeans:
    """Means of runs where these differ, standardised: one per run, with the value that makes it `run_parts` long. Mutable."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._watched = baseline.by_runs & np.array([not reason for reason in baseline.refused])
        self._count = np.zeros(baseline.phi.size, np.int64)
        self._total = np.zeros(baseline.phi.size)

    def apply(self, x: FloatArray, new_run: BoolArray) -> FloatArray:
        """Run means of raw rows, (T, C), where one is complete with this row; NaN elsewhere. Raises ShapeError."""
        base = self._baseline
        _check(x, new_run, base.phi.size)
        y = transform(x, base.kinds)
        means = np.full(y.shape, np.nan)
        for t in range(y.shape[0]):
            if new_run[t]:
                self._count[:], self._total[:] = 0, 0.0
            known = np.isfinite(y[t])
            self._count += known
            self._total += np.where(known, y[t], 0.0)
            done = known & self._watched & (self._count == base.run_parts)
            if done.any():
                means[t, done] = (self._total[done] / base.run_parts[done] - base.run_center[done]) / base.run_scale[done]
        return means

    def save(self) -> SavedState:
        """Copy of the memory."""
        return {"count": self._count.copy(), "total": self._total.copy()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved memory. Raises ShapeError."""
        restore({"count": self._count, "total": self._total}, saved)


def _check(x: FloatArray, new_run: BoolArray, columns: int) -> None:
    if x.ndim != 2 or x.shape[1] != columns or new_run.shape != (x.shape[0],):
        raise ShapeError(f"need x (T, {columns}) and new_run (T,), got {x.shape} and {new_run.shape}")
