"""The agent's monitor of one stream, many rows at a time: put together as `agent/core/streams.py` does.

`tests/benchmarks` holds it beside `agent.core.streams.Stream`, crossing by crossing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.baseline import Baseline, Standardiser, fit
from detectors.contract import Crossing
from detectors.level_shift import LevelShift

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def learned(x: FloatArray, runs: IntArray, threshold: float) -> Monitor:
    """Phase I on rows x, (N, C), with their runs, (N,). Tolerance 0: any change counts as one."""
    thresholds, nothing = np.full(x.shape[1], float(threshold)), np.zeros(x.shape[1])
    baseline = fit(x, runs, transforms=["none"] * x.shape[1], tolerances=nothing, thresholds=thresholds)
    return watching(baseline, x.shape[1], threshold)


def watching(baseline: Baseline | None, channels: int, threshold: float) -> Monitor:
    """By a baseline; without one the detector alone, told that the rows are N(0, 1)."""
    thresholds, nothing = np.full(channels, float(threshold)), np.zeros(channels)
    if baseline is None:
        return Monitor(None, None, LevelShift(nothing, nothing, thresholds))
    return Monitor(baseline, Standardiser(baseline), LevelShift(baseline.epsilon, baseline.inflation, thresholds))


class Monitor:
    """Watches rows. Without a baseline they are taken as scores."""

    def __init__(self, baseline: Baseline | None, standardiser: Standardiser | None, detector: LevelShift) -> None:
        self.baseline, self._standardiser, self._detector = baseline, standardiser, detector
        self._run, self._rows = -1, 0  # the first watched part starts a run, as a restart's

    @property
    def refused(self) -> int:
        """Channels the arming gate refused."""
        return sum(bool(reason) for reason in self.baseline.refused) if self.baseline else 0

    def watch(self, x: FloatArray, runs: IntArray) -> list[Crossing]:
        """The alarms of further rows, labelled by the rows watched so far."""
        at = self._rows + np.arange(len(x), dtype=np.int64)
        self._rows += len(x)
        return self._detector.update(self._score(x, runs), at)

    def evidence(self, x: FloatArray, runs: IntArray) -> FloatArray:
        """Evidence of every channel after each of these rows, (T, C), for limits below the threshold."""
        z = self._score(x, runs)
        evidence = np.empty_like(z)
        for t in range(len(z)):
            crossings = self._detector.update(z[t : t + 1], np.array([self._rows + t], dtype=np.int64))
            evidence[t] = self._detector.evidence
            for crossing in crossings:
                evidence[t, crossing.column] = crossing.evidence
        self._rows += len(x)
        return evidence

    def _score(self, x: FloatArray, runs: IntArray) -> FloatArray:
        new_run = np.empty(len(x), dtype=np.bool_)
        new_run[0] = runs[0] != self._run
        new_run[1:] = runs[1:] != runs[:-1]
        self._run = int(runs[-1])
        return self._standardiser.apply(x, new_run) if self._standardiser else x
