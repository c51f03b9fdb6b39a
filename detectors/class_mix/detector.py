"""Class mix: has the share of a class a station reports left what its baseline allows, or has a new class come?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.class_mix.baseline import UNWATCHED, MixBaseline, checked
from detectors.column import ColumnDetector
from detectors.contract import Conformance, Crossing, FloatArray, IntArray, OracleResult
from detectors.rate_shift.baseline import RateBaseline
from detectors.rate_shift.bets import BETS, bets


class ClassMix(ColumnDetector):
    """E-detectors side by side, each of the null `RateShift` has, for the share of parts that one class (or pool of them) makes up.

    Input rows: counts in a block, (K + 1): of each class of the baseline, then of parts of any other class; at least one part; a
    row with NaN = not measured. One column per share watched (`MixBaseline.rates`), each folding as many blocks together as its
    baseline says. thresholds: (columns,); E[false alarms of a column in T blocks] <= T / (group c). Raises ShapeError.
    """

    def __init__(self, baseline: MixBaseline, thresholds: FloatArray) -> None:
        count = len(baseline.rates)
        super().__init__(BETS, arrays.vector(thresholds, count, "thresholds"), sides=2)  # counted: parts of the class, and all
        self._baseline = baseline
        self._group = np.array([rate.group for rate in baseline.rates])
        self._open = np.zeros((2, count))  # parts of the class, and all, of the blocks not yet folded
        self._filled = np.zeros(count, np.int64)  # how many blocks these are

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T blocks of counts, (T, K + 1) float64, in order; at: labels (T,) int64.

        A crossing's size is the share since the onset estimate minus the baseline's. Raises ShapeError, and ParameterError for
        counts that cannot be.
        """
        x = arrays.finite_or_missing(arrays.rows(x, self._baseline.classes + 1))
        at = arrays.labels(at, x.shape[0])
        complete = checked(x)
        sums, closed, labels = self._closed(x[complete], at[complete].tolist())
        if not labels:
            return []
        e = np.ones((len(labels), BETS, self.columns))
        for k, known in enumerate(self._baseline.rates):
            rows = closed[:, k]
            e[rows, :, k] = bets(sums[rows, 0, k], sums[rows, 1, k], known.low, known.high, known.correlation)[:, :, 0]
        folded = self._columns.fold(e, np.where(closed[:, None], sums, 0.0), labels, None if closed.all() else closed)
        return [self._crossing(k, reached) for k, reached in folded]

    def _closed(self, x: FloatArray, labels: list[int]) -> tuple[FloatArray, NDArray[np.bool_], list[int]]:
        """The groups of blocks these rows complete: sums (N, 2, columns), in which columns (N, columns), and the labels."""
        counts, parts = self._baseline.pooled(x), x.sum(axis=1)  # whole numbers: exact in any order
        sums, closed, at = [], [], []
        for count, total, label in zip(counts, parts, labels, strict=True):
            self._open[0] += count
            self._open[1] += total
            self._filled += 1
            full = self._filled == self._group
            if full.any():
                sums.append(self._open.copy())
                closed.append(full)
                at.append(label)
                self._open[:, full] = 0.0
                self._filled[full] = 0
        return np.array(sums), np.array(closed), at

    def _size(self, k: int, first: float, second: float, rows: int) -> float:  # noqa: ARG002  the same for all
        return first / second - self._baseline.rates[k].rate

    def _own(self) -> dict[str, NDArray[Any]]:
        return {"open": self._open, "filled": self._filled}


# --- conformance ------------------------------------------------------------------------------------------------------------


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against: rows in control lie at the upper corner of every column's null."""
    from detectors.class_mix import cases, oracle  # only the tests read these

    thresholds = [300.0, 200.0, 300.0]
    known = (
        RateBaseline(rate=0.02, low=0.018, high=0.022, correlation=0.005, group=1, blocks=60),
        RateBaseline(rate=0.004, low=0.002, high=0.006, correlation=0.005, group=2, blocks=60),
        RateBaseline(rate=0.0, low=0.0, high=0.001, correlation=1.0, group=1, blocks=60),
    )
    baseline = MixBaseline(column=(UNWATCHED, 0, 1, 1), rates=known, reasons=("it wanders", "", "", ""))

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        nulls = [(rate.low, rate.high, rate.correlation, rate.group) for rate in known]
        return oracle.monitor(rows, at, members=[(1,), (2, 3), (4,)], nulls=nulls, thresholds=thresholds)

    return Conformance(
        name="class_mix",
        build=lambda: ClassMix(baseline, np.array(thresholds)),
        null_rows=lambda rng, count: cases.blocks(rng, count, shares=[0.971, 0.022, 0.003, 0.003, 0.001], correlation=0.005),
        changed_rows=lambda rng, count: cases.blocks(rng, count, shares=[0.6, 0.1, 0.05, 0.05, 0.2], correlation=0.005),
        oracle=run_oracle,
        measure=cases.measure,
    )
