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
    """R <- (1/J + R) e per bet, and evidence = the sum of R over the J bets, in their order; mutable, single-threaded.

    bets: J, mixed equally. thresholds: (K,), >= 1. Raises ParameterError.
    While E[e | past] <= 1, c N_t + evidence_t - t is a supermartingale, so E[false alarms N_T] <= T / c for every T.
    The weight 1/J is carried inside R (R here = 1/J times the paper's R), and what is kept is the stake S = R + 1/J of the next
    row: S <- S e + 1/J. So evidence = the sum of S, less 1, and a row is two passes over one array.
    """

    def __init__(self, bets: int, thresholds: FloatArray) -> None:
        self._c = arrays.vector(thresholds, thresholds.shape[0], "thresholds")
        if bets < 1:
            raise ParameterError(f"bets must be at least 1, got {bets}")
        if (self._c < 1).any():
            raise ParameterError("thresholds must be at least 1")
        columns = self._c.shape[0]
        self._share = np.array(1.0 / bets)
        self._s = arrays.aligned(bets, columns)
        self._s += self._share
        # The sum of S at R = 0 is 1, but for rounding: added up one by one, as `_sum` does.
        self._nothing = float(np.add.accumulate(np.full(bets, self._share))[-1])
        self._evidence = np.empty(columns)
        self._crossed = np.empty(columns, np.bool_)
        self._views = self._s[None], self._evidence[None]  # of one row: making them costs as much as using them
        self._safe = float(self._c.min(initial=np.inf)) / bets  # evidence is at most J times the largest S

    @property
    def evidence(self) -> FloatArray:
        """Evidence, (K,), a copy; 0 after a restart."""
        evidence: FloatArray = _sum(self._s[None], np.empty((1, self._c.size)), self._nothing)[0]
        return np.minimum(np.maximum(evidence, 0.0), CLIP * self._c)

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
            np.multiply(self._s, e[0], out=self._s)
            np.add(self._s, self._share, out=self._s)
            _sum(*self._views, self._nothing)
            np.greater_equal(self._evidence, self._c, out=self._crossed)
            return 1, np.flatnonzero(self._crossed) if np.count_nonzero(self._crossed) else _NONE
        shares = [self._share] * len(e) if measured is None else self._share * measured[:, None]
        s = self._s
        with np.errstate(over="ignore"):  # behind a crossing, where the rows are folded again from 0
            for row, share in zip(e, shares, strict=True):
                s = np.multiply(s, row, out=row)
                np.add(s, share, out=s)
        if e.max(initial=0.0) < self._safe:  # no sum can reach a threshold
            np.copyto(self._s, s)
            return len(e), _NONE
        with np.errstate(over="ignore"):
            crossed = _sum(e, np.empty((len(e), self._c.size)), self._nothing) >= self._c
        last = int(crossed.any(axis=1).argmax()) if crossed.any() else len(e) - 1
        np.copyto(self._s, e[last])
        return last + 1, np.flatnonzero(crossed[last])

    def restart(self, k: int) -> tuple[float, int]:
        """Set column k to 0: its evidence as it was, clipped, and the bet that had most of it."""
        evidence, lead = float(self.evidence[k]), int(np.argmax(self._s[:, k]))
        self._s[:, k] = self._share
        return evidence, lead

    def __reduce__(self) -> Any:
        raise TypeError("a detector holds views of its own arrays: copy it by save and load")

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others."""
        return {"s": self._s}


_NONE = np.empty(0, np.int64)


def _sum(s: FloatArray, out: FloatArray, nothing: float) -> FloatArray:
    """The sum over bets less `nothing`, (T, J, K) -> (T, K), one bet after the other, whatever T and K are."""
    if out.shape[1] > 1:
        np.add.reduce(s, axis=1, out=out)
    else:  # numpy would sum a lone column pairwise
        np.copyto(out, s[:, 0])
        for j in range(1, s.shape[1]):
            out += s[:, j]
    return np.subtract(out, nothing, out=out)
