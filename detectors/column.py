"""Columns of evidence with their memory: what a detector that tests few things, or a single one, is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import BoolArray, FloatArray
from detectors.evidence import EvidenceBank
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


class Column:
    """The same of a single column."""

    def __init__(self, bets: int, threshold: float, counted: int) -> None:
        """counted: how many further sums. Raises ParameterError for a threshold below 1."""
        self._columns = Columns(bets, np.array([float(threshold)]), counted)
        self.bank = self._columns.bank

    def fold(self, e: FloatArray, counted: FloatArray, labels: list[int]) -> Iterator[Reached]:
        """Fold rows of e-values (T, J, 1), and what is counted (T, D); each crossing as it happens."""
        for _, reached in self._columns.fold(e, counted[:, :, None], labels):
            yield reached

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others, then call `restored`."""
        return self._columns.state()

    def restored(self) -> None:
        """The arrays of `state` were overwritten."""
        self._columns.restored()
