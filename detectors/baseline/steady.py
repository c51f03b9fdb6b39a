"""Has a baseline shown that a channel is steady? Three answers, after Wald (1945): it wanders, it is steady, too little is known.

A test that fails to find a slow component has shown nothing while it could not have found one: 500 parts cannot tell a steady
channel from one that wanders over hundreds. So a channel is steady when its values are `ODDS` times as likely without a slow
component as with one, of the size it must not have. If it has one, that happens at most once in `ODDS` times (Markov's
inequality: the likelihood ratio is an e-value), whatever the number of values.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.contract import FloatArray, IntArray

# What a channel must be shown not to have: a tenth of the variance that wanders over about 100 parts, an AR(1) of 0.99, which
# passes as noise in any short stretch and breaks the budget a hundred times over (METHODS 2.2); between runs an offset of that sd.
SLOW_SHARE = 0.1
_SLOW_PHI = 0.99
# How many times as likely "steady" must be: of 10,000 channels with such a component at most one is taken for steady.
ODDS = 10_000.0
_GRID = 4096


def slow_sd(epsilon: float) -> float:
    """The sd of the slow component z must be shown not to have, where a mean of epsilon is tolerated."""
    return math.sqrt(SLOW_SHARE) + epsilon


def wandering(z: FloatArray, sd: float) -> float:
    """Log likelihood ratio of values (n,) with against without a slow component of this sd (their whole sd being 1).

    By their periodogram (Whittle 1953), against its expectation in so many values (Sykulski et al. 2019); their own mean and
    variance have no say. -inf where a component of this sd is no smaller than the values.
    """
    if sd >= 1.0:
        return -math.inf
    count = (z.size - 1) // 2
    power = np.abs(np.fft.rfft(z - z.mean())[1 : count + 1]) ** 2
    lags = np.arange(z.size)
    covariance = sd * sd * _SLOW_PHI**lags * (1.0 - lags / z.size)
    covariance[0] = 1.0
    expected = 2.0 * np.fft.rfft(covariance).real[1 : count + 1] - 1.0
    return float(-np.log(expected).sum() - count * (math.log(np.mean(power / expected)) - math.log(np.mean(power))))


def differing(z: FloatArray, runs: IntArray, sd: float) -> float:
    """Log likelihood ratio of runs with against without offsets of this sd, by the means of their values, (n,) of variance 1.

    What the means have in common is left out (restricted likelihood, Patterson and Thompson 1971). 0 for a single run.
    """
    _, number = np.unique(runs, return_inverse=True)
    sizes = np.bincount(number).astype(np.float64)
    means = np.bincount(number, z) / sizes
    return _restricted(means, 1.0 / sizes + sd * sd) - _restricted(means, 1.0 / sizes)


def parts_needed(sd: float) -> int:
    """Values with which all but one in a hundred steady channels show that they are (measured)."""
    if sd >= 1.0:
        return 0
    omega = np.pi * (np.arange(_GRID) + 0.5) / _GRID
    slow = (1.0 - _SLOW_PHI**2) / (1.0 - 2.0 * _SLOW_PHI * np.cos(omega) + _SLOW_PHI**2)
    inverse = 1.0 / (1.0 - sd * sd + sd * sd * slow)
    scale = float(inverse.mean())
    gain = 0.5 * (math.log(scale) - float(np.log(inverse).mean()))  # a value
    return _enough(gain, 0.5 * float(np.mean((inverse / scale - 1.0) ** 2)))


def runs_needed(sd: float, size: float) -> int:
    """The same of runs of so many values each."""
    ratio = 1.0 + size * sd * sd
    return 1 + _enough(0.5 * (math.log(ratio) - 1.0 + 1.0 / ratio), 0.5 * (1.0 - 1.0 / ratio) ** 2)


def _enough(gain: float, noise: float) -> int:
    """Values, of which each adds so much to the mean and the variance of the log ratio, whose sum less three sd is log ODDS."""
    return math.ceil(((3.0 * math.sqrt(noise) + math.sqrt(9.0 * noise + 4.0 * gain * math.log(ODDS))) / (2.0 * gain)) ** 2)


def _restricted(means: FloatArray, variances: FloatArray) -> float:
    weights = 1.0 / variances
    center = float((weights * means).sum() / weights.sum())
    misfit = float((weights * (means - center) ** 2).sum())
    return -0.5 * (float(np.log(variances).sum()) + math.log(float(weights.sum())) + misfit)
