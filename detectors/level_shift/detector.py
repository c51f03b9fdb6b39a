"""Level shift: has the mean of a standardised channel left its tolerance, up or down, by an amount nobody knows beforehand?"""

from __future__ import annotations

import math

import numpy as np

from detectors import arrays
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult, SavedState
from detectors.errors import ParameterError, ShapeError
from detectors.evidence import BankCrossing, EvidenceBank

STRENGTHS = (0.25, 0.5, 1.0, 2.0)
"""|lambda| of the bets on either side; powers of two, so that squaring one exp per channel gives them all."""
Z_LIMIT = 8.0
"""Scores beyond this are taken as this: one part proves no more than exp(2 * 8), and all products stay finite."""


class LevelShift:
    """E-detector for |mean of z| <= epsilon on K channels at once; the page is README.md, the interface `Detector`.

    log e = lambda z - |lambda| epsilon - (1 + inflation) lambda^2 / 2, lambda in +-{0.25, 0.5, 1, 2}, equal weights: E[e |
    past] <= 1 while z has a mean within +-epsilon and sub-Gaussian variance factor at most 1 + inflation (METHODS 2.4).
    epsilon, inflation: (K,), >= 0, what the baseline says. thresholds: (K,), >= 1. Raises ShapeError, ParameterError.
    """

    def __init__(self, epsilon: FloatArray, inflation: FloatArray, thresholds: FloatArray) -> None:
        if thresholds.ndim != 1:
            raise ShapeError(f"thresholds must have shape (K,), got {thresholds.shape}")
        columns = int(thresholds.shape[0])
        epsilon = arrays.vector(epsilon, columns, "epsilon")
        inflation = arrays.vector(inflation, columns, "inflation")
        if (epsilon < 0).any() or (inflation < 0).any():
            raise ParameterError("epsilon and inflation must not be negative")
        half = len(STRENGTHS)
        size = np.array(STRENGTHS)[:, None]
        self._log_price = size * epsilon + (1.0 + inflation) * size * size / 2.0
        self._price = np.exp(-self._log_price)
        sides = np.array([1] * half + [-1] * half, np.int64)
        self._bank = EvidenceBank(np.full(2 * half, 0.5 / half), thresholds, sides)
        self._columns = columns
        self._up = np.empty((half, columns))
        self._e = np.empty((2 * half, columns))

    @property
    def columns(self) -> int:
        """Number of channels, K."""
        return self._columns

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (K,), a copy; 0 after a restart."""
        return self._bank.evidence

    @property
    def thresholds(self) -> FloatArray:
        """Alarm thresholds c, (K,), a copy."""
        return self._bank.thresholds

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T rows of scores z, (T, K) float64, in order; NaN = not measured. at: labels (T,) int64. Raises ShapeError."""
        x = arrays.rows(x, self._columns)
        at = arrays.labels(at, x.shape[0])
        crossings: list[Crossing] = []
        for row, label in zip(x, at.tolist(), strict=True):
            missing = np.isnan(row)
            measured = ~missing if missing.any() else None
            self._bet(row, measured)
            crossings += [self._crossing(found, label) for found in self._bank.fold(self._e, measured, label)]
        return crossings

    def _bet(self, row: FloatArray, measured: BoolArray | None) -> None:
        """The e-values of a row, (2 * half, K), into `_e`; 1 where not measured. Row by row, so that a batch has no say in the
        bits.
        """
        up, e, half = self._up, self._e, len(STRENGTHS)
        z = np.minimum(np.maximum(row, -Z_LIMIT), Z_LIMIT)
        np.multiply(z, STRENGTHS[0], out=z)
        np.exp(z, out=up[0])
        for j in range(1, half):
            np.multiply(up[j - 1], up[j - 1], out=up[j])
        np.multiply(up, self._price, out=e[:half])
        np.divide(self._price, up, out=e[half:])
        if measured is not None:
            e[:, ~measured] = 1.0

    def _crossing(self, found: BankCrossing, at: int) -> Crossing:
        """With the mean score since the lead's low, got back from its e-CUSUM: log M = |lambda| S - n * price."""
        half = len(STRENGTHS)
        direction = 1 if found.lead < half else -1
        strength, updates = found.lead % half, max(found.lead_updates, 1)
        price = float(self._log_price[strength, found.column])
        return Crossing(
            column=found.column,
            at=at,
            evidence=found.evidence,
            threshold=float(self._bank.thresholds[found.column]),
            updates=found.updates,
            onset=found.onset,
            direction=direction,
            size=direction * (math.log(found.lead_growth) / updates + price) / STRENGTHS[strength],
        )

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return self._bank.save()

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not of such a detector."""
        self._bank.load(saved)


def conformance() -> Conformance:
    """What `tests/conformance` needs to check this folder."""
    from detectors.level_shift import cases, oracle  # only the tests read these

    epsilon, inflation, thresholds = [0.0, 0.1, 0.3], [0.0, 0.05, 0.2], [300.0, 200.0, 400.0]

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.run(rows, at, epsilon=epsilon, inflation=inflation, thresholds=thresholds)

    return Conformance(
        name="level_shift",
        build=lambda: LevelShift(np.array(epsilon), np.array(inflation), np.array(thresholds)),
        null_rows=lambda rng, count: rng.standard_normal((count, 3)),
        changed_rows=lambda rng, count: rng.standard_normal((count, 3)) + np.array([1.5, -1.5, 2.0]),
        oracle=run_oracle,
        measure=cases.measure,
    )
