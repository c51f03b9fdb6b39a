"""What a column's bets have seen since it restarted, remembered well enough to say where each of them last stood lowest.

The e-CUSUM of a bet, M <- max(1, M) e, is at most 1 exactly where the walk W = sum of log e is at its minimum so far. So nothing
but the running sums that make up W need be kept per row, and the minima are sought when a column crosses: once, instead of an
e-CUSUM per bet and row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import BoolArray, FloatArray, IntArray

PER_LEVEL = 16
"""Rows kept of each level: all up to 2 * PER_LEVEL rows back, beyond that none further apart than 1 / PER_LEVEL of their age."""
LEVELS = 17
"""Level v keeps rows whose number is an odd multiple of 2^v, the last level all multiples: the reach is a million rows."""
SLOTS = PER_LEVEL * LEVELS


@dataclass(frozen=True, slots=True)
class Trace:
    """One column since its restart, as far as it is kept; the row it has reached is the last.

    labels: (n,) at which these rows came; the first is the last label before the column began. counts: (n,) rows measured up to
    there, from 0, increasing. sums: (n, D) the running sums there, from 0.
    """

    labels: IntArray
    counts: IntArray
    sums: FloatArray

    def lows(self, walks: FloatArray) -> IntArray:
        """Index of the last minimum of each of J walks, (n, J), before the row reached, (J,)."""
        lows: IntArray = len(walks) - 2 - np.argmin(walks[-2::-1], axis=0)
        return lows


class Walk:
    """Running sums of D numbers for each of K columns; mutable, single-threaded. Its state is a function of the rows alone."""

    def __init__(self, sums: int, columns: int) -> None:
        self._row = 0
        self._slot = _slot(0)
        self._sums = arrays.aligned(SLOTS, sums, columns)
        self._missed = np.zeros((SLOTS, columns), np.int32)  # rows not measured since the column began
        self._any_missed = False
        self._labels = np.zeros(SLOTS, np.int64)
        self._rows = np.zeros(SLOTS, np.int64)
        self._start = np.full(columns, -1, np.int64)  # the row at which the column began, -1: not yet
        self._since = np.zeros(columns, np.int64)  # and the label
        self._all_started = columns == 0

    def add(self, steps: FloatArray, at: list[int], measured: BoolArray | None = None) -> None:
        """Add rows (T, D, K) labelled `at`; steps are 0 where not measured. measured: (T, K), or None when everything was."""
        sums, reached = self._sums, self._sums[self._slot]
        for t, label in enumerate(at):
            if not self._all_started:
                self._begin(None if measured is None else measured[t], label)
            self._row += 1
            slot = _slot(self._row)
            reached = np.add(reached, steps[t], out=sums[slot])
            if measured is not None or self._any_missed:
                self._miss(slot, None if measured is None else measured[t])
            self._labels[slot] = label
            self._rows[slot] = self._row
            self._slot = slot

    def _miss(self, slot: int, measured: BoolArray | None) -> None:
        """The next row's count of rows not measured."""
        np.copyto(self._missed[slot], self._missed[self._slot])
        if measured is not None:
            self._any_missed = True
            self._missed[slot] += ~measured

    def _begin(self, measured: BoolArray | None, label: int) -> None:
        """The label before a column's first row is the last at which nothing had happened to it yet."""
        new = self._start < 0 if measured is None else measured & (self._start < 0)
        if new.any():
            self._restart(new, label - 1)
            self._all_started = bool((self._start >= 0).all())

    def restart(self, k: int, label: int) -> None:
        """Column k begins anew after the row reached, labelled `label`."""
        self._restart(np.array([k]), label)

    def _restart(self, which: NDArray[Any], label: int) -> None:
        self._sums[self._slot][:, which] = 0.0
        self._missed[self._slot][which] = 0
        self._start[which], self._since[which] = self._row, label

    def count(self, k: int) -> int:
        """Rows of column k measured since it began."""
        return self._row - int(self._start[k]) - int(self._missed[self._slot, k])

    def trace(self, k: int) -> Trace:
        """What is kept of column k, in order."""
        start = int(self._start[k])
        slots = np.argsort(self._rows)
        slots = slots[np.searchsorted(self._rows[slots], start, side="right") :]
        counts = np.concatenate([[0], self._rows[slots] - start - self._missed[slots, k]])
        labels = np.concatenate([self._since[k : k + 1], self._labels[slots]])
        sums = np.concatenate([np.zeros((1, self._sums.shape[1])), self._sums[slots, :, k]])
        _, first = np.unique(counts, return_index=True)  # where a column was not measured it stands where it stood
        return Trace(labels[first], counts[first], sums[first])

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others, then call `restored`."""
        return {
            "sums": self._sums,
            "missed": self._missed,
            "labels": self._labels,
            "rows": self._rows,
            "start": self._start,
            "since": self._since,
        }

    def restored(self) -> None:
        """The arrays of `state` were overwritten."""
        self._row = int(self._rows.max())
        self._slot = _slot(self._row)
        self._any_missed = bool(self._missed.any())
        self._all_started = bool((self._start >= 0).all())


def _slot(row: int) -> int:
    """Where a row is kept: in the ring of the greatest power of two that divides it."""
    if row & 1:
        return (row >> 1) % PER_LEVEL
    level = min((row & -row).bit_length() - 1, LEVELS - 1) if row else LEVELS - 1
    return level * PER_LEVEL + (row >> min(level + 1, LEVELS - 1)) % PER_LEVEL
