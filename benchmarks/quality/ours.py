"""The agent's monitor of one stream, many rows at a time: put together as `agent/core/watch.py` does.

Of it all but one thing: the spread of a channel is judged here also while its mean is known to have moved.
`tests/benchmarks` holds it beside `agent.core.streams.Stream`, crossing by crossing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.baseline import Baseline, RunMeans, Standardiser, Steadiness, fit
from detectors.budget import LEVEL_SHARE, spread_thresholds
from detectors.contract import Crossing
from detectors.level_shift import LevelShift
from detectors.spread_shift import SpreadShift

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BLOCK = 64
"""Channels standardised at once: the tables of so many stay in a core's cache, those of 3,000 do not."""


def learned(x: FloatArray, runs: IntArray, threshold: float, *, steadiness: Steadiness = "shown") -> Monitor:
    """Phase I on rows x, (N, C), with their runs, (N,). threshold: updates per false alarm a channel may have, over all its tests.

    Tolerance 0: any change counts as one.
    """
    thresholds, nothing = level_thresholds(x.shape[1], threshold), np.zeros(x.shape[1])
    kinds = ["none"] * x.shape[1]
    baseline = fit(x, runs, transforms=kinds, tolerances=nothing, thresholds=thresholds, steadiness=steadiness)
    return Monitor(baseline, x.shape[1], threshold)


def side_by_side(monitors: Sequence[Monitor], threshold: float) -> Monitor:
    """One monitor of the watched channels of several, in their order: the same alarms, for fewer calls. Runs begin alike in all."""
    baseline = _columns([(monitor.baseline, monitor.watched) for monitor in monitors])
    return Monitor(baseline, baseline.phi.size, threshold)


def _columns(chosen: Sequence[tuple[Baseline, IntArray]]) -> Baseline:
    """What some baselines say of these of their columns, in their order."""
    parts = [(dict(baseline.to_arrays()), baseline, columns) for baseline, columns in chosen]
    texts = {
        name: np.concatenate([getattr(baseline, name)[columns] for _, baseline, columns in parts])
        for name in ("reasons", "spread_reasons")
    }
    arrays = {name: np.concatenate([part[name][columns] for part, _, columns in parts]) for name in parts[0][0].keys() - texts}
    return Baseline(**arrays, **texts)


def level_thresholds(channels: int, threshold: float) -> FloatArray:
    """What `fit` and the tests it gives are told: the level test's part of each channel's share."""
    return np.full(channels, threshold / LEVEL_SHARE)


class Monitor:
    """Watches rows. Without a baseline they are taken as scores."""

    def __init__(self, baseline: Baseline | None, channels: int, threshold: float) -> None:
        thresholds = level_thresholds(channels, threshold)
        self.baseline = baseline
        self._run, self.rows = -1, 0  # the first watched part starts a run, as a restart's
        if baseline is None:
            self._level = LevelShift(np.zeros(channels), np.zeros(channels), thresholds)
            self._spread = SpreadShift(np.ones(channels), np.ones(channels), spread_thresholds(thresholds))
            return
        blocks = [np.arange(first, min(first + BLOCK, channels)) for first in range(0, channels, BLOCK)]
        self._blocks = [(slice(b[0], b[-1] + 1), Standardiser(of := _columns([(baseline, b)])), RunMeans(of)) for b in blocks]
        self._level, self._run_means, self._spread = (
            baseline.level(thresholds),
            baseline.run_means(thresholds),
            baseline.spread(thresholds),
        )

    @property
    def refused(self) -> int:
        """Channels the arming gate refused."""
        return sum(bool(reason) for reason in self.baseline.refused) if self.baseline else 0

    @property
    def watched(self) -> IntArray:
        """The other channels."""
        return np.flatnonzero([not reason for reason in self.baseline.refused])

    @property
    def by_runs(self) -> int:
        """Channels watched within runs, and between them too unless `within_alone`."""
        return int(self.baseline.by_runs.sum()) if self.baseline else 0

    @property
    def within_alone(self) -> int:
        """Channels watched within runs alone."""
        return int(self.baseline.within_alone.sum()) if self.baseline else 0

    def watch(self, x: FloatArray, runs: IntArray) -> list[tuple[str, Crossing]]:
        """The alarms of further rows with the test each is of, labelled by the rows watched so far, in order."""
        at = self.rows + np.arange(len(x), dtype=np.int64)
        self.rows += len(x)
        new_run = self._new_runs(runs)
        z = self._scores(x, new_run)
        found = [("level_shift", crossing) for crossing in self._level.update(z, at)]
        if self.by_runs:  # which only a baseline can say
            means = np.concatenate(
                [means.apply(rows, new_run) for rows, (_, _, means) in zip(self._parts(x), self._blocks, strict=True)], axis=1
            )
            complete = ~np.isnan(means).all(axis=1)
            found += [("run_means", crossing) for crossing in self._run_means.update(means[complete], at[complete])]
        found += [("spread_shift", crossing) for crossing in self._spread.update(z, at)]
        return sorted(found, key=lambda one: one[1].at)

    def evidence(self, x: FloatArray, runs: IntArray) -> FloatArray:
        """What every channel has of a level and a spread alarm after each of these rows, (T, C), for limits below its threshold.

        The level test's evidence, or the spread test's on its scale, whichever is more: any test alarms. Runs must not differ.
        """
        new_run = self._new_runs(runs)
        z = self._scores(x, new_run)
        evidence = np.empty_like(z)
        scale = self._level.thresholds / self._spread.thresholds
        for t in range(len(z)):
            row, at = z[t : t + 1], np.array([self.rows + t], dtype=np.int64)
            crossings = [(crossing, 1.0) for crossing in self._level.update(row, at)]
            crossings += [(crossing, scale[crossing.column]) for crossing in self._spread.update(row, at)]
            evidence[t] = np.maximum(self._level.evidence, scale * self._spread.evidence)
            for crossing, factor in crossings:
                evidence[t, crossing.column] = max(evidence[t, crossing.column], factor * crossing.evidence)
        self.rows += len(x)
        return evidence

    def _scores(self, x: FloatArray, new_run: NDArray[np.bool_]) -> FloatArray:
        """Z of raw rows, whose channels know nothing of each other."""
        if self.baseline is None:
            return x
        return np.concatenate(
            [scores.apply(rows, new_run) for rows, (_, scores, _) in zip(self._parts(x), self._blocks, strict=True)], axis=1
        )

    def _parts(self, x: FloatArray) -> list[FloatArray]:
        """Rows of each block, close together: rows that are far apart take twice as long."""
        return [np.ascontiguousarray(x[:, block]) for block, *_ in self._blocks]

    def _new_runs(self, runs: IntArray) -> NDArray[np.bool_]:
        new_run = np.empty(len(runs), dtype=np.bool_)
        new_run[0] = runs[0] != self._run
        new_run[1:] = runs[1:] != runs[:-1]
        self._run = int(runs[-1])
        return new_run
