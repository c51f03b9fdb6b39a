"""The tests of one armed stream: level, spread and, where runs differ, run means; and what stands until it is shown to be over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from detectors.baseline import Baseline, RunMeans, Standardiser
from detectors.budget import MIN_RUN_PARTS
from detectors.contract import Crossing, FloatArray, IntArray
from detectors.level_shift import LevelShift
from detectors.spread_shift import SpreadBack, SpreadShift

# Back to normal: the mean is inside its tolerance to within this many sd (a smaller shift hardly alarms) …
RETURN_MARGIN = 0.25
# … at an evidence that a change which stays reaches at most once in so many parts.
RETURN_THRESHOLD = 10_000.0

Test = Literal["level_shift", "run_means", "spread_shift"]


@dataclass(frozen=True, slots=True)
class Found:
    """A crossing, and which of a channel's tests it is of."""

    test: Test
    crossing: Crossing


class Watch:
    """One row in, crossings out; mutable, deterministic to the bit. thresholds: (C,), as `fit` was given them."""

    def __init__(self, baseline: Baseline, thresholds: FloatArray) -> None:
        self._baseline = baseline
        self._standardiser, self._runs = Standardiser(baseline), RunMeans(baseline)
        self._level, self._run_means, self._spread = (
            baseline.level(thresholds),
            baseline.run_means(thresholds),
            baseline.spread(thresholds),
        )
        self._by_runs = baseline.by_runs
        self._any_runs = bool(self._by_runs.any())
        # Where runs differ the way back is judged on run means alone: within a run a shift that stays is soon foretold.
        per_run = np.full(thresholds.size, RETURN_THRESHOLD / MIN_RUN_PARTS)
        self._back = LevelShift(
            np.zeros(thresholds.size),
            np.where(self._by_runs, baseline.run_inflation, baseline.inflation),
            np.where(self._by_runs, per_run, RETURN_THRESHOLD),
        )
        self._edge_up, self._edge_down = np.where(self._by_runs, baseline.run_epsilon, baseline.epsilon[:, :2].T) + RETURN_MARGIN
        self._spread_back = SpreadBack(baseline.narrowest, baseline.widest, RETURN_THRESHOLD)
        # Per channel the direction of a change that has not been shown to be over, else 0.
        self._shifted = np.zeros(thresholds.size, np.int64)
        self._spreading = np.zeros(thresholds.size, np.int64)

    def observe(self, row: FloatArray, *, new_run: bool, index: int) -> list[Found]:
        """Fold one row of raw values, (1, C), NaN = not measured, of part `index`."""
        start, at = np.array([new_run]), np.array([index], dtype=np.int64)
        z = self._standardiser.apply(row, start)
        level: list[Found] = [Found("level_shift", crossing) for crossing in self._level.update(z, at)]
        judged = z
        if self._any_runs:
            means = self._runs.apply(row, start)
            judged = np.where(self._by_runs, means, z)
            if not np.isnan(means).all():
                level += [Found("run_means", crossing) for crossing in self._run_means.update(means, at)]
        if level or np.count_nonzero(self._shifted):
            self._judge_level_return(judged, at, [found.crossing for found in level])
        return level + self._judge_spread(z, at)

    def _judge_level_return(self, judged: FloatArray, at: IntArray, crossings: list[Crossing]) -> None:
        """The test mirrored (METHODS 6): the same detector on the way back to the tolerance's edge, above 0 inside it."""
        edge = np.where(self._shifted > 0, self._edge_up, self._edge_down)
        distance = np.where(self._shifted != 0, edge - self._shifted * judged, np.nan)
        for crossing in self._back.update(distance, at):
            if crossing.direction > 0:
                self._shifted[crossing.column] = 0
                self._spread.drop(crossing.column, int(at[0]))
        for crossing in crossings:
            self._shifted[crossing.column] = crossing.direction

    def _judge_spread(self, z: FloatArray, at: IntArray) -> list[Found]:
        """Where the mean stands outside its tolerance, the spread is not judged: the shift alone would look like one."""
        judged = np.where(self._shifted != 0, np.nan, z) if np.count_nonzero(self._shifted) else z
        crossings = self._spread.update(judged, at)
        if np.count_nonzero(self._spreading):
            for column in self._spread_back.update(judged, self._spreading):
                self._spreading[column] = 0
        for crossing in crossings:
            if self._spreading[crossing.column] != crossing.direction:
                self._spreading[crossing.column] = crossing.direction
                self._spread_back.drop(crossing.column)
        return [Found("spread_shift", crossing) for crossing in crossings]

    def standing(self, kind: str) -> tuple[int, ...]:
        """Columns with a change of this kind, level or spread, that has not been shown to be over."""
        return tuple(np.flatnonzero(self._spreading if kind == "spread" else self._shifted).tolist())

    @property
    def is_out(self) -> bool:
        """Whether any channel has a change that has not been shown to be over."""
        return bool(np.count_nonzero(self._shifted) or np.count_nonzero(self._spreading))

    def ratios(self) -> FloatArray:
        """Per channel the evidence over the threshold of whichever of its tests has most, (C,); 1 alarms."""
        tests = (self._level, self._run_means, self._spread)
        ratios: FloatArray = np.max([test.evidence / test.thresholds for test in tests], axis=0)
        return ratios

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            **{name: dict(part.save()) for name, part in self._kept().items()},
            "shifted": self._shifted,
            "spreading": self._spreading,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._shifted[:], self._spreading[:] = saved["shifted"], saved["spreading"]
        for name, part in self._kept().items():
            part.load(saved[name])

    def _kept(self) -> dict[str, Standardiser | RunMeans | LevelShift | SpreadShift | SpreadBack]:
        """What holds anything worth keeping."""
        kept: dict[str, Standardiser | RunMeans | LevelShift | SpreadShift | SpreadBack] = {
            "standardiser": self._standardiser,
            "level": self._level,
            "spread": self._spread,
            "spread_back": self._spread_back,
        }
        if self._any_runs:
            kept |= {"runs": self._runs, "run_means": self._run_means}
        if self._shifted.any():
            kept |= {"back": self._back}
        return kept
