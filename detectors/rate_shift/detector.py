"""Rate shift: has a station's reject rate left what its baseline allows, up or down?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.column import Column, Reached
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult, SavedState
from detectors.errors import ParameterError
from detectors.onset import from_lows
from detectors.rate_shift.baseline import RateBaseline
from detectors.rate_shift.bets import BETS, bets


class RateShift:
    """E-detector for the null "given the past and its number of parts, a block's reject rate has a mean within the baseline's
    bounds and at most its beta-binomial variance", whatever its distribution; the page is README.md.

    Input rows: (rejects, parts) of a block, 0 <= rejects <= parts, parts >= 1; NaN in either = not measured. Eight bets of equal
    weight (bets.py). threshold: evidence c at which it alarms; E[false alarms in T blocks] <= T / c. Raises ShapeError.
    """

    def __init__(self, baseline: RateBaseline, threshold: float) -> None:
        self._baseline = baseline
        self._column = Column(BETS, threshold, 2)  # counted: rejects and parts

    @property
    def columns(self) -> int:
        """One: the reject rate."""
        return 1

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (1,), a copy; 0 after a restart."""
        return self._column.bank.evidence

    @property
    def thresholds(self) -> FloatArray:
        """Alarm threshold c, (1,), a copy."""
        return self._column.bank.thresholds

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
        return [self._crossing(reached) for reached in self._column.fold(e, rows, labels)]

    def _crossing(self, reached: Reached) -> Crossing:
        at, evidence, updates, lead, trace = reached
        down, own = divmod(lead, BETS // 2)
        first = down * (BETS // 2)
        lows = trace.lows(trace.sums[:, first : first + BETS // 2])
        rejects, parts = (trace.sums[-1] - trace.sums[lows[own]])[BETS:].tolist()
        return Crossing(
            column=0,
            at=at,
            evidence=evidence,
            threshold=float(self.thresholds[0]),
            updates=updates,
            onset=from_lows(trace.labels[lows].tolist(), own, at, int(trace.labels[0])),
            direction=-1 if down else 1,
            size=rejects / parts - self._baseline.rate,
        )

    def save(self) -> SavedState:
        """Copy of the whole state; the baseline is kept by who fitted it."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not this detector's."""
        arrays.restore(self._state(), saved)
        self._column.restored()

    def _state(self) -> dict[str, NDArray[Any]]:
        return self._column.state()


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
