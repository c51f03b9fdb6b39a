"""Level shift: has the mean of a standardised channel left its tolerance, up or down, by an amount nobody knows beforehand?

Bets on both sides at four strengths: log e = λz − |λ|ε − (1 + η)λ²/2, λ ∈ ±{0.25, 0.5, 1, 2}, an e-value for every sub-Gaussian z
with |mean| ≤ ε and variance factor 1 + η (METHODS 2.4; Shin, Ramdas, Rinaldo 2024).
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import check_rows
from detectors.contract import Crossing, FloatArray, IntArray, SavedState
from detectors.errors import ParameterError
from detectors.evidence import EvidenceBank

STRENGTHS = (0.25, 0.5, 1.0, 2.0)
_SIGNED = np.array([*STRENGTHS, *(-s for s in STRENGTHS)])
# Beyond this the score of one part says no more: exp(2·8) leaves room below the clip of the evidence.
Z_LIMIT = 8.0


class LevelShift:
    """See `detectors.contract.Detector`; input: z, (T, K)."""

    def __init__(self, epsilon: FloatArray, inflation: FloatArray, thresholds: FloatArray) -> None:
        """epsilon: tolerated |mean of z|; inflation: η ≥ 0; thresholds: c; all (K,)."""
        if not epsilon.shape == inflation.shape == thresholds.shape or thresholds.ndim != 1:
            raise ParameterError(f"epsilon, inflation and thresholds must be (K,), got {epsilon.shape}, {inflation.shape}")
        if not (np.all(epsilon >= 0.0) and np.all(inflation >= 0.0)):
            raise ParameterError("epsilon and inflation must not be negative")
        size = np.abs(_SIGNED)[:, None]
        self._factor = np.exp(-size * epsilon - (1.0 + inflation) * size * size / 2.0)
        bets = _SIGNED.size
        self._bank = EvidenceBank(np.full(bets, 1.0 / bets), np.sign(_SIGNED).astype(np.int64), thresholds)
        self._powers = np.empty((bets, thresholds.size))
        self._columns = int(thresholds.size)

    @property
    def columns(self) -> int:
        """K."""
        return self._columns

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (K,), a copy."""
        return self._bank.evidence

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds c, (K,), a copy."""
        return self._bank.thresholds

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold rows of z; see `detectors.contract.Detector.update`."""
        check_rows(x, at, self._columns)
        crossings: list[Crossing] = []
        powers = self._powers
        half = len(STRENGTHS)
        for row, label in zip(x, at.tolist(), strict=True):
            missing = np.isnan(row)
            measured = None
            z = np.clip(row, -Z_LIMIT, Z_LIMIT)
            if missing.any():
                measured = ~missing
                z[missing] = 0.0
            # The strengths are powers of two, so that squares of one exponential give the rest (relative error 3e-15).
            np.exp(STRENGTHS[0] * z, out=powers[0])
            for k in range(1, half):
                np.multiply(powers[k - 1], powers[k - 1], out=powers[k])
            np.divide(1.0, powers[:half], out=powers[half:])
            np.multiply(powers, self._factor, out=powers)
            crossings += self._bank.step(powers, z, measured, label)
        return crossings

    def save(self) -> SavedState:
        """Copy of the state."""
        return self._bank.save()

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state."""
        self._bank.load(saved)
