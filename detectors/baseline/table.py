"""Normal scores: a channel's own quantiles in place of a distribution nobody knows."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from detectors.contract import FloatArray, IntArray

KNOTS = 257
_BULK = 2.0  # score within which 95 % of the values lie


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


def reaching(knots: FloatArray, scores: FloatArray, tolerance: float, *, down: float, up: float) -> tuple[FloatArray, FloatArray]:
    """A table (KNOTS,) carried on beyond its bulk (scores within 2) by one score per tolerance, from -`down` to `up`; 0: not there.

    For a channel steadier than its tolerance: a bounded score cannot tell the tolerated shift from ten times as much, both lie
    beyond nearly everything the baseline showed. A step is at least three times the bulk's own spread, so that tails of noise gain
    nothing; the odd outlier of the baseline does, which is why there is a top. The second knot at either end makes room.
    """
    below, above = (float(np.interp(score, scores, knots)) for score in (-1.0, 1.0))
    step = max(tolerance, 1.5 * (above - below))
    low, high = (float(np.interp(score, scores, knots)) for score in (-_BULK, _BULK))
    risen = np.clip(_BULK + (knots - high) / step, scores, np.maximum(scores, up))
    sunk = np.clip(-_BULK + (knots - low) / step, np.minimum(scores, -down), scores)
    carried = np.where(knots > high, risen, np.where(knots < low, sunk, scores))
    ends = knots[0] - step * max(down + carried[0], 0.0), knots[-1] + step * max(up - carried[-1], 0.0)
    knots = np.concatenate([ends[:1], knots[:1], knots[2:-2], knots[-1:], ends[1:]])
    outer = min(carried[0], -down), max(carried[-1], up)
    return knots, np.concatenate([outer[:1], carried[:1], carried[2:-2], carried[-1:], outer[1:]])


class NormalScores:
    """Scores of values by straight lines between the knots of their columns; bounded outside; NaN stays NaN.

    The gap a value lies in is sought in two looks of 15 knots each, over all columns at once: on one row a bisection takes half as
    long again, and `np.interp` per column many times as long.
    """

    def __init__(self, knots: FloatArray, scores: FloatArray) -> None:
        """knots, scores: (C, KNOTS)."""
        self._lowest, self._highest = knots[:, 0].copy(), knots[:, -1].copy()
        self._knots, self._scores = knots.ravel(), scores.ravel()
        gap, rise = np.diff(knots, axis=1), np.diff(scores, axis=1)
        slopes = np.zeros_like(knots)  # score per unit of x from each knot to the next; 0 where there is no way to go
        np.divide(rise, gap, out=slopes[:, :-1], where=gap > 0.0)
        self._slopes = slopes.ravel()
        self._first = np.arange(0, knots.size, KNOTS)
        self._coarse = np.ascontiguousarray(knots[:, _LOOK : KNOTS - 1 : _LOOK].T[:, None])  # (15, 1, C)
        self._rows = max(1, 16384 // max(1, len(knots)))  # at once: what is looked at stays in a core's cache

    def of(self, x: FloatArray) -> FloatArray:
        """Scores of x, (T, C)."""
        inside = np.minimum(np.maximum(x, self._lowest), self._highest)
        if len(x) <= self._rows:
            return self._score(inside)
        return np.concatenate([self._score(inside[t : t + self._rows]) for t in range(0, len(x), self._rows)])

    def _score(self, inside: FloatArray) -> FloatArray:
        at = self._first + _LOOK * _reached(self._coarse, inside)  # the greatest knot <= x, but for the last: a gap begins there
        at += _reached(self._knots.take(at + _FINE, mode="clip"), inside)  # clip: the quickest mode, nothing lies outside
        scored: FloatArray = inside - self._knots.take(at)
        scored *= self._slopes.take(at)
        scored += self._scores.take(at)
        return scored


_LOOK = 16  # 256 gaps = 16 * 16
_FINE = np.arange(1, _LOOK)[:, None, None]


def _reached(knots: FloatArray, x: FloatArray) -> IntArray:
    """How many of the 15 knots (15, T, C) are <= x, (T, C)."""
    reached: IntArray = np.add.reduce((knots <= x).view(np.uint8), axis=0, dtype=np.uint8).astype(np.int64)
    return reached


def column_scores(x: FloatArray, knots: FloatArray, scores: FloatArray) -> FloatArray:
    """The same of one column, x any shape, knots and scores (KNOTS,); to rounding."""
    scored: FloatArray = np.interp(x, knots, scores)
    return scored
