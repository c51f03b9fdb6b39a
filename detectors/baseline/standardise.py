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
        if not len(centred):
            return centred
        starts = np.flatnonzero(new_run).tolist()
        before = self._last[None]
        if len(centred) > 1 or starts:
            before = np.concatenate([before, centred[:-1]])
            before[starts] = np.nan
        follows = np.isfinite(before)
        errors = np.where(follows, centred - self._baseline.phi * before, centred * self._first_scale)
        self._last = centred[-1].copy()
        if self._by_runs.size:
            for begin, end in zip([0, *starts], [*starts, len(centred)], strict=True):
                if begin in starts:
                    self._weight, self._pull = np.zeros_like(self._weight), np.zeros_like(self._pull)
                if begin < end:
                    self._foretell(errors[begin:end], follows[begin:end])
        return errors

    def _foretell(self, errors: FloatArray, follows: BoolArray) -> None:
        """Take from innovations of a run, (T, C), what the run so far foretells, where runs differ; writes to `errors`."""
        base, k = self._baseline, self._by_runs
        e = errors[:, k]
        h = np.where(follows[:, k], 1.0 - base.phi[k], self._first_scale[k])
        known = np.isfinite(e)
        weights, pulls = np.where(known, h * h, 0.0), np.where(known, h * e, 0.0)
        if len(e) == 1:  # as the agent folds: sums need no running
            weight, pull = self._weight, self._pull
        else:
            weight, pull = (
                np.add.accumulate(np.concatenate([total[None], added[:-1]]))
                for total, added in ((self._weight, weights), (self._pull, pulls))
            )
        errors[:, k] = residual(e, h, weight, pull, base.run_spread[k], base.noise[k])
        self._weight = (weight if weight.ndim == 1 else weight[-1]) + weights[-1]
        self._pull = (pull if pull.ndim == 1 else pull[-1]) + pulls[-1]

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
        starts = np.flatnonzero(new_run).tolist()
        for begin, end in zip([0, *starts], [*starts, len(y)], strict=True):
            if begin in starts:
                self._count[:], self._total[:] = 0, 0.0
            if begin < end:
                self._complete(y[begin:end], means[begin:end])
        return means

    def _complete(self, y: FloatArray, means: FloatArray) -> None:
        """Means of a run, (T, C), with whichever of its rows make them complete; writes to `means`."""
        base, known = self._baseline, np.isfinite(y)
        count = np.add.accumulate(np.concatenate([self._count[None], known.astype(np.int64)]))[1:]
        total = np.add.accumulate(np.concatenate([self._total[None], np.where(known, y, 0.0)]))[1:]
        row, k = np.nonzero(known & self._watched & (count == base.run_parts))
        means[row, k] = (total[row, k] / base.run_parts[k] - base.run_center[k]) / base.run_scale[k]
        self._count[:], self._total[:] = count[-1], total[-1]

    def save(self) -> SavedState:
        """Copy of the memory."""
        return {"count": self._count.copy(), "total": self._total.copy()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved memory. Raises ShapeError."""
        restore({"count": self._count, "total": self._total}, saved)


def _check(x: FloatArray, new_run: BoolArray, columns: int) -> None:
    if x.ndim != 2 or x.shape[1] != columns or new_run.shape != (x.shape[0],):
        raise ShapeError(f"need x (T, {columns}) and new_run (T,), got {x.shape} and {new_run.shape}")
