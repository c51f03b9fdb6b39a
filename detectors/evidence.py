"""The e-detector: Shiryaev–Roberts evidence of J bets over K columns, mixed, restarted at a crossing, with its onset companion.

R ← (1 + R)·e for every bet, evidence = Σ_j w_j R_j; where E[e | past] ≤ 1 in control, evidence minus time is a supermartingale, so
that E[false alarms in T updates] ≤ T / c, restarts at 0 included (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532, section 2).
The companion M ← max(1, M)·e marks, per bet, the last row at which M ≤ 1: where the stretch that speaks for a change began.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import restore
from detectors.contract import BoolArray, Crossing, FloatArray, IntArray, Onset, SavedState
from detectors.errors import ParameterError

# Evidence beyond this many thresholds says nothing more, and must not overflow while an alarm stands.
CLIP = 10.0
# A bet with less than this share of the evidence has no say in the onset interval.
_ONSET_SHARE = 0.01
_NAMES = ("evidence", "companion", "low_at", "low_sum", "low_count", "total", "count")


class EvidenceBank:
    """Mutable arrays (J, K) folded in place; one row at a time, so that cutting a stream into batches changes no bit."""

    def __init__(self, weights: FloatArray, directions: IntArray, thresholds: FloatArray) -> None:
        """weights: (J,), sum 1. directions: (J,), +1 or -1, the side each bet is on. thresholds: (K,), c > 0."""
        if weights.ndim != 1 or thresholds.ndim != 1 or directions.shape != weights.shape:
            raise ParameterError(f"need weights (J,), directions (J,), thresholds (K,), got {weights.shape}, {directions.shape}")
        if not (np.all(weights > 0.0) and abs(float(weights.sum()) - 1.0) < 1e-12 and np.all(thresholds > 0.0)):
            raise ParameterError("weights must be positive and sum to 1, thresholds must be positive")
        bets, columns = weights.size, thresholds.size
        self._weights = weights.astype(np.float64).reshape(bets, 1)
        self._directions = directions.copy()
        self._thresholds = thresholds.astype(np.float64)
        self._clip = CLIP * self._thresholds / self._weights
        self._r = np.zeros((bets, columns))
        self._m = np.ones((bets, columns))
        self._low_at = np.full((bets, columns), -1, dtype=np.int64)
        self._low_sum = np.zeros((bets, columns))
        self._low_count = np.zeros((bets, columns), dtype=np.int64)
        self._total = np.zeros(columns)
        self._count = np.zeros(columns, dtype=np.int64)
        self._mixed = np.zeros(columns)
        self._scratch = np.empty((bets, columns))
        self._low = np.empty((bets, columns), dtype=np.bool_)

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds c, (K,), a copy."""
        return self._thresholds.copy()

    @property
    def evidence(self) -> FloatArray:
        """Mixed evidence, (K,), a copy."""
        return self._mixed.copy()

    def step(self, factors: FloatArray, values: FloatArray, measured: BoolArray | None, at: int) -> list[Crossing]:
        """Fold one row and restart what crossed.

        factors: (J, K), the bets' e, finite. values: (K,), the number whose mean since the onset is reported. measured: (K,), None
        when all are; columns that are not keep their bits. Nothing given is written to.
        """
        everything: BoolArray | bool = True if measured is None else measured
        r, m, scratch, low = self._r, self._m, self._scratch, self._low
        np.add(r, 1.0, out=scratch)
        np.multiply(scratch, factors, out=r, where=everything)
        np.minimum(r, self._clip, out=r)
        np.maximum(m, 1.0, out=scratch)
        np.multiply(scratch, factors, out=m, where=everything)
        np.minimum(m, self._clip, out=m)
        np.add(self._total, values, out=self._total, where=everything)
        np.add(self._count, 1, out=self._count, where=everything)
        np.less_equal(m, 1.0, out=low)
        if measured is not None:
            low &= measured
        np.copyto(self._low_at, at, where=low)
        np.copyto(self._low_sum, self._total, where=low)
        np.copyto(self._low_count, self._count, where=low)
        # Over the bets in their order: the first axis is added row by row, never pairwise.
        np.multiply(r, self._weights, out=scratch)
        np.add.reduce(scratch, axis=0, out=self._mixed)
        crossed = self._mixed >= self._thresholds
        if not crossed.any():
            return []
        if measured is not None:
            crossed &= measured
        return [self._cross(int(column), at) for column in np.flatnonzero(crossed)]

    def _cross(self, k: int, at: int) -> Crossing:
        parts = self._r[:, k] * self._weights[:, 0]
        lead = int(np.argmax(parts))
        side = int(self._directions[lead])
        speaking = (self._directions == side) & (parts >= _ONSET_SHARE * parts.sum())
        lows = self._low_at[speaking, k]
        since = int(self._count[k] - self._low_count[lead, k])
        crossing = Crossing(
            column=k,
            at=at,
            evidence=float(self._mixed[k]),
            threshold=float(self._thresholds[k]),
            updates=int(self._count[k]),
            onset=Onset(int(self._low_at[lead, k]) + 1, int(lows.min()) + 1, int(lows.max()) + 1),
            direction=side,
            size=float((self._total[k] - self._low_sum[lead, k]) / max(1, since)),
        )
        self.restart(k, at)
        return crossing

    def restart(self, k: int, at: int) -> None:
        """Column k starts again at 0 after row `at`."""
        self._r[:, k] = 0.0
        self._m[:, k] = 1.0
        self._mixed[k] = 0.0
        self._low_at[:, k] = at
        self._low_sum[:, k] = 0.0
        self._low_count[:, k] = 0
        self._total[k] = 0.0
        self._count[k] = 0

    def save(self) -> SavedState:
        """Copy of the state."""
        saved: SavedState = {name: array.copy() for name, array in zip(_NAMES, self._arrays(), strict=True)}
        saved["mixed"] = self._mixed.copy()
        return saved

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError."""
        for name, array in zip(_NAMES, self._arrays(), strict=True):
            restore(saved, name, array)
        restore(saved, "mixed", self._mixed)

    def _arrays(self) -> tuple[FloatArray | IntArray, ...]:
        return (self._r, self._m, self._low_at, self._low_sum, self._low_count, self._total, self._count)
