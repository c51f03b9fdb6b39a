"""Challenge: does the station miss parts known to be bad more often than declared, in any failure mode?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.challenge.bets import BETS, bets
from detectors.column import ColumnDetector
from detectors.contract import Conformance, Crossing, FloatArray, IntArray, OracleResult
from detectors.errors import ParameterError, ShapeError


class Challenge(ColumnDetector):
    """E-detector for the null "given the past, a presentation of failure mode k is missed with probability at most limit k".

    Input rows: one column per mode, 1 missed, 0 found, NaN not presented. limits, thresholds: (K,), limits in (0, 1).
    E[false alarms of mode k in T presentations] <= T / c_k. Counts of what was presented, missed, and found in a row since the last
    miss are kept per mode, for `verification`. Raises ShapeError, ParameterError.
    """

    def __init__(self, limits: FloatArray, thresholds: FloatArray) -> None:
        if thresholds.ndim != 1:
            raise ShapeError(f"thresholds must have shape (K,), got {thresholds.shape}")
        self._limits = arrays.vector(limits, thresholds.shape[0], "limits")
        if ((self._limits <= 0.0) | (self._limits >= 1.0)).any():
            raise ParameterError(f"limits must lie in (0, 1), got {limits.tolist()}")
        super().__init__(BETS, thresholds)  # counted: presentations and misses
        self._presented = np.zeros(thresholds.shape[0], np.int64)
        self._missed = np.zeros_like(self._presented)
        self._clean = np.zeros_like(self._presented)
        self._clean_since = np.full_like(self._presented, -1)

    @property
    def presented(self) -> IntArray:
        """Presentations of each mode so far, (K,), a copy."""
        return self._presented.copy()

    @property
    def missed(self) -> IntArray:
        """Of these, missed, (K,), a copy."""
        return self._missed.copy()

    @property
    def clean(self) -> IntArray:
        """Presentations found in a row since the last miss, (K,), a copy."""
        return self._clean.copy()

    @property
    def clean_since(self) -> IntArray:
        """Label of the first of these, (K,), a copy; -1 where there is none. The state was verified from here on, not before."""
        return self._clean_since.copy()

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T rows of presentations, (T, K) float64, in order; at: labels (T,) int64.

        A crossing's size is the share missed since the onset estimate minus the limit. Raises ShapeError, and ParameterError for an
        outcome that is neither 0 nor 1.
        """
        x = arrays.finite_or_missing(arrays.rows(x, self.columns))
        at = arrays.labels(at, x.shape[0])
        measured = ~np.isnan(x)
        if (measured & (x != 0.0) & (x != 1.0)).any():
            raise ParameterError("outcomes must be 0 (found) or 1 (missed)")
        some = measured.any(axis=1)
        x, measured, labels = x[some], measured[some], at[some].tolist()
        missed = measured & (x == 1.0)
        self._count(measured, missed, labels)
        counted = np.stack([measured, missed], axis=1).astype(np.float64)
        folded = self._columns.fold(bets(x, self._limits), counted, labels, None if measured.all() else measured)
        return [self._crossing(k, reached) for k, reached in folded]

    def _count(self, measured: NDArray[np.bool_], missed: NDArray[np.bool_], labels: list[int]) -> None:
        self._presented += measured.sum(axis=0)
        self._missed += missed.sum(axis=0)
        for presented, wrong, label in zip(measured, missed, labels, strict=True):
            self._clean_since[presented & (self._clean == 0)] = label
            self._clean += presented
            self._clean[wrong] = 0
            self._clean_since[wrong] = -1

    def _size(self, k: int, first: float, second: float, rows: int) -> float:  # noqa: ARG002  the same for all
        return second / first - float(self._limits[k])

    def _own(self) -> dict[str, NDArray[Any]]:
        return {
            "presented": self._presented,
            "missed_ever": self._missed,
            "clean": self._clean,
            "clean_since": self._clean_since,
        }


# --- conformance ------------------------------------------------------------------------------------------------------------


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against: rows in control miss exactly as often as the limits allow."""
    from detectors.challenge import cases, oracle  # only the tests read these

    limits, thresholds = [0.02, 0.1], [300.0, 200.0]

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.monitor(rows, at, limits=limits, thresholds=thresholds)

    return Conformance(
        name="challenge",
        build=lambda: Challenge(np.array(limits), np.array(thresholds)),
        null_rows=lambda rng, count: (rng.random((count, 2)) < np.array(limits)).astype(np.float64),
        changed_rows=lambda rng, count: (rng.random((count, 2)) < 0.6).astype(np.float64),
        oracle=run_oracle,
        measure=cases.measure,
    )
