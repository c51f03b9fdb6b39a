"""Normal scores: a channel's own quantiles in place of a distribution nobody knows."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from detectors.contract import FloatArray

KNOTS = 257


def quantile_table(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots (KNOTS,) and their normal scores (KNOTS,), of a sample (n,) without NaN.

    Equal values get the mid-rank of all their ranks (Conover 1999, section 5.7); scores are bounded by those of the outermost
    ranks. Where the sample has fewer distinct values than knots, the last knot is repeated: it is never reached again.
    """
    distinct, counts = np.unique(values, return_counts=True)
    ranks = np.cumsum(counts) - 0.5 * counts  # mid-ranks
    share = ranks / values.size
    if distinct.size > KNOTS:
        # Evenly spread in probability, the outermost values kept.
        wanted = (np.arange(KNOTS) + 0.5) / KNOTS
        picked = np.interp(wanted, share, distinct)
        picked, first = np.unique(picked, return_index=True)
        distinct, share = picked, np.clip(wanted[first], share[0], share[-1])
    knots = np.full(KNOTS, distinct[-1])
    probabilities = np.full(KNOTS, share[-1])
    knots[: distinct.size], probabilities[: distinct.size] = distinct, share
    return knots, ndtri(probabilities)


def normal_scores(x: FloatArray, knots: FloatArray, scores: FloatArray) -> FloatArray:
    """Scores of x, (T, C), by straight lines between the knots (C, KNOTS); bounded outside; NaN stays NaN."""
    columns, size = knots.shape
    width = size - 1
    flat_knots, flat_scores = knots.ravel(), scores.ravel()
    base = np.arange(columns) * size
    low = np.zeros(x.shape, dtype=np.int64)  # greatest knot ≤ x, by bisection over all columns at once
    step = 1 << (width.bit_length() - 1)
    while step:
        trial = np.minimum(low + step, width)
        low = np.where(flat_knots[base + trial] <= x, trial, low)
        step >>= 1
    high = np.minimum(low + 1, width)
    left, right = flat_knots[base + low], flat_knots[base + high]
    gap = right - left
    share = np.clip((x - left) / np.where(gap > 0.0, gap, 1.0), 0.0, 1.0)
    below = flat_scores[base + low]
    scored: FloatArray = below + share * (flat_scores[base + high] - below)
    return scored
