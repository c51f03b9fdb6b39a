"""How far a part lies from ordinary ones in the space of its channels, its conformal p, and which channels stand out."""

from __future__ import annotations

import math

import numpy as np

from detectors import arrays
from detectors.baseline.table import NormalScores
from detectors.contract import BoolArray, FloatArray

Z_LIMIT = 12.0
"""Scores beyond this are taken as this: novel by any measure, and the squares stay small."""
MIN_SHARE = 0.5
"""A part with fewer of its channels measured is not judged."""


class Gauge:
    """Judges parts by C channels, of which those `used` count; what every part needs is worked out once.

    knots, scores: (C, KNOTS) of the normal-score tables; scale: (C,) the unit beyond them; correlation: (C, C) of the scores;
    calibration: (n,) distances of ordinary parts, ascending.
    """

    def __init__(
        self,
        used: BoolArray,
        knots: FloatArray,
        scores: FloatArray,
        scale: FloatArray,
        correlation: FloatArray,
        calibration: FloatArray,
    ) -> None:
        self._channels = used.size
        self._used = np.flatnonzero(used)
        self._table = NormalScores(knots[self._used], scores[self._used])
        self._lowest, self._highest = knots[self._used, 0].copy(), knots[self._used, -1].copy()
        self._scale = scale[self._used]
        self._correlation = correlation[np.ix_(self._used, self._used)]
        self._whiten = np.linalg.inv(np.linalg.cholesky(self._correlation))
        self._calibration = calibration
        self._spreads = [2.0 / (9.0 * max(count, 1)) for count in range(self._used.size + 1)]  # by channels measured

    def judge(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How novel parts are: distances (T,) and conformal p (T,), for channel values (T, C); NaN where too little was measured.

        p = (1 + calibration parts at least as far) / (n + 1): uniform or greater for a part exchangeable with those (Vovk,
        Gammerman and Shafer 2005, section 2.2). Distance: Mahalanobis in the space of the channels measured, made comparable
        between numbers of channels by the cube root of Wilson and Hilferty (1931): about N(0, 1) for ordinary parts. Raises
        ShapeError.
        """
        judged = np.array([self._judged(row) for row in self.standardised(x)], dtype=np.float64).reshape(-1, 2)
        return judged[:, 0].copy(), judged[:, 1].copy()

    def p_of(self, row: FloatArray) -> float:
        """Conformal p of one part, (C,); the same as `judge` says among others. Raises ShapeError."""
        return self._judged(self.standardised(row[None, :])[0])[1]

    def standardised(self, x: FloatArray) -> FloatArray:
        """Scores (T, channels used): the baseline's quantiles inside its range, a straight line in robust units beyond.

        Raises ShapeError.
        """
        x = arrays.finite_or_missing(arrays.rows(x, self._channels))[:, self._used]
        beyond = x - np.minimum(np.maximum(x, self._lowest), self._highest)
        scored = self._table.of(x)
        if not np.count_nonzero(beyond):  # as nearly always; adding nothing would say the same
            return scored
        scored += beyond / self._scale
        return np.minimum(np.maximum(scored, -Z_LIMIT), Z_LIMIT)

    def standing_out(self, x: FloatArray) -> list[int]:
        """Columns of one part, (1, C), that were measured, first the one furthest from what its other channels foretell.

        The conditional terms of the distance (Mason, Tracy and Young 1995, Journal of Quality Technology 27, 99): the score less
        its regression on the others, over the standard deviation left. Raises ShapeError.
        """
        row = self.standardised(x)[0]
        known = np.flatnonzero(~np.isnan(row))
        precision = np.linalg.inv(self._correlation[np.ix_(known, known)])
        apart = np.abs(precision @ row[known]) / np.sqrt(np.diag(precision))
        ranked: list[int] = self._used[known[np.argsort(-apart, kind="stable")]].tolist()
        return ranked

    def _judged(self, row: FloatArray) -> tuple[float, float]:
        """Distance and p of one row of scores: part by part, so that a batch has no say in the bits."""
        measured = ~np.isnan(row)
        count = int(np.count_nonzero(measured))
        if count == row.size:
            white = self._whiten @ row
            square = float(white @ white)
        elif count >= max(1.0, MIN_SHARE * row.size):
            own = row[measured]
            square = float(own @ np.linalg.solve(self._correlation[np.ix_(measured, measured)], own))
        else:
            return math.nan, math.nan
        spread = self._spreads[count]
        distance = (math.cbrt(square / count) - (1.0 - spread)) / math.sqrt(spread)
        nearer = int(self._calibration.searchsorted(distance, side="left"))
        return distance, (1.0 + self._calibration.size - nearer) / (self._calibration.size + 1.0)
