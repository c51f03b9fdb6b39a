"""What a detector is: rows of numbers folded into evidence, one column per thing tested.

A detector is an e-detector (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532): its evidence R obeys
E[false alarms in T updates] <= T / threshold for every T. Passing `tests/conformance` is what "is a detector" means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
# Detector state as it is checkpointed: names to arrays, bit for bit.
SavedState = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Onset:
    """Estimated start of a change as `at` labels (the caller's part indices), with an interval."""

    estimate: int
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """One crossing of a threshold: the evidence frozen at that moment; the column restarted at 0."""

    column: int
    at: int  # the label of the row that crossed
    evidence: float
    threshold: float
    updates: int  # updates of this column since its last restart
    onset: Onset
    direction: int  # +1 the number went up, -1 down
    size: float  # mean standardised shift since the onset estimate (same unit as the detector's input)


class Detector(Protocol):
    """Folds rows into evidence; mutable, single-threaded, deterministic to the bit."""

    @property
    def columns(self) -> int:
        """Number of things tested side by side, K."""
        ...

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (K,), a copy; 0 after a restart."""
        ...

    @property
    def thresholds(self) -> FloatArray:
        """Alarm thresholds c, (K,); advise is c / 20."""
        ...

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T rows, in order.

        x: this detector's input, (T, inputs), float64, time first; never written to. NaN = not measured: that column's evidence
        is left as it is. at: labels of the rows, (T,), int64, non-decreasing (station part indices).
        Cutting a stream into other batches gives the same bits. Raises ShapeError.
        """
        ...

    def save(self) -> SavedState:
        """Copy of the whole state; `load` of it on a detector built alike continues to the same bits."""
        ...

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not this detector's."""
        ...


# What an oracle returns: the evidence of every column after each row, and the crossings as (at, column, direction, onset estimate).
OracleResult = tuple[list[list[float]], list[tuple[int, int, int, int]]]


@dataclass(frozen=True, slots=True)
class Conformance:
    """What a detector's folder hands to `tests/conformance`: its module `detector` exports `conformance() -> Conformance`.

    name: the folder's name.
    build: a fresh small detector, alike each time; thresholds of a few hundred, so that `null_rows` crosses now and then.
    null_rows, changed_rows: (generator, T) -> rows (T, inputs) while nothing changed, and rows that cross within tens.
    oracle: (rows, labels) -> OracleResult for the detector `build` gives, by the folder's oracle.py (imported lazily).
    measure: one case of cases.toml (its table, as read) -> the figure. The suite asserts `low <= figure <= high` of that table.
    """

    name: str
    build: Callable[[], Detector]
    null_rows: Callable[[np.random.Generator, int], FloatArray]
    changed_rows: Callable[[np.random.Generator, int], FloatArray]
    oracle: Callable[[list[list[float]], list[int]], OracleResult]
    measure: Callable[[Mapping[str, object]], float]
