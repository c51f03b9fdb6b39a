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
    """Log likelihood ratio of values (n,) with against without a slow component of this sd, by their periodogram (Whittle 1953).

    The values' own mean and variance do not matter. -inf where a component of this sd is no smaller than the values' own.
    """
    if sd >= 1.0:
        return -math.inf
    centred = z - z.mean()
    count = (z.size - 1) // 2
    power = np.abs(np.fft.rfft(centred)[1 : count + 1]) ** 2 / (z.size * float(np.mean(centred * centred)))
    spectrum = _spectrum(2.0 * np.pi * np.arange(1, count + 1) / z.size, sd)
    return float((power * (1.0 - 1.0 / spectrum) - np.log(spectrum)).sum())


def differing(z: FloatArray, runs: IntArray, sd: float) -> float:
    """Log likelihood ratio of runs with against without offsets of this sd, by the means of their values, (n,) of variance 1.

    What the means have in common is left out (restricted likelihood, Patterson and Thompson 1971). 0 for a single run.
    """
    _, number = np.unique(runs, return_inverse=True)
    sizes = np.bincount(number).astype(np.float64)
    means = np.bincount(number, z) / sizes
    return _restricted(means, 1.0 / sizes + sd * sd) - _restricted(means, 1.0 / sizes)


def parts_needed(sd: float) -> int:
    """Values with which all but one in fifty steady channels show that they are: the expected log ratio less two sd is enough."""
    if sd >= 1.0:
        return 0
    spectrum = _spectrum(np.pi * (np.arange(_GRID) + 0.5) / _GRID, sd)
    gain = 0.5 * float(np.mean(np.log(spectrum) - 1.0 + 1.0 / spectrum))  # a value
    noise = 0.5 * float(np.mean((1.0 - 1.0 / spectrum) ** 2))
    return math.ceil(((math.sqrt(noise) + math.sqrt(noise + gain * math.log(ODDS))) / gain) ** 2)


def runs_needed(sd: float, size: float) -> int:
    """The same of runs of so many values each."""
    ratio = 1.0 + size * sd * sd
    gain, noise = 0.5 * (math.log(ratio) - 1.0 + 1.0 / ratio), 0.5 * (1.0 - 1.0 / ratio) ** 2
    return 1 + math.ceil(((math.sqrt(noise) + math.sqrt(noise + gain * math.log(ODDS))) / gain) ** 2)


def _spectrum(omega: FloatArray, sd: float) -> FloatArray:
    """Spectral density, 1 on average, of white noise with a slow AR(1) of this sd in it, together of variance 1."""
    slow = (1.0 - _SLOW_PHI**2) / (1.0 - 2.0 * _SLOW_PHI * np.cos(omega) + _SLOW_PHI**2)
    spectrum: FloatArray = 1.0 - sd * sd + sd * sd * slow
    return spectrum


def _restricted(means: FloatArray, variances: FloatArray) -> float:
    weights = 1.0 / variances
    center = float((weights * means).sum() / weights.sum())
    misfit = float((weights * (means - center) ** 2).sum())
    return -0.5 * (float(np.log(variances).sum()) + math.log(float(weights.sum())) + misfit)
