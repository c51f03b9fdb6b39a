"""Phase I: a baseline from a stretch of production, or the reason there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy.special import gammaincinv, stdtrit

from detectors.baseline import gate
from detectors.baseline.residual import residuals
from detectors.baseline.table import column_scores, quantile_table, reaching
from detectors.baseline.transform import codes, transform
from detectors.contract import FloatArray, IntArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError

# Fewer values than this give no table worth a threshold far in the tail.
MIN_VALUES = 200
# A channel in which one value makes up more than this share has no scale to move on.
MAX_TIED_SHARE = 0.5
# The unresolved mean and variance are bounded at these levels (METHODS 2.5 uses the same for runs).
_MEAN_LEVEL = 0.995
_VARIANCE_LEVEL = 0.01
# Autocorrelation below this many standard errors is not modelled: the residual of a wrong fit is worse than none.
_PHI_ERRORS = 3.0
_PHI_LIMIT = 0.95
# A table whose scores end less than this above the tolerated mean is carried on: no shift, however large, could be told from it.
_ROOM = 2.0
# "Smallest detectable shift" is the one the strongest bet finds within so many parts.
DETECTABLE_WITHIN = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What was learned of C channels. knots, scores: (C, KNOTS), the normal-score table of the residuals; the rest (C,).

    kinds: transform codes. center, sd: median and standard deviation after the transform. phi: AR(1). epsilon: tolerated mean of
    z; inflation: η. smallest_shift: detectable within DETECTABLE_WITHIN parts, after the transform. values: how many it rests on.
    reasons: per channel why it is refused, empty where it is not.
    """

    kinds: IntArray
    center: FloatArray
    sd: FloatArray
    phi: FloatArray
    knots: FloatArray
    scores: FloatArray
    epsilon: FloatArray
    inflation: FloatArray
    smallest_shift: FloatArray
    values: IntArray
    reasons: np.ndarray[tuple[int], np.dtype[np.str_]]

    @property
    def refused(self) -> tuple[str, ...]:
        """Per channel why it is not watched; empty where it is."""
        return tuple(str(reason) for reason in self.reasons)

    def to_arrays(self) -> SavedState:
        """Copy of everything."""
        return {f.name: np.array(getattr(self, f.name)) for f in fields(self) if f.name != "reasons"} | {
            "reasons": np.frombuffer("\n".join(self.refused).encode(), dtype=np.uint8)
        }

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The baseline `to_arrays` was made of. Raises ShapeError when it is none."""
        names = {f.name for f in fields(cls)}
        if set(saved) != names:
            raise ShapeError(f"a baseline has {', '.join(sorted(names))}, got {', '.join(sorted(saved))}")
        reasons = np.array(saved["reasons"].tobytes().decode().split("\n"), dtype=np.str_)
        arrays: dict[str, Any] = {name: saved[name] for name in names - {"reasons"}}
        return cls(**arrays, reasons=reasons)


def fit(
    x: FloatArray,
    runs: IntArray,
    *,
    transforms: Sequence[str],
    tolerances: FloatArray,
    thresholds: FloatArray,
) -> Baseline:
    """Fit and judge C channels on T rows.

    x: raw values, (T, C), NaN = not measured. runs: (T,) ids, equal within a lot or set-up. tolerances: (C,) after the transform.
    thresholds: (C,), the c each channel will be watched with. A channel that cannot be watched honestly is refused with its reason;
    the others stand. Raises ShapeError, ParameterError.
    """
    if x.ndim != 2 or runs.shape != (x.shape[0],):
        raise ShapeError(f"need x (T, C) and runs (T,), got {x.shape} and {runs.shape}")
    columns = x.shape[1]
    if len(transforms) != columns or tolerances.shape != (columns,) or thresholds.shape != (columns,):
        raise ShapeError(f"need {columns} transforms, tolerances and thresholds, got {len(transforms)}, {tolerances.shape}")
    if np.any(tolerances < 0.0):
        raise ParameterError("tolerances must not be negative")
    kinds = codes(transforms)
    y = transform(x, kinds)
    held_out = np.full(y.shape, np.nan)
    learned = [_channel(y[:, k], runs, float(tolerances[k]), float(thresholds[k]), held_out[:, k]) for k in range(columns)]
    values = {name: np.array([getattr(one, name) for one in learned]) for name in _Channel.__slots__ if name != "reason"}
    reasons = [one.reason for one in learned]
    alarms = gate.false_alarms(held_out, values["epsilon"], values["inflation"], thresholds)
    for k in np.flatnonzero(alarms):
        reasons[k] = f"{alarms[k]} false alarm(s) on the baseline itself; something changed while it was learned: learn again"
    return Baseline(kinds=kinds, **values, reasons=np.array(reasons, dtype=np.str_))


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel's part of a Baseline."""

    center: float
    sd: float
    phi: float
    knots: FloatArray
    scores: FloatArray
    epsilon: float
    inflation: float
    smallest_shift: float
    values: int
    reason: str


def _channel(y: FloatArray, runs: IntArray, tolerance: float, threshold: float, held_out: FloatArray) -> _Channel:
    """Writes the channel's held-out scores into `held_out`, (T,)."""
    try:
        return _watched(y, runs, tolerance, threshold, held_out)
    except BaselineRefused as refusal:
        knots, scores = quantile_table(np.zeros(1))
        reason = f"{refusal}; {refusal.hint}" if refusal.hint else str(refusal)
        measured = int(np.isfinite(y).sum())
        return _Channel(np.nan, np.nan, 0.0, knots, scores, 0.0, 0.0, np.nan, measured, reason)


def _watched(y: FloatArray, runs: IntArray, tolerance: float, threshold: float, held_out: FloatArray) -> _Channel:
    measured = y[np.isfinite(y)]
    if measured.size < MIN_VALUES:
        raise BaselineRefused(f"{measured.size} values, {MIN_VALUES} needed", hint="not measured on these frames, or learn longer")
    _, counts = np.unique(measured, return_counts=True)
    if counts.max() > MAX_TIED_SHARE * measured.size:
        share = 100.0 * counts.max() / measured.size
        raise BaselineRefused(f"one value makes up {share:.0f} % of the baseline", hint="the channel does not vary here")
    center = float(np.median(measured))
    phi = _phi(y - np.mean(measured), runs)
    errors = residuals(y, runs, center, phi)
    used = errors[np.isfinite(errors)]
    knots, scores = quantile_table(used)
    unresolved = float(stdtrit(used.size - 1, _MEAN_LEVEL) / np.sqrt(used.size))
    epsilon = max(_tolerated(used, knots, scores, tolerance * (1.0 - phi)), unresolved)
    inflation = _unresolved_variance(used.size)
    held_out[:] = gate.held_out(errors, runs, epsilon=epsilon, inflation=inflation)
    if min(scores[-1], -scores[0]) - epsilon < _ROOM:
        knots, scores = reaching(knots, scores, tolerance * (1.0 - phi), epsilon + 2.0 * _ROOM)
        epsilon = max(_tolerated(used, knots, scores, tolerance * (1.0 - phi)), unresolved)
    smallest = _raw_shift(used, knots, scores, _detectable(epsilon, inflation, threshold)) / (1.0 - phi)
    sd = float(np.std(measured))
    return _Channel(center, sd, phi, knots, scores, epsilon, inflation, smallest, int(measured.size), "")


def _phi(centred: FloatArray, runs: IntArray) -> float:
    """Lag-1 autocorrelation within runs of values less their mean, 0 where it is not distinguishable from none."""
    now, before = centred[1:], centred[:-1]
    usable = (runs[1:] == runs[:-1]) & np.isfinite(now) & np.isfinite(before)
    if usable.sum() < MIN_VALUES // 2:
        return 0.0
    now, before = now[usable], before[usable]
    # Clipped, so that a few outliers neither hide nor feign autocorrelation.
    spread = np.nanstd(centred)
    now, before = np.clip(now, -4 * spread, 4 * spread), np.clip(before, -4 * spread, 4 * spread)
    phi = float(np.dot(now, before) / np.dot(before, before))
    if abs(phi) < _PHI_ERRORS / np.sqrt(now.size):
        return 0.0
    return float(np.clip(phi, -_PHI_LIMIT, _PHI_LIMIT))


def _tolerated(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float) -> float:
    """Largest mean shift of z that a tolerated shift of the residuals causes, up or down, over the baseline's own values.

    The bets bear on the mean of z, so that the mean over the sample is the right exchange rate; the table's single steepest slope
    (METHODS 2.4) belongs to a pair of nearly tied values and would declare almost any change tolerable.
    """
    return max(0.0, *_moved(used, knots, scores, shift))


def _raw_shift(used: FloatArray, knots: FloatArray, scores: FloatArray, detectable: float) -> float:
    """Smallest shift of the residuals that moves the mean of z by `detectable` in either direction; NaN if none does."""
    low, high = 0.0, float(np.ptp(knots))
    if min(_moved(used, knots, scores, high)) < detectable:
        return float("nan")
    for _ in range(14):  # to 1e-4 of the range
        middle = (low + high) / 2.0
        low, high = (low, middle) if min(_moved(used, knots, scores, middle)) >= detectable else (middle, high)
    return high


def _moved(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float) -> tuple[float, float]:
    """How far the mean of z goes up, and down, when the residuals shift up, and down."""
    here, up, down = (float(column_scores(x, knots, scores).mean()) for x in (used, used + shift, used - shift))
    return up - here, here - down


def _unresolved_variance(n: int) -> float:
    """η: by how much the true variance of z may exceed the sample's, (n − 1)/χ²(0.01, n − 1) − 1."""
    return float((n - 1) / (2.0 * gammaincinv((n - 1) / 2.0, _VARIANCE_LEVEL)) - 1.0)


def _detectable(epsilon: float, inflation: float, threshold: float) -> float:
    """Mean of z whose evidence reaches the threshold within DETECTABLE_WITHIN updates by its best bet, of eight."""
    growth = np.log(8.0 * threshold) / DETECTABLE_WITHIN
    strengths = np.array([0.25, 0.5, 1.0, 2.0])
    return float(np.min(epsilon + growth / strengths + (1.0 + inflation) * strengths / 2.0))
