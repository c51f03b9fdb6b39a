"""How far a part lies from ordinary ones in the space of its channels, its conformal p, and which channels stand out."""

from __future__ import annotations

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

    def judge(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How novel parts are: distances (T,) and conformal p (T,), for channel values (T, C); NaN where too little was measured.

        p = (1 + calibration parts at least as far) / (n + 1): uniform or greater for a part exchangeable with those (Vovk,
        Gammerman and Shafer 2005, section 2.2). Distance: Mahalanobis in the space of the channels measured, made comparable
        between numbers of channels by the cube root of Wilson and Hilferty (1931): about N(0, 1) for ordinary parts. Raises
        ShapeError.
        """
        z = self.standardised(x)
        distance = np.array([self._distance(row) for row in z], dtype=np.float64)  # part by part: a batch has no say in the bits
        further = self._calibration.size - np.searchsorted(self._calibration, distance, side="left")
        p: FloatArray = np.asarray((1.0 + further) / (self._calibration.size + 1.0), dtype=np.float64)
        p[np.isnan(distance)] = np.nan
        return distance, p

    def standardised(self, x: FloatArray) -> FloatArray:
        """Scores (T, channels used): the baseline's quantiles inside its range, a straight line in robust units beyond.

        Raises ShapeError.
        """
        x = arrays.finite_or_missing(arrays.rows(x, self._channels))[:, self._used]
        inside = np.minimum(np.maximum(x, self._lowest), self._highest)
        scored: FloatArray = self._table.of(inside) + (x - inside) / self._scale
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

    def _distance(self, row: FloatArray) -> float:
        measured = ~np.isnan(row)
        count = int(np.count_nonzero(measured))
        if count == row.size:
            white = self._whiten @ row
            square = float(white @ white)
        elif count >= max(1.0, MIN_SHARE * row.size):
            own = row[measured]
            square = float(own @ np.linalg.solve(self._correlation[np.ix_(measured, measured)], own))
        else:
            return float("nan")
        spread = 2.0 / (9.0 * count)
        return (float(np.cbrt(square / count)) - (1.0 - spread)) / float(np.sqrt(spread))
