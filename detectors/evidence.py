"""The e-detector recursion: J bets on K columns, a mixture of Shiryaev-Roberts sums that restarts when it crosses.

Source: Shin, Ramdas, Rinaldo 2024, "E-detectors: a nonparametric framework for sequential change detection", arXiv 2203.03532.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import BoolArray, FloatArray, IntArray
from detectors.errors import ParameterError

CLIP = 10.0
"""Evidence is reported clipped at this multiple of its threshold: nobody acts on more, and the numbers stay readable."""


class EvidenceBank:
    """R <- (w + R) e per bet, w the bet's weight, and evidence = the sum of R over bets, in their order; mutable, single-threaded.

    weights: (J,), positive, sum 1. thresholds: (K,), >= 1. Raises ParameterError.
    While E[e | past] <= 1, c N_t + evidence_t - t is a supermartingale, so E[false alarms N_T] <= T / c for every T.
    The weight is carried inside R (R here = w times the paper's R), which saves the multiplication in the sum.
    """

    def __init__(self, weights: FloatArray, thresholds: FloatArray) -> None:
        w = arrays.vector(weights, weights.shape[0], "weights")[:, None]
        self._c = arrays.vector(thresholds, thresholds.shape[0], "thresholds")
        if (w <= 0).any() or abs(float(w.sum()) - 1.0) > 1e-12:
            raise ParameterError(f"weights must be positive and sum to 1, got {weights.tolist()}")
        if (self._c < 1).any():
            raise ParameterError("thresholds must be at least 1")
        self._stake = np.repeat(w, self._c.shape[0], axis=1)  # the weights once per column: no broadcasting per row
        self._r = np.zeros_like(self._stake)
        self._next = np.empty_like(self._stake)
        self._evidence = np.empty_like(self._c)
        self._crossed = np.empty(self._c.shape, np.bool_)
        self._views = self._r[None], self._evidence[None]  # of one row: making them costs as much as using them

    @property
    def evidence(self) -> FloatArray:
        """Evidence, (K,), a copy."""
        evidence: FloatArray = np.minimum(_sum(self._r[None], np.empty((1, self._c.size)))[0], CLIP * self._c)
        return evidence

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds c, (K,), a copy."""
        return self._c.copy()

    def fold(self, e: FloatArray, measured: BoolArray | None = None) -> tuple[int, IntArray]:
        """Fold rows of e-values (T, J, K) up to and with the first that brings a column to its threshold.

        Returns how many rows were folded and the columns that crossed on the last of them, ascending: `restart` those, and fold the
        rest. e: finite, >= 0, and 1 exactly where not measured; trusted (the detector has checked its input) and overwritten.
        measured: (T, K), or None when everything was. A column not measured keeps its bits.
        """
        if e.shape[0] == 1 and measured is None:  # as a live line folds
            np.add(self._r, self._stake, out=self._r)
            np.multiply(self._r, e[0], out=self._r)
            _sum(*self._views)
            np.greater_equal(self._evidence, self._c, out=self._crossed)
            return 1, np.flatnonzero(self._crossed) if np.count_nonzero(self._crossed) else _NONE
        r = self._r
        with np.errstate(over="ignore"):  # behind a crossing, where the rows are folded again from 0
            for t in range(e.shape[0]):
                row = e[t]
                np.add(r, self._stake if measured is None else self._stake * measured[t], out=self._next)
                r = np.multiply(self._next, row, out=row)
            crossed = _sum(e, np.empty((e.shape[0], self._c.size))) >= self._c
        rows = np.flatnonzero(crossed.any(axis=1))
        last = int(rows[0]) if rows.size else e.shape[0] - 1
        np.copyto(self._r, e[last])
        return last + 1, np.flatnonzero(crossed[last])

    def restart(self, k: int) -> tuple[float, int]:
        """Set column k to 0: its evidence as it was, clipped, and the bet that had most of it."""
        evidence, lead = float(self.evidence[k]), int(np.argmax(self._r[:, k]))
        self._r[:, k] = 0.0
        return evidence, lead

    def __reduce__(self) -> Any:
        raise TypeError("a detector holds views of its own arrays: copy it by save and load")

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others."""
        return {"r": self._r}


_NONE = np.empty(0, np.int64)


def _sum(r: FloatArray, out: FloatArray) -> FloatArray:
    """The sum over bets, (T, J, K) -> (T, K), one bet after the other, whatever T and K are."""
    if out.shape[1] > 1:
        return np.add.reduce(r, axis=1, out=out)
    np.copyto(out, r[:, 0])  # numpy would sum a lone column pairwise
    for j in range(1, r.shape[1]):
        out += r[:, j]
    return out
