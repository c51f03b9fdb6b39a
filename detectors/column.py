"""One column of evidence with its memory: what a detector that tests a single thing is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import FloatArray
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


class Column:
    """Equal bets on one column; the sums kept are log e of each bet, then whatever else is counted. Mutable, single-threaded."""

    def __init__(self, bets: int, threshold: float, counted: int) -> None:
        """counted: how many further sums. Raises ParameterError for a threshold below 1."""
        self.bank = EvidenceBank(np.full(bets, 1.0 / bets), np.array([float(threshold)]))
        self._walk = Walk(bets + counted, 1)

    def fold(self, e: FloatArray, counted: FloatArray, labels: list[int]) -> Iterator[Reached]:
        """Fold rows of e-values (T, J, 1), and what is counted (T, D); each crossing as it happens."""
        steps = np.concatenate([np.log(e[:, :, 0]), counted], axis=1)[:, :, None]
        start = 0
        while start < len(labels):
            folded, crossed = self.bank.fold(e[start : start + _CHUNK].copy())
            self._walk.add(steps[start : start + folded], labels[start : start + folded])
            start += folded
            if crossed.size:
                yield self._restart(labels[start - 1])

    def _restart(self, at: int) -> Reached:
        updates, trace = self._walk.count(0), self._walk.trace(0)
        evidence, lead = self.bank.restart(0)
        self._walk.restart(0, at)
        return Reached(at, evidence, updates, lead, trace)

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays themselves: copy them to keep, write to them to continue from others, then call `restored`."""
        return self.bank.state() | self._walk.state()

    def restored(self) -> None:
        """The arrays of `state` were overwritten."""
        self._walk.restored()
