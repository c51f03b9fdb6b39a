"""Textbook control charts on many channels at once, as people set them up; and dummies.

A chart learns from baseline rows and then gives, after each further row, a statistic per channel that alarms at or above a limit,
(T, C). Means and standard deviations are the baseline's; on a residual chart they are those of the residuals of an AR(1) fitted
by least squares (Alwan and Roberts 1988).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


# (z of one row (C,), memory) -> (statistic (C,), memory)
Step = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


class Chart:
    """One kind of chart: `learn`, then `statistic` or `alarms`, in any batches."""

    def __init__(self, step: Step, memory: int, *, residual: bool) -> None:
        self._step, self._depth, self._residual = step, memory, residual

    def learn(self, x: FloatArray) -> None:
        """Mean, sd (and AR coefficient) of baseline rows, (N, C)."""
        self._mean = x.mean(axis=0)
        self._phi = np.zeros(x.shape[1])
        self._last = (x[-1] - self._mean)[None]
        if self._residual:
            centred = x - self._mean
            self._phi = (centred[1:] * centred[:-1]).sum(axis=0) / (centred[:-1] ** 2).sum(axis=0)
        self._sd = (x[1:] - self._mean - self._phi * (x[:-1] - self._mean)).std(axis=0, ddof=1)
        self._memory = np.zeros((self._depth, x.shape[1]))

    def know(self, channels: int) -> None:
        """Told that the rows are N(0, 1): no estimate."""
        self._mean, self._phi, self._sd = np.zeros(channels), np.zeros(channels), np.ones(channels)
        self._last, self._memory = np.zeros((1, channels)), np.zeros((self._depth, channels))

    def statistic(self, x: FloatArray) -> FloatArray:
        """The statistic after each of these rows, (T, C)."""
        z = self._scores(x)
        out = np.empty_like(z)
        for t in range(len(z)):
            out[t], self._memory = self._step(z[t], self._memory)
        return out

    def alarms(self, x: FloatArray, limit: float) -> int:
        """Alarms on these rows, starting anew after each."""
        count = 0
        for z in self._scores(x):
            statistic, self._memory = self._step(z, self._memory)
            over = statistic >= limit
            if over.any():
                count += int(over.sum())
                self._memory = np.where(over, 0.0, self._memory)  # forgets what was gathered
        return count

    def _scores(self, x: FloatArray) -> FloatArray:
        centred = x - self._mean
        before = np.concatenate([self._last, centred[:-1]])
        self._last = centred[-1:]
        return (centred - self._phi * before) / self._sd


def shewhart(*, residual: bool = False) -> Chart:
    """|z| (Shewhart 1931); people use 3."""
    return Chart(lambda z, memory: (np.abs(z), memory), 1, residual=residual)


def cusum(reference: float, *, residual: bool = False) -> Chart:
    """Two-sided CUSUM (Page 1954): the larger of both sums; people use reference 0.5 and limit 5."""

    def step(z: FloatArray, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        sums = np.maximum(0.0, sums + np.stack([z, -z]) - reference)
        return sums.max(axis=0), sums

    return Chart(step, 2, residual=residual)


def ewma(weight: float, *, residual: bool = False) -> Chart:
    """|EWMA| in units of its asymptotic sd (Roberts 1959; Lucas and Saccucci 1990); people use weight 0.2 and limit 2.86."""
    scale = np.sqrt((2.0 - weight) / weight)

    def step(z: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = mean + weight * (z - mean)
        return np.abs(mean[0]) * scale, mean

    return Chart(step, 1, residual=residual)


def western_electric(*, residual: bool = False, all_rules: bool = True) -> Chart:
    """The four zone rules (Western Electric 1956) as one statistic: the factor on the zones at which one fires; people use 1.

    One beyond 3 sd, two of three beyond 2, four of five beyond 1, eight in a row on one side. The last knows no width, so it fires
    at any factor, or is left out (`all_rules=False`) where a false-alarm rate is to be matched.
    """

    def step(z: FloatArray, last: FloatArray) -> tuple[FloatArray, FloatArray]:
        last = np.concatenate([last[1:], z[None]])
        found = np.abs(z) / 3.0
        for side in (last, -last):
            found = np.maximum(found, np.sort(side[-3:], axis=0)[-2] / 2.0)
            found = np.maximum(found, np.sort(side[-5:], axis=0)[-4])
            if all_rules:
                found = np.where((side > 0.0).all(axis=0), np.inf, found)
        return found, last

    return Chart(step, 8, residual=residual)


def always() -> Chart:
    """Fires at every row, at any limit."""
    return Chart(lambda z, memory: (np.full_like(z, np.inf), memory), 1, residual=False)


def never() -> Chart:
    """Never fires."""
    return Chart(lambda z, memory: (np.full_like(z, -np.inf), memory), 1, residual=False)
