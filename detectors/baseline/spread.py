"""Which second moments of z a baseline allows: what the bets of `spread_shift` need for E[e] <= 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from detectors.baseline.table import column_scores
from detectors.contract import FloatArray
from detectors.spread_shift.bets import NARROWER, SLOPES, SPREADS, Z_LIMIT

# Standard errors added to the mean of e, so that its mean over new parts exceeds 1 in about 1 % of baselines: more on the side of
# more spread, where e is skewed. Measured: tests/detectors/test_baseline_spread.py.
_NARROWER_ERRORS = 2.6
_WIDER_ERRORS = 3.3
# Tolerated shifts that are tried, as shares of the tolerance; the spread of z bends slowly with the shift.
_SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
# A root is sought to this, in its logarithm, and taken on the safe side.
_PRECISION = 1e-6


def allowed(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float) -> tuple[float, float]:
    """(narrowest, widest) second moment of z, for residuals (n,) a table was made of and a tolerated shift of theirs, up or down.

    The values at which every bet's mean e over these residuals, however shifted within the tolerance, plus its standard errors
    is 1. Ties are thereby priced as they are: their scores vary less than 1.
    """
    shifts = {shift * share for share in _SHIFTS}  # one where nothing is tolerated
    squares = [np.minimum(np.abs(column_scores(used + by, knots, scores)), Z_LIMIT) ** 2 for by in sorted(shifts)]
    narrowest = min(_root(squares, j, _NARROWER_ERRORS) for j in range(NARROWER))
    widest = max(_root(squares, j, _WIDER_ERRORS) for j in range(NARROWER, len(SPREADS)))
    return narrowest, widest


def _root(squares: Sequence[FloatArray], bet: int, errors: float) -> float:
    """The allowed second moment at which the bet's mean e reaches 1 for the least favourable shift, from the safe side."""
    wider = SLOPES[bet] > 0

    def excess(log_moment: float) -> float:
        return max(min(max(_bound(q, bet, float(np.exp(log_moment)), errors), 1e-9) - 1.0, 9.0) for q in squares)

    low, high = (float(np.log(end)) for end in (1e-3, 1e3))
    if excess(high if wider else low) > 0.0:  # nothing is safe
        return float(np.exp(high if wider else low))
    if excess(low if wider else high) <= 0.0:  # everything is
        return float(np.exp(low if wider else high))
    root = float(brentq(excess, low, high, xtol=_PRECISION / 4.0))
    return float(np.exp(root + _PRECISION if wider else root - _PRECISION))


def _bound(squares: FloatArray, bet: int, moment: float, errors: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(squares * (SLOPES[bet] / moment)) / SPREADS[bet]
        mean, square = float(np.add.reduce(e)) / e.size, float(np.add.reduce(e * e)) / e.size
        bound = mean + errors * float(np.sqrt(max(square - mean * mean, 0.0) / e.size))
    return bound if np.isfinite(bound) else np.inf
