"""What the tolerance of a channel costs each bet of `level_shift`, and which shift is then the smallest to be found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.baseline.table import column_scores
from detectors.contract import FloatArray
from detectors.level_shift.detector import STRENGTHS, Z_LIMIT

# Standard errors added to the mean of a bet's e under the tolerated shift.
_ERRORS = 2.6


def of_bets(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float, inflation: float) -> FloatArray:
    """What each bet must tolerate of z, (BETS,), so that its e has a mean of at most 1 whatever shift of the residuals up to
    `shift`: (log m - (1 + inflation) lambda^2 / 2) / |lambda|, m the mean of exp(lambda z) over the baseline's own values, with
    standard errors on top.

    A table rises, so that the whole shift upwards is the worst that is tolerated for a bet upwards, and the other way round. The
    mean of z alone is no price: a shift may spread z (towards the steep end of a skewed table), and then e is more than the mean
    says. Nor is the table's steepest slope (METHODS 2.4), which belongs to a pair of nearly tied values.
    """
    up, down = (np.clip(column_scores(used + by, knots, scores), -Z_LIMIT, Z_LIMIT) for by in (shift, -shift))
    won = [[np.exp(strength * z) for z in (up, -down)] for strength in STRENGTHS]
    most = np.array([[float(e.mean() + _ERRORS * e.std() / np.sqrt(e.size)) for e in row] for row in won])
    strengths = np.array(STRENGTHS)[:, None]
    prices: FloatArray = np.maximum((np.log(most) - (1.0 + inflation) * strengths * strengths / 2.0) / strengths, 0.0)
    return prices.ravel()


def raw_shift(used: FloatArray, knots: FloatArray, scores: FloatArray, detectable: Sequence[float]) -> float:
    """Smallest shift of the residuals that moves the mean of z by as much as is detectable up, and down; NaN if none does."""

    def short(shift: float) -> bool:
        return any(moved < wanted for moved, wanted in zip(moved(used, knots, scores, shift), detectable, strict=True))

    low, high = 0.0, float(np.ptp(knots))
    if short(high):
        return float("nan")
    for _ in range(14):  # to 1e-4 of the range
        middle = (low + high) / 2.0
        low, high = (middle, high) if short(middle) else (low, middle)
    return high


def moved(used: FloatArray, knots: FloatArray, scores: FloatArray, shift: float) -> tuple[float, float]:
    """How far the mean of z goes up, and down, when the residuals shift up, and down."""
    here, up, down = (float(column_scores(x, knots, scores).mean()) for x in (used, used + shift, used - shift))
    return up - here, here - down


def detectable(epsilon: FloatArray | float, inflation: float, threshold: float, within: int) -> float:
    """Mean of z whose evidence reaches the threshold within so many updates by its best bet, of eight."""
    growth = np.log(8.0 * threshold) / within
    strengths = np.array(STRENGTHS)
    return float(np.min(epsilon + growth / strengths + (1.0 + inflation) * strengths / 2.0))
