"""E-values of a block's reject count that need two moments of it and no distribution."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray

REACHES = (1.0, 2.0, 4.0, 8.0)
"""How far inside the allowed rate each bet stakes from, in standard deviations: 1 finds large changes, 8 small ones."""
BETS = 2 * len(REACHES)
"""Upwards for each reach, then downwards."""
FLOOR = 2.0**-10
"""Share kept back from every bet: no e-value is 0, and log e stays above -7. It costs a growing bet a thousandth per block."""
CEILING = 2.0**20
"""And none is more than this: products of a few dozen stay finite."""


def variance(mean: float, parts: FloatArray, correlation: float) -> FloatArray:
    """Variance of the reject rate of blocks of so many parts, beta-binomial: m (1 - m) (1/n + (1 - 1/n) correlation)."""
    spread: FloatArray = mean * (1.0 - mean) * (1.0 / parts + (1.0 - 1.0 / parts) * correlation)
    return spread


def bets(rejects: FloatArray, parts: FloatArray, low: float, high: float, correlation: float) -> FloatArray:
    """E-values of blocks, (T, BETS, 1), for rejects (T,) of parts (T,).

    Upwards, with x = rejects / parts, s^2 = max over m in [low, high] of the variance, v(m), and a = high - t s:
    q = max(x - a, 0)^2 / D, D = max(v(high) + t^2 s^2, s^2 + max(low - a, 0)^2), e = FLOOR + (1 - FLOOR) q.
    E[q] <= 1 for every distribution of x with mean m in [low, high] and variance at most v(m), as max(x - a, 0)^2 <= (x - a)^2 and
    <= (x - m)^2 where m <= a: so E <= f(m) = v(m) + max(m - a, 0)^2, and f(m) <= D (README.md, "Why E[e] <= 1").
    Downwards the same of the share passed, 1 - x in [1 - high, 1 - low].
    """
    share = rejects / parts
    spread = variance(min(max(low, 0.5), high), parts, correlation)  # m (1 - m) is greatest next to 1/2
    up = _side(share, low, high, variance(high, parts, correlation), spread)
    down = _side(1.0 - share, 1.0 - high, 1.0 - low, variance(low, parts, correlation), spread)
    return np.ascontiguousarray(np.concatenate([up, down], axis=1)[:, :, None])


def _side(share: FloatArray, low: float, high: float, at_high: FloatArray, spread: FloatArray) -> FloatArray:
    """(T, len(REACHES)) for shares (T,), the variance at `high` (T,) and the greatest (T,)."""
    reach = np.array(REACHES) * np.sqrt(spread)[:, None]
    edge = high - reach
    worst = np.maximum(at_high[:, None] + reach * reach, spread[:, None] + np.maximum(low - edge, 0.0) ** 2)
    gain = np.minimum(np.maximum(share[:, None] - edge, 0.0) ** 2 / worst, CEILING)
    e: FloatArray = FLOOR + (1.0 - FLOOR) * gain
    return e
