"""When a change began: the leading bet's last low, and every row that the data support nearly as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.contract import FloatArray, IntArray, Onset
from detectors.walk import Trace

SUPPORT = 4.5
"""A beginning is in the interval while its log likelihood, the change's form and size fitted, lacks no more than this of the best
one's. For a known size the true beginning lacks more in at most 2 exp(-SUPPORT) of cases, 2.2 % (Ville's inequality, before and
after it); that form and size are fitted costs the rest. Measured: benchmarks/simulated/onset.py."""


def from_lows(lows: Sequence[int], lead: int, trace: Trace, likelihood: FloatArray) -> Onset:
    """The onset a crossing points to, on the row `trace` has reached.

    lows: per bet of the crossing's direction, the index of its walk's last minimum, where its e-CUSUM M <- max(1, M) e was last
    <= 1. lead: which of them has most evidence. The estimate is the label after its low (the last reset of a CUSUM, Page 1954).
    likelihood: (forms, n - 1), log likelihood of a change right after each row kept but the last. The interval runs from the first
    to the last row supported, and across rows not kept beside them. It describes and orders, it bounds nothing.
    """
    labels, counts = trace.labels, trace.counts
    supported = np.flatnonzero((likelihood >= likelihood.max() - SUPPORT).any(axis=0))
    first, last = int(supported[0]), int(supported[-1])
    if first and counts[first] - counts[first - 1] > 1:
        first -= 1
    at = int(labels[-1])
    estimate = min(int(labels[lows[lead]]) + 1, at)
    return Onset(
        estimate=estimate, earliest=min(int(labels[first]) + 1, estimate), latest=max(min(int(labels[last + 1]), at), estimate)
    )


def ramp(counts: IntArray) -> FloatArray:
    """How far the middle of the rows up to each row kept lies behind each beginning, (n - 1 beginnings, n - 1); 0 before it."""
    middles = (counts[1:] + counts[:-1] + 1) / 2.0
    behind: FloatArray = np.maximum(middles - counts[:-1, None], 0.0)
    return behind
