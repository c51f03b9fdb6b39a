"""A robust straight line through a few block values, with a common slope over steps, and when it meets a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from detectors.contract import FloatArray, IntArray

REACH = 4.0
"""Block values further from the Theil-Sen line than so many robust deviations are drawn in to there."""
WIDEN = 1.3
"""Errors of the interval are this much larger than independent blocks would have: days of AR(1) 0.8 leave blocks of 5 of them
correlated, and intervals then cover 87 to 92 % without it (README.md)."""
WIDEN_TEST = 2.0
"""And those of the test, far out in the tail, where with 1.3 days of AR(1) 0.8 give 2.5 times the false alarms allowed
(README.md).
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Least squares on values drawn in to a Theil-Sen line: y = level + slope (t - middle), in the last epoch.

    deviation: of a block about the line. blocks: in the last epoch. spread: sum of squared times about their epochs' means.
    free: degrees of freedom.
    """

    level: float
    middle: float
    slope: float
    deviation: float
    blocks: int
    spread: float
    free: int

    def error(self, t: float) -> float:
        """Standard error of the line at time t."""
        return self.deviation * math.sqrt(1.0 / self.blocks + (t - self.middle) ** 2 / self.spread)

    def at(self, t: float) -> float:
        """Value at time t."""
        return self.level + self.slope * (t - self.middle)


def through(t: FloatArray, y: FloatArray, epoch: IntArray) -> Line | None:
    """The line through values y at times t, (n,) each; levels may step between epochs, the slope is one. None with too few.

    Theil-Sen (Sen 1968): the median slope over pairs within an epoch, and each epoch's median level. Values are drawn in to REACH
    robust deviations of that line, then fitted by least squares.
    """
    epochs = np.unique(epoch)
    free = t.size - epochs.size - 1
    i, j = np.triu_indices(t.size, 1)
    pairs = epoch[i] == epoch[j]
    if free < 2 or not pairs.any():
        return None
    first = float(np.median(((y[j] - y[i]) / (t[j] - t[i]))[pairs]))
    bare = y - first * t
    levels = np.array([np.median(bare[epoch == e]) for e in epochs])[np.searchsorted(epochs, epoch)]
    residual = bare - levels
    reach = REACH * 1.4826 * float(np.median(np.abs(residual))) * math.sqrt(t.size / free)
    drawn = first * t + levels + np.clip(residual, -reach, reach)
    means = [(float(t[epoch == e].mean()), float(drawn[epoch == e].mean())) for e in epochs]
    about = np.array(means)[np.searchsorted(epochs, epoch)]
    dt, dy = t - about[:, 0], drawn - about[:, 1]
    spread = float((dt * dt).sum())
    slope = float((dt * dy).sum()) / spread
    deviation = math.sqrt(float(((dy - slope * dt) ** 2).sum()) / free)
    own = int((epoch == epochs[-1]).sum())
    return Line(means[-1][1], means[-1][0], slope, deviation, own, spread, free)


def meets(line: Line, limit: float, direction: int, now: float, level: float) -> tuple[float, float, float]:
    """(estimate, earliest, latest): time from `now` until the line is at the limit, and its two-sided interval at `level` (Fieller
    1954).

    direction: +1 where the limit lies above, -1 below. 0 where it is reached; infinite where it never is.
    """
    quantile = WIDEN * float(stdtrit(line.free, (1.0 + level) / 2.0))
    gap, approach = direction * (limit - line.level), direction * line.slope  # gap at the middle, and how fast it shrinks
    noise = (quantile * line.deviation) ** 2
    later = now - line.middle
    estimate = max(gap / approach - later, 0.0) if approach > 0.0 else (math.inf if gap - approach * later > 0.0 else 0.0)
    band = quantile * line.error(now)
    left = gap - approach * later  # gap now
    before, after = _roots(gap, approach, noise, line)
    earliest = 0.0 if left <= band else min((d - later for d in before if d >= later), default=math.inf)
    latest = 0.0 if left <= -band else min((d - later for d in after if d >= later), default=math.inf)
    return estimate, earliest, latest


def beyond(line: Line, limit: float, direction: int, t: float) -> float:
    """One-sided p of "the line is not beyond the limit at time t" (t test, its error widened by WIDEN_TEST)."""
    gap, error = direction * (limit - line.at(t)), WIDEN_TEST * line.error(t)
    if error == 0.0:
        return 1.0 if gap >= 0.0 else 0.0
    return float(stdtr(line.free, gap / error))


def _roots(gap: float, approach: float, noise: float, line: Line) -> tuple[list[float], list[float]]:
    """Times after the middle at which (gap - approach d)^2 = noise (1 / blocks + d^2 / spread): before the limit, and behind it."""
    a, c = approach * approach - noise / line.spread, gap * gap - noise / line.blocks
    inside = noise * (approach * approach / line.blocks + gap * gap / line.spread - noise / (line.blocks * line.spread))
    half = gap * approach + math.copysign(math.sqrt(max(inside, 0.0)), gap * approach)
    if inside < 0.0 or a == 0.0 or half == 0.0:
        return [], []
    roots = sorted((half / a, c / half))
    if a > 0.0:  # they stand on either side of the estimate, however close
        return roots[:1], roots[1:]
    return [d for d in roots if gap >= approach * d], [d for d in roots if gap < approach * d]
