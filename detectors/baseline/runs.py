"""Channels whose runs (lots, set-ups) differ: within a run, how each value differs from what the run so far foretells; between
runs, their means (METHODS 2.5).

A run has an offset b of its own, of sd `spread`; an innovation is h b + noise, h = 1 - phi where a value follows another and
sqrt(1 - phi^2) where none came before. Given the run's earlier innovations, b has precision P = 1 / spread^2 + sum h^2 / noise^2
and mean (sum h e / noise^2) / P; the residual is (e - h mean) / sqrt(noise^2 + h^2 / P). For normal values these are independent
and standard normal, from the run's first value on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detectors.baseline import unresolved
from detectors.budget import MIN_RUN_PARTS
from detectors.contract import FloatArray, IntArray
from detectors.errors import BaselineRefused

# Fewer runs say too little about how runs differ: bounds that hold leave no shift that could be found.
MIN_RUNS = 8
# From so many runs on, levels of the bounds on the mean and variance of run means. METHODS 2.5 has the last for 20 runs and more,
# where they broke a threshold of 3e6 four to sixteen times over (`python -m benchmarks.simulated.run_level`).
_LEVELS = ((MIN_RUNS, 0.9999, 0.0002), (20, 0.999, 0.002), (30, 0.995, 0.01))
# Fewer than these leave the sd of offsets so uncertain that within runs they may be anything: so many times the noise. With the
# estimate of 10 lots, lots that differ by 0.3 sd broke the budget 23 times over (`benchmarks/quality`, lots/2000).
_RUNS_FOR_SPREAD = 20
_ANY_OFFSET = 10.0
NEVER = np.iinfo(np.int64).max
# A run mean is that of so many first values as this share of the runs has.
_RUNS_LONG_ENOUGH = 0.8


@dataclass(frozen=True, slots=True)
class RunLayer:
    """How the runs of one channel differ. center: mean of run means; spread: sd of the offsets; noise: sd of innovations.

    parts: a run mean is that of the run's first so many values, NEVER where there were too few runs to judge any; means: (R,) of
    the baseline's runs that have them.
    """

    center: float
    phi: float
    spread: float
    noise: float
    parts: int
    means: FloatArray


def unresolved_of(count: int) -> tuple[float, float]:
    """(epsilon, eta) of standardised means of n runs: t(level, n-1)/sqrt(n) and (n-1)/chi2(level, n-1) - 1 (METHODS 2.5)."""
    _, mean_level, variance_level = max(levels for levels in _LEVELS if levels[0] <= max(count, MIN_RUNS))
    return unresolved.mean(count, mean_level), unresolved.variance(count, variance_level)


def learn(y: FloatArray, runs: IntArray, phi_of: Callable[[FloatArray], float]) -> RunLayer:
    """Of one channel's values, (T,), NaN = not measured. phi_of: AR(1) coefficient of values less their run's mean.

    With too few runs to say how they differ, whatever they differ by is allowed. Raises BaselineRefused where there is one run, or
    they do not differ.
    """
    measured = np.isfinite(y)
    values, number = y[measured], np.unique(runs[measured], return_inverse=True)[1]
    sizes = np.bincount(number)
    parts = max(MIN_RUN_PARTS, int(np.sort(sizes)[int((1.0 - _RUNS_LONG_ENOUGH) * sizes.size)]))
    long = np.flatnonzero(sizes >= parts)
    if sizes.size < 2 or long.size < 2:
        raise BaselineRefused(f"a single run of {MIN_RUN_PARTS} or more values", hint=f"learn from at least {MIN_RUNS} lots")
    own_mean = np.bincount(number, values) / sizes
    means = np.array([values[number == run][:parts].mean() for run in long])
    less_mean = np.full(y.shape, np.nan)
    less_mean[measured] = values - own_mean[number]
    size = float(sizes.mean())
    # A mean taken from the run itself hides some of phi: (1 + 3 phi) / size of it (Kendall 1954, Biometrika 41, 403).
    phi = phi_of(less_mean)
    phi = min((phi + 1.0 / size) / (1.0 - 3.0 / size), 0.95) if phi else 0.0
    center = float(means.mean())
    offset2, noise2 = _components(y - center, runs, phi)
    noise = float(np.sqrt(noise2))
    if long.size < MIN_RUNS:
        return RunLayer(center, phi, _ANY_OFFSET * noise, noise, int(NEVER), np.empty(0))
    if long.size < _RUNS_FOR_SPREAD:
        return RunLayer(center, phi, _ANY_OFFSET * noise, noise, parts, means)
    if not offset2 > 0.0:
        raise BaselineRefused("means of parts vary more than independent parts', yet runs do not differ: the channel wanders")
    return RunLayer(center, phi, float(np.sqrt(offset2)) / (1.0 - phi), noise, parts, means)


def _components(centred: FloatArray, runs: IntArray, phi: float) -> tuple[float, float]:
    """Variances of the innovations' offsets and noise, by analysis of variance of those that follow a value of their run (Searle
    1992, 3.6). Raises BaselineRefused where nothing varies within runs.
    """
    follows = np.concatenate([[False], runs[1:] == runs[:-1]])
    innovations = centred.copy()
    innovations[1:] -= phi * centred[:-1]
    used = follows & np.isfinite(innovations)
    values, number = innovations[used], np.unique(runs[used], return_inverse=True)[1]
    sizes = np.bincount(number).astype(np.float64)
    means = np.bincount(number, values) / sizes
    total, count = float(sizes.sum()), sizes.size
    noise2 = float(((values - means[number]) ** 2).sum()) / (total - count)
    between = float((sizes * (means - values.mean()) ** 2).sum())
    offset2 = (between - (count - 1) * noise2) / (total - float((sizes**2).sum()) / total)
    if not noise2 > 0.0:
        raise BaselineRefused("nothing varies within a run", hint="the channel does not vary here")
    return offset2, noise2


def predictive_residuals(y: FloatArray, runs: IntArray, layer: RunLayer) -> FloatArray:
    """One-step predictive residuals of one channel, (T,), NaN where not measured."""
    centred = y - layer.center
    before = np.concatenate([[np.nan], centred[:-1]])
    starts = np.concatenate([[True], runs[1:] != runs[:-1]])
    before[starts] = np.nan
    follows = np.isfinite(before)
    first = np.sqrt(1.0 - layer.phi**2)
    h = np.where(follows, 1.0 - layer.phi, first)
    e = np.where(follows, centred - layer.phi * before, centred * first)
    known = np.isfinite(e)
    weight, pull = np.where(known, h * h, 0.0), np.where(known, h * e, 0.0)
    run = np.cumsum(starts) - 1
    begin = np.flatnonzero(starts)
    earlier = [np.cumsum(column) - column for column in (weight, pull)]  # and less what came before the run
    weight, pull = (total - total[begin][run] for total in earlier)
    return residual(e, h, weight, pull, layer.spread, layer.noise)


def residual(
    e: FloatArray,
    h: FloatArray,
    weight: FloatArray,
    pull: FloatArray,
    spread: FloatArray | float,
    noise: FloatArray | float,
) -> FloatArray:
    """Innovations less what the run so far foretells, over its predictive sd. weight, pull: the run's sums of h^2 and h e."""
    noise2 = noise * noise
    unsure = 1.0 / (1.0 / (spread * spread) + weight / noise2)
    foretold = h * (pull / noise2) * unsure
    result: FloatArray = (e - foretold) / np.sqrt(noise2 + h * h * unsure)
    return result
