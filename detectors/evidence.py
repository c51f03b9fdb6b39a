"""The e-detector recursion: J bets on K columns, a mixture of Shiryaev-Roberts sums that restarts when it crosses.

Source: Shin, Ramdas, Rinaldo 2024, "E-detectors: a nonparametric framework for sequential change detection", arXiv 2203.03532.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import BoolArray, FloatArray, IntArray, Onset, SavedState
from detectors.errors import ParameterError
from detectors.onset import from_lows

CLIP = 10.0
"""Evidence is clipped at this multiple of its threshold: the bound stays valid (less evidence), the numbers stay finite."""


@dataclass(frozen=True, slots=True)
class BankCrossing:
    """One column's evidence as it crossed, before the restart.

    lead: the bet with most evidence. lead_growth: that bet's e-CUSUM, the product of its e-values since `low`; lead_updates:
    how many factors it has.
    """

    column: int
    evidence: float
    updates: int
    onset: Onset
    lead: int
    lead_growth: float
    lead_updates: int


class EvidenceBank:
    """R <- (w + R) e per bet, w the bet's weight, and evidence = the sum of R over bets, in their order; mutable, single-threaded.

    weights: (J,), positive, sum 1. thresholds: (K,), >= 1. sides: (J,), +1 or -1, the direction each bet stands for.
    While E[e | past] <= 1, c N_t + evidence_t - t is a supermartingale, so E[false alarms N_T] <= T / c for every T.
    The weight is carried inside R (R here = w times the paper's R), which saves the multiplication in the sum.
    """

    def __init__(self, weights: FloatArray, thresholds: FloatArray, sides: IntArray) -> None:
        self._w = arrays.vector(weights, weights.shape[0], "weights")[:, None]
        self._c = arrays.vector(thresholds, thresholds.shape[0], "thresholds")
        self._sides = [int(side) for side in sides]
        bets, columns = self._w.shape[0], self._c.shape[0]
        if (self._w <= 0).any() or abs(float(self._w.sum()) - 1.0) > 1e-12:
            raise ParameterError(f"weights must be positive and sum to 1, got {weights.tolist()}")
        if (self._c < 1).any():
            raise ParameterError("thresholds must be at least 1")
        if len(self._sides) != bets or any(side not in {1, -1} for side in self._sides):
            raise ParameterError(f"sides must be {bets} values +1 or -1")
        self._r = np.zeros((bets, columns))
        self._m = np.ones((bets, columns))  # max(1, e-CUSUM)
        self._low_at = np.zeros((bets, columns), np.int64)
        self._low_updates = np.zeros((bets, columns), np.int64)
        self._updates = np.zeros(columns, np.int64)
        self._started = np.zeros(columns, np.bool_)
        self._since = np.zeros(columns, np.int64)  # last label before the evidence began
        self._all_started = columns == 0
        self._evidence = np.zeros(columns)
        self._clip = CLIP * self._c
        self._stake = np.repeat(self._w, columns, axis=1)  # the weights once per column: no broadcasting per row
        self._low = np.empty((bets, columns), np.bool_)
        self._crossed = np.empty(columns, np.bool_)
        self._half_sum = np.empty(((bets + 1) // 2, columns))

    @property
    def evidence(self) -> FloatArray:
        """Evidence, (K,), a copy."""
        return np.minimum(self._evidence, self._clip)

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds c, (K,), a copy."""
        return self._c.copy()

    @property
    def lows(self) -> BoolArray:
        """Which e-CUSUMs the last folded row found at or brought to 1 or less, (J, K); a view, valid until the next fold."""
        return self._low

    def fold(self, e: FloatArray, measured: BoolArray | None, at: int) -> list[BankCrossing]:
        """Fold one row of e-values (J, K) labelled `at`; the columns that crossed, restarted, in ascending order.

        e: finite, >= 0, and 1 exactly in columns not measured. measured: (K,), or None when all were. A column not measured
        keeps its bits. The arrays are trusted (the detector has checked its input) and never written to.
        """
        if not self._all_started:
            self._start(measured, at)
        r, m, low = self._r, self._m, self._low
        if measured is None:
            r += self._stake
            self._updates += 1
        else:
            r += self._stake * measured
            self._updates += measured
        r *= e  # needs no clip: below c after the row before, else restarted
        m *= e
        np.less_equal(m, 1.0, out=low)
        if measured is not None:
            low &= measured
        np.maximum(m, 1.0, out=m)
        np.putmask(self._low_at, low, at)
        np.putmask(self._low_updates, low, self._updates)  # repeats (K,) along the bets
        self._sum()
        np.greater_equal(self._evidence, self._c, out=self._crossed)
        if self._crossed.any():
            return [self._cross(int(k), at) for k in np.flatnonzero(self._crossed)]
        return []

    def _sum(self) -> None:
        """Evidence = the sum over bets, second half onto first half until one row is left: a fixed order, whatever the columns."""
        half, rows = self._half_sum, self._r.shape[0]
        if rows == 1:
            np.copyto(self._evidence, self._r[0])
            return
        source = self._r
        while rows > 2:
            kept, rest = (rows + 1) // 2, rows // 2
            np.add(source[:rest], source[kept:rows], out=half[:rest])
            if kept > rest and source is self._r:
                np.copyto(half[rest], source[rest])
            source, rows = half, kept
        np.add(source[0], source[1], out=self._evidence)

    def _start(self, measured: BoolArray | None, at: int) -> None:
        """The label before a column's first row is the last at which nothing had happened to it yet."""
        new = ~self._started if measured is None else measured & ~self._started
        if new.any():
            self._low_at[:, new] = at - 1
            self._since[new] = at - 1
            self._started |= new
            self._all_started = bool(self._started.all())

    def _cross(self, k: int, at: int) -> BankCrossing:
        lead = int(np.argmax(self._r[:, k]))
        same = [j for j, side in enumerate(self._sides) if side == self._sides[lead]]
        crossing = BankCrossing(
            column=k,
            evidence=float(min(self._evidence[k], self._clip[k])),
            updates=int(self._updates[k]),
            onset=from_lows([int(self._low_at[j, k]) for j in same], same.index(lead), at, int(self._since[k])),
            lead=lead,
            lead_growth=float(self._m[lead, k]),
            lead_updates=int(self._updates[k] - self._low_updates[lead, k]),
        )
        self._r[:, k] = 0.0
        self._m[:, k] = 1.0
        self._low_at[:, k] = at
        self._since[k] = at
        self._low_updates[:, k] = 0
        self._updates[k] = 0
        self._evidence[k] = 0.0
        return crossing

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            "r": self._r,
            "m": self._m,
            "low_at": self._low_at,
            "low_updates": self._low_updates,
            "updates": self._updates,
            "started": self._started,
            "since": self._since,
            "evidence": self._evidence,
        }

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not of such a bank."""
        arrays.restore(self._state(), saved)
        self._all_started = bool(self._started.all())
