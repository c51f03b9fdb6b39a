"""Columns of evidence with their memory: what a detector that tests few things, or a single one, is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import BoolArray, Crossing, FloatArray, SavedState
from detectors.evidence import EvidenceBank
from detectors.onset import from_lows
from detectors.walk import Trace, Walk

# Rows folded at once: no say in the bits, and few enough that behind a crossing little is folded twice.
_CHUNK = 32


class Reached(NamedTuple):
    """The column crossed at label `at` and began anew: its evidence and rows until then, the bet that led, what is kept of it."""

    at: int
    evidence: float
    updates: int
    lead: int
    trace: Trace


class Columns:
    """Equal bets on K columns; the sums kept are log e of each bet, then whatever else is counted. Mutable, single-threaded."""

    def __init__(self, bets: int, thresholds: FloatArray, counted: int) -> None:
        """counted: how many further sums. Raises ParameterError for a threshold below 1."""
        self.bank = EvidenceBank(bets, thresholds)
        self._walk = Walk(bets + counted, thresholds.shape[0])

    def fold(
        self, e: FloatArray, counted: FloatArray, labels: list[int], measured: BoolArray | None = None
    ) -> Iterator[tuple[int, Reached]]:
        """Fold rows of e-values (T, J, K), and what is counted (T, D, K); each crossing as it happens, with its column.

        measured: (T, K), at least one in every row, or None when everything was. Not measured: e 1 and counted 0.
        """
        steps = np.concatenate([np.log(e), counted], axis=1)
        start = 0
        while start < len(labels):
            piece = slice(start, start + _CHUNK)
            folded, crossed = self.bank.fold(e[piece].copy(), None if measured is None else measured[piece])
            piece = slice(start, start + folded)
            self._walk.add(steps[piece], labels[piece], None if measured is None else measured[piece])
            start += folded
            for k in crossed.tolist():
                yield k, self._restart(k, labels[start - 1])

    def _restart(self, k: int, at: int) -> Reached:
        updates, trace = self._walk.count(k), self._walk.trace(k)
        evidence, lead = self.bank.restart(k)
        self._walk.restart(k, at)
        return Reached(at, evidence, updates, lead, trace)

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others, then call `restored`."""
        return self.bank.state() | self._walk.state()

    def restored(self) -> None:
        """The arrays of `state` were overwritten."""
        self._walk.restored()


class ColumnDetector:
    """What detectors of few columns have in common: their figures, a crossing as it is told, and their state.

    A subclass folds its rows into `_columns`, says what a crossing's size is, and which arrays it keeps of its own. sides: 2 where
    the first half of the bets is on more and the second on less.
    """

    def __init__(self, bets: int, thresholds: FloatArray, *, sides: int = 1) -> None:
        self._columns = Columns(bets, thresholds, 2)
        self._bets = bets
        self._side = bets // sides

    @property
    def columns(self) -> int:
        """Number of things tested side by side, K."""
        return int(self._columns.bank.thresholds.shape[0])

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (K,), a copy; 0 after a restart."""
        return self._columns.bank.evidence

    @property
    def thresholds(self) -> FloatArray:
        """Alarm thresholds c, (K,), a copy."""
        return self._columns.bank.thresholds

    def save(self) -> SavedState:
        """Copy of the whole state; a baseline is kept by who fitted it."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not this detector's."""
        arrays.restore(self._state(), saved)
        self._columns.restored()

    def _crossing(self, k: int, reached: Reached) -> Crossing:
        """A crossing of column k: onset by the lows of the bets on its side, size since the leading bet's low."""
        at, evidence, updates, lead, trace = reached
        down, own = divmod(lead, self._side)
        first = down * self._side
        walks = trace.sums[:, first : first + self._side]
        lows = trace.lows(walks)
        low = lows[own]
        counted = (trace.sums[-1] - trace.sums[low])[self._bets :].tolist()
        return Crossing(
            column=k,
            at=at,
            evidence=evidence,
            threshold=float(self.thresholds[k]),
            updates=updates,
            onset=from_lows(lows.tolist(), own, trace, (walks[-1] - walks[:-1]).T),
            direction=-1 if down else 1,
            size=self._size(k, counted[0], counted[1], int(trace.counts[-1] - trace.counts[low])),
        )

    def _size(self, k: int, first: float, second: float, rows: int) -> float:
        """A crossing's size from what was counted since the onset, in so many rows."""
        raise NotImplementedError

    def _own(self) -> dict[str, NDArray[Any]]:
        """Arrays kept beside the columns'."""
        return {}

    def _state(self) -> dict[str, NDArray[Any]]:
        return self._columns.state() | self._own()
