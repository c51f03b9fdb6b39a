"""How likely each beginning of a change of spread is: normal z of an allowed spread before, and since then a step or a ramp."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray
from detectors.onset import ramp
from detectors.walk import Trace

_LEAST, _MOST = 0.05, 25.0
"""A spread is not taken for less or more than these times the squared one before: a single row proves little."""
_RAMPS = {1: (1.2, 1.5, 2.0, 3.0, 5.0), -1: (0.85, 0.7, 0.5, 0.35, 0.2)}
"""Per direction, how many times its sd before a spread has reached by the end of a ramp."""


def of_beginnings(trace: Trace, narrowest: float, widest: float, *, direction: int) -> FloatArray:
    """Log likelihoods, (1 + ramps, n - 1): of a step right after each row kept but the last, and of ramps to several spreads.

    The sums of `trace` are of z squared. narrowest, widest: its second moment before. That, and the step's, are the likeliest.
    """
    counts, sums = trace.counts[:-1].astype(np.float64), trace.sums[:-1, 0]
    left, rest = float(trace.counts[-1]) - counts, trace.sums[-1, 0] - sums
    own = np.clip(np.divide(sums, counts, out=np.ones_like(sums), where=counts > 0.0), narrowest, widest)
    before = _log(counts, sums, own)
    bounds = (1.0, _MOST) if direction > 0 else (_LEAST, 1.0)
    step = _log(left, rest, np.clip(rest / left, bounds[0] * own, bounds[1] * own))
    behind = ramp(trace.counts)
    rows, pieces = np.diff(trace.counts).astype(np.float64), np.diff(trace.sums[:, 0])
    share, since = behind / behind[:, -1:], behind > 0.0
    ramps = []
    for end in _RAMPS[direction]:
        moment = own[:, None] * (1.0 + (end - 1.0) * share) ** 2
        ramps.append(np.where(since, _log(rows, pieces, moment), 0.0).sum(axis=1))
    return np.stack([before + after for after in (step, *ramps)])


def _log(rows: FloatArray, squares: FloatArray, moment: FloatArray) -> FloatArray:
    likelihood: FloatArray = -(rows * np.log(moment) + squares / moment) / 2.0
    return likelihood
