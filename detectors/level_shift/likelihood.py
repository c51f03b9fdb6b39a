"""How likely each beginning of a shift is: z of variance 1 with a mean in its tolerance before, and a step or a ramp since."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray
from detectors.onset import ramp
from detectors.walk import Trace


def of_beginnings(trace: Trace, down: float, up: float) -> FloatArray:
    """Log likelihoods, (2, n - 1): of a step upwards right after each row kept but the last, and of a ramp upwards.

    The sums of `trace` are of z, turned so that the change goes up. -down, up: what the mean may be before. That mean, and the
    step's size or the ramp's slope after it, are the likeliest there are.
    """
    counts, sums = trace.counts[:-1].astype(np.float64), trace.sums[:-1, 0]
    left, rest = float(trace.counts[-1]) - counts, trace.sums[-1, 0] - sums
    mean = np.clip(np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0.0), -down, up)
    before = mean * (sums - counts * mean / 2.0)
    step = np.maximum(rest / left, mean)
    behind = ramp(trace.counts)
    rows, pieces = np.diff(trace.counts).astype(np.float64), np.diff(trace.sums[:, 0])
    pull = behind @ pieces - mean * (behind @ rows)
    rising = np.maximum(pull, 0.0) ** 2 / (2.0 * (behind * behind @ rows))
    return np.stack([before + step * (rest - left * step / 2.0), before + mean * (rest - left * mean / 2.0) + rising])
