"""Phase I of novelty: how far apart ordinary parts lie in channel space, and how novel a part is measured by that."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy.special import betaincinv, gammaincinv

from detectors import arrays
from detectors.baseline.table import KNOTS, quantile_table
from detectors.contract import BoolArray, FloatArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.novelty.distance import Gauge

LEVEL = 0.01
"""A part is novel when its conformal p is at most this."""
MIN_CALIBRATION = 2_000
"""Calibration parts (METHODS 6): 20 of them are then beyond the level, and the bound on the share novel is 1.6 times the level."""
BLOCK = 25
"""Parts judged together (detector.py); the clustering of novel parts is measured in blocks of so many and of four times as many."""
_BOUND_LEVEL = 0.99
_CLUSTER_LEVEL = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyBaseline:
    """What was learned of C channels: scales, correlation, and the distances of parts that had no part in either.

    used: (C,) whether a channel enters. knots, scores: (C, KNOTS) its normal-score table; scale: (C,) the unit beyond the table.
    correlation: (C, C) of the scores, shrunk; identity where not used. calibration: (n,) distances, ascending. effect: by how much
    novel parts cluster, at least 1. share: upper bound of the share of parts novel in control.
    """

    used: BoolArray
    knots: FloatArray
    scores: FloatArray
    scale: FloatArray
    correlation: FloatArray
    calibration: FloatArray
    effect: float
    share: float

    def gauge(self) -> Gauge:
        """What judges single parts by this baseline."""
        return Gauge(self.used, self.knots, self.scores, self.scale, self.correlation, self.calibration)

    def judge(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How novel parts are: distances (T,) and conformal p (T,); see `Gauge.judge`. Raises ShapeError."""
        return self.gauge().judge(x)

    def to_arrays(self) -> SavedState:
        """Copy of everything."""
        return {f.name: np.array(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The baseline `to_arrays` was made of. Raises ShapeError when it is none."""
        names = {f.name for f in fields(cls)}
        if set(saved) != names:
            raise ShapeError(f"a novelty baseline has {', '.join(sorted(names))}, got {', '.join(sorted(saved))}")
        values: dict[str, Any] = {name: saved[name].copy() for name in names}
        return cls(**values | {name: float(saved[name]) for name in ("effect", "share")})


def fit(x: FloatArray) -> NoveltyBaseline:
    """What parts in production order, (T, C) channel values with NaN where not measured, are like.

    The first half gives scales and correlation, the second the distances: no part judges itself, and the second half stands to the
    first as later parts will. Raises BaselineRefused with the reason; ShapeError.
    """
    if not isinstance(x, np.ndarray) or x.ndim != 2:
        raise ShapeError("channel values must be float64 of shape (T, C)")
    arrays.finite_or_missing(arrays.rows(x, x.shape[1]))
    first, second = x[: len(x) // 2], x[len(x) // 2 :]
    used, knots, scores, scale = _tables(first)
    bare = Gauge(used, knots, scores, scale, np.eye(x.shape[1]), np.empty(0))
    z = bare.standardised(first)
    z = z[~np.isnan(z).any(axis=1)]
    if len(z) < 10 * z.shape[1]:
        raise BaselineRefused(
            f"{len(z)} complete parts for {z.shape[1]} channels, {10 * z.shape[1]} needed",
            hint="learn from more parts, or leave out channels that are seldom measured",
        )
    correlation = np.eye(x.shape[1])
    correlation[np.ix_(used, used)] = _shrunk(z)
    distance = Gauge(used, knots, scores, scale, correlation, np.empty(0)).judge(second)[0]
    distance = distance[~np.isnan(distance)]
    if distance.size < MIN_CALIBRATION:
        raise BaselineRefused(
            f"{distance.size} parts to calibrate on, {MIN_CALIBRATION} needed", hint=f"learn from {2 * MIN_CALIBRATION} parts"
        )
    effect = _clustering(distance)
    return NoveltyBaseline(used, knots, scores, scale, correlation, np.sort(distance), effect, share_bound(distance.size, effect))


def share_bound(calibration: int, effect: float = 1.0) -> float:
    """Upper 99 % bound of the share of ordinary parts with p <= LEVEL, given so many calibration parts: 0.0159 at 2,000.

    Given the calibration parts, that share is Beta(k, n + 1 - k), k = LEVEL (n + 1) rounded down (Vovk 2012, "Conditional validity
    of inductive conformal predictors"). Parts that come in clusters count as fewer by `effect`. Raises ParameterError.
    """
    beyond = int(LEVEL * (calibration + 1) + 1e-9)
    if beyond < 1 or effect < 1.0:
        raise ParameterError(
            f"need at least {round(1 / LEVEL) - 1} calibration parts and an effect of at least 1, got {calibration}"
        )
    return float(betaincinv(beyond / effect, (calibration + 1 - beyond) / effect, _BOUND_LEVEL))


def _tables(x: FloatArray) -> tuple[BoolArray, FloatArray, FloatArray, FloatArray]:
    """Which channels are used, and their tables and scales. Raises BaselineRefused when none is."""
    channels = x.shape[1]
    used, scale = np.zeros(channels, np.bool_), np.ones(channels)
    knots, scores = np.zeros((channels, KNOTS)), np.zeros((channels, KNOTS))
    for c in range(channels):
        values = x[~np.isnan(x[:, c]), c]
        if values.size < max(1, len(x) // 2):
            continue
        low, high = np.quantile(values, [0.25, 0.75])
        if high > low:
            used[c], scale[c] = True, (high - low) / 1.349  # of a normal distribution, its standard deviation
            knots[c], scores[c] = quantile_table(values)
    if not used.any():
        raise BaselineRefused("no channel varies and is measured on half of the parts")
    return used, knots, scores, scale


def _shrunk(z: FloatArray) -> FloatArray:
    """Second moments of z (n, c), drawn towards equal and uncorrelated ones (Ledoit and Wolf 2004, section 3.3)."""
    n, c = z.shape
    sample = z.T @ z / n
    target = np.eye(c) * (np.trace(sample) / c)
    away = float(((sample - target) ** 2).sum())
    noise = (float(((z * z).sum(axis=1) ** 2).sum()) / n - float((sample**2).sum())) / n
    weight = min(noise / away, 1.0) if away > 0.0 else 1.0
    shrunk: FloatArray = weight * target + (1.0 - weight) * sample
    return shrunk


def _clustering(distance: FloatArray) -> float:
    """How much more the number of novel parts varies between blocks than of independent parts; 1 where chance may do it (1 %)."""
    beyond = int(LEVEL * (distance.size + 1) + 1e-9)
    novel = (distance >= np.sort(distance)[-beyond]).astype(np.float64)
    effect = 1.0
    for size in (BLOCK, 4 * BLOCK):
        counts = novel[: novel.size // size * size].reshape(-1, size).sum(axis=1)
        mean, free = float(counts.mean()), counts.size - 1
        if mean == 0.0:
            continue
        ratio = float(counts.var(ddof=1)) / (mean * (1.0 - mean / size))
        if ratio > 2.0 * float(gammaincinv(free / 2.0, _CLUSTER_LEVEL)) / free:
            effect = max(effect, ratio)
    return effect
