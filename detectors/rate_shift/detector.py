"""Rate shift: has a station's reject rate left what its baseline allows, up or down?"""

from __future__ import annotations

import numpy as np

from detectors import arrays
from detectors.column import ColumnDetector
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult
from detectors.errors import ParameterError
from detectors.rate_shift.baseline import RateBaseline
from detectors.rate_shift.bets import BETS, bets


class RateShift(ColumnDetector):
    """E-detector for the null "given the past and its number of parts, a block's reject rate has a mean within the baseline's
    bounds and at most its beta-binomial variance", whatever its distribution; the page is README.md.

    Input rows: (rejects, parts) of a block, 0 <= rejects <= parts, parts >= 1; NaN in either = not measured. Eight bets of equal
    weight (bets.py). threshold: evidence c at which it alarms; E[false alarms in T blocks] <= T / c. Raises ShapeError.
    """

    def __init__(self, baseline: RateBaseline, threshold: float) -> None:
        super().__init__(BETS, np.array([float(threshold)]), sides=2)  # counted: rejects and parts
        self._baseline = baseline

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T blocks (rejects, parts), (T, 2) float64, in order; at: labels (T,) int64.

        A row with NaN in either is skipped. A crossing's size is the reject rate since the onset estimate minus the baseline's, a
        share of parts. Raises ShapeError, and ParameterError for counts that cannot be.
        """
        x = arrays.finite_or_missing(arrays.rows(x, 2))
        at = arrays.labels(at, x.shape[0])
        measured = _checked(x)
        rows, labels = x[measured], at[measured].tolist()
        known = self._baseline
        e = bets(rows[:, 0], rows[:, 1], known.low, known.high, known.correlation)
        return [self._crossing(k, reached) for k, reached in self._columns.fold(e, rows[:, :, None], labels)]

    def _size(self, k: int, first: float, second: float, rows: int) -> float:  # noqa: ARG002  the same for all
        return first / second - self._baseline.rate


def _checked(x: FloatArray) -> BoolArray:
    """Which rows are measured. Raises ParameterError for counts that cannot be."""
    rejects, parts = x[:, 0], x[:, 1]
    measured: BoolArray = ~(np.isnan(rejects) | np.isnan(parts))
    if (measured & ((parts < 1.0) | (rejects < 0.0) | (rejects > parts))).any():
        raise ParameterError("a block needs at least 1 part, and from 0 to all of its parts rejected")
    return measured


# --- conformance ------------------------------------------------------------------------------------------------------------


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against: rows in control lie at the upper corner of the null."""
    from detectors.rate_shift import cases, oracle  # only the tests read these

    threshold = 300.0
    known = RateBaseline(rate=0.02, low=0.018, high=0.022, correlation=0.005, group=1, blocks=60)

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.monitor(rows, at, low=known.low, high=known.high, correlation=known.correlation, threshold=threshold)

    return Conformance(
        name="rate_shift",
        build=lambda: RateShift(known, threshold),
        null_rows=lambda rng, count: cases.blocks(rng, count, rate=known.high, correlation=known.correlation),
        changed_rows=lambda rng, count: cases.blocks(rng, count, rate=0.08, correlation=known.correlation),
        oracle=run_oracle,
        measure=cases.measure,
    )
