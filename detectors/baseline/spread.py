"""Which second moments of z a baseline allows: what the bets of `spread_shift` need for E[e] <= 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.baseline.table import column_scores
from detectors.contract import FloatArray
from detectors.spread_shift.bets import NARROWER, SLOPES, SPREADS, Z_LIMIT

# Standard errors added to the mean of e, so that its mean over new parts exceeds 1 in about 1 % of baselines: more on the side of
# more spread, where e is skewed. Measured: tests/detectors/test_baseline_spread.py.
_NARROWER_ERRORS = 2.6
_WIDER_ERRORS = 3.3
# Tolerated shifts that are tried, as shares of the tolerance; the spread of z bends slowly with the shift.
_SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_HALVINGS = 24


def allowed(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float) -> tuple[float, float]:
    """(narrowest, widest) second moment of z, for residuals (n,) a table was made of and a tolerated shift of theirs, up or down.

    The values at which every bet's mean e over these residuals, however shifted within the tolerance, plus its standard errors
    is 1. Ties are thereby priced as they are: their scores vary less than 1.
    """
    squares = [np.minimum(np.abs(column_scores(used + shift * share, knots, scores)), Z_LIMIT) ** 2 for share in _SHIFTS]
    narrowest = min(_root(squares, j, _NARROWER_ERRORS) for j in range(NARROWER))
    widest = max(_root(squares, j, _WIDER_ERRORS) for j in range(NARROWER, len(SPREADS)))
    return narrowest, widest


def _root(squares: Sequence[FloatArray], bet: int, errors: float) -> float:
    """The allowed second moment at which the bet's mean e reaches 1 for the least favourable shift, from the safe side."""
    low, high = 1e-3, 1e3
    wider = SLOPES[bet] > 0
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        safe = all(_bound(q, bet, middle, errors) <= 1.0 for q in squares)
        low, high = (low, middle) if safe == wider else (middle, high)
    return high if wider else low


def _bound(squares: FloatArray, bet: int, moment: float, errors: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(squares * (SLOPES[bet] / moment)) / SPREADS[bet]
        bound = float(e.mean() + errors * e.std() / np.sqrt(e.size))
    return bound if np.isfinite(bound) else np.inf
