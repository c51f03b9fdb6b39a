"""Normal scores: a channel's own quantiles in place of a distribution nobody knows."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from detectors.contract import FloatArray

KNOTS = 257


def quantile_table(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots (KNOTS,) and their normal scores (KNOTS,), of a sample (n,) without NaN.

    Equal values get the mid-rank of all their ranks (Conover 1999, section 5.7). Where the sample has more distinct values than
    knots, the knots lie evenly in the score, the outermost values kept: large shifts are then found up to a fifth sooner than
    with knots even in probability, which cap the score at 2.66. Where it has fewer, the last knot is repeated.
    """
    distinct, counts = np.unique(values, return_counts=True)
    share = (np.cumsum(counts) - 0.5 * counts) / values.size  # mid-ranks
    if distinct.size > KNOTS:
        score = ndtri(share)
        wanted = np.linspace(score[0], score[-1], KNOTS)
        distinct, share = np.interp(wanted, score, distinct), ndtr(wanted)
    knots = np.full(KNOTS, distinct[-1])
    probabilities = np.full(KNOTS, share[-1])
    knots[: distinct.size], probabilities[: distinct.size] = distinct, share
    return knots, ndtri(probabilities)


def slopes(knots: FloatArray, scores: FloatArray) -> FloatArray:
    """Score per unit of x from each knot to the next, (C, KNOTS); 0 where there is no way to go."""
    gap, rise = np.diff(knots, axis=1), np.diff(scores, axis=1)
    flat = np.zeros_like(knots)
    np.divide(rise, gap, out=flat[:, :-1], where=gap > 0.0)
    return flat


def normal_scores(x: FloatArray, knots: FloatArray, scores: FloatArray, slope: FloatArray) -> FloatArray:
    """Scores of x, (T, C), by straight lines between the knots (C, KNOTS); bounded outside; NaN stays NaN.

    By bisection over all columns at once: `np.interp` per column costs ten times as much on one row.
    """
    inside = np.minimum(np.maximum(x, knots[:, 0]), knots[:, -1])
    flat = knots.ravel()
    at = np.empty(x.shape, np.int64)
    at[...] = np.arange(0, flat.size, KNOTS)
    step = (KNOTS - 1) // 2
    while step:  # greatest knot <= x, 256 gaps, so that a trial never leaves the column
        at += step * (flat.take(at + step) <= inside)
        step //= 2
    scored: FloatArray = inside - flat.take(at)
    scored *= slope.ravel().take(at)
    scored += scores.ravel().take(at)
    return scored


def column_scores(x: FloatArray, knots: FloatArray, scores: FloatArray) -> FloatArray:
    """The same of one column, x any shape, knots and scores (KNOTS,); to rounding."""
    scored: FloatArray = np.interp(x, knots, scores)
    return scored
