"""Level shift: has the mean of a standardised channel left its tolerance, up or down, by an amount nobody knows beforehand?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import arrays, scores
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult, SavedState
from detectors.errors import ParameterError, ShapeError
from detectors.evidence import EvidenceBank
from detectors.level_shift import likelihood
from detectors.onset import from_lows
from detectors.walk import Trace, Walk

STRENGTHS = (0.25, 0.5, 1.0, 2.0)
"""|lambda| of the bets on either side; powers of two, so that squaring one exp per channel gives them all."""
BETS = 2 * len(STRENGTHS)
"""In the order up, down for each strength."""
Z_LIMIT = 8.0
"""Scores beyond this are taken as this: one part proves no more than exp(2 * 8), and all products stay finite."""


class LevelShift:
    """E-detector for |mean of z| <= epsilon on K channels at once; the page is README.md, the interface `Detector`.

    log e = lambda z - |lambda| epsilon - (1 + inflation) lambda^2 / 2, lambda in +-{0.25, 0.5, 1, 2}, equal weights: E[e |
    past] <= 1 while z has a mean within +-epsilon and sub-Gaussian variance factor at most 1 + inflation (METHODS 2.4).
    epsilon: (K,), or (BETS, K) where every bet has its own price: what a tolerated shift does to that bet (README.md);
    inflation: (K,); >= 0, what the baseline says. thresholds: (K,), >= 1. Raises ShapeError, ParameterError.
    """

    def __init__(self, epsilon: FloatArray, inflation: FloatArray, thresholds: FloatArray) -> None:
        if thresholds.ndim != 1:
            raise ShapeError(f"thresholds must have shape (K,), got {thresholds.shape}")
        columns = int(thresholds.shape[0])
        by_bet = epsilon if epsilon.ndim == 2 and len(epsilon) == BETS else [epsilon] * BETS
        tolerated = np.stack([arrays.vector(one, columns, "epsilon") for one in by_bet])
        inflation = arrays.vector(inflation, columns, "inflation")
        if (tolerated < 0).any() or (inflation < 0).any():
            raise ParameterError("epsilon and inflation must not be negative")
        size = np.repeat(STRENGTHS, 2)[:, None]
        self._log_price = size * tolerated + (1.0 + inflation) * size * size / 2.0
        self._price = np.exp(-self._log_price)
        self._gentle = tolerated[:2]  # the weakest bets' prices, up and down, are nearest to the mean of z that is tolerated
        self._bank = EvidenceBank(BETS, thresholds)
        self._walk = Walk(1, columns)
        self._columns = columns
        self._one = _Room(1, columns)

    @property
    def columns(self) -> int:
        """Number of channels, K."""
        return self._columns

    @property
    def evidence(self) -> FloatArray:
        """Current evidence, (K,), a copy; 0 after a restart."""
        return self._bank.evidence

    @property
    def thresholds(self) -> FloatArray:
        """Alarm thresholds c, (K,), a copy."""
        return self._bank.thresholds

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T rows of scores z, (T, K) float64, in order; NaN = not measured. at: labels (T,) int64. Raises ShapeError."""
        z, measured, labels = scores.bounded(x, at, self._columns, Z_LIMIT)
        if len(z) == 1:
            return self._fold(z, measured, labels, self._one)
        with arrays.unbuffered():
            return self._fold(z, measured, labels, _Room(min(len(z), scores.chunk(self._columns)), self._columns))

    def _fold(self, z: FloatArray, measured: BoolArray | None, labels: list[int], room: _Room) -> list[Crossing]:
        """Rows of scores, as many at a time as there is room for."""
        crossings: list[Crossing] = []
        start = 0
        while start < len(z):
            piece = slice(start, start + room.rows)
            known = None if measured is None else measured[piece]
            folded, crossed = self._bank.fold(self._bet(z[piece], known, room), known)
            piece = slice(start, start + folded)
            self._walk.add(z[piece, None], labels[piece], None if measured is None else measured[piece])
            start += folded
            crossings += [self._crossing(int(k), labels[start - 1]) for k in crossed]
        return crossings

    def _bet(self, z: FloatArray, measured: BoolArray | None, room: _Room) -> FloatArray:
        """The e-values of T rows, (T, BETS, K), in the room; 1 where not measured. Element by element: a batch has no say in the
        bits.
        """
        e, up, down, squarings = room.views if len(z) == room.rows else _views(room.views.e[: len(z)])
        np.exp(z * STRENGTHS[0], out=up)
        np.divide(1.0, up, out=down)
        for root, square in squarings:
            np.square(root, out=square)
        np.multiply(e, self._price, out=e)
        if measured is not None:
            np.copyto(e, 1.0, where=~measured[:, None])
        return e

    def _crossing(self, k: int, at: int) -> Crossing:
        """The crossing of column k at label `at`; restarts it."""
        updates, trace = self._walk.count(k), self._walk.trace(k)
        evidence, lead = self._bank.restart(k)
        self._walk.restart(k, at)
        own, direction = lead // 2, -1 if lead % 2 else 1
        sums, counts = trace.sums[:, 0], trace.counts[:, None]
        walks = sums[:, None] * (direction * np.array(STRENGTHS)) - counts * self._log_price[lead % 2 :: 2, k]
        lows = trace.lows(walks)
        low = int(lows[own])
        return Crossing(
            column=k,
            at=at,
            evidence=evidence,
            threshold=float(self._bank.thresholds[k]),
            updates=updates,
            onset=from_lows(lows.tolist(), own, trace, self._likelihood(k, trace, direction)),
            direction=direction,
            size=float((sums[-1] - sums[low]) / (trace.counts[-1] - trace.counts[low])),
        )

    def _likelihood(self, k: int, trace: Trace, direction: int) -> FloatArray:
        """Of every beginning of a shift in this direction."""
        up, down = self._gentle[::direction, k].tolist()
        return likelihood.of_beginnings(replace(trace, sums=direction * trace.sums), down, up)

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not of such a detector."""
        arrays.restore(self._state(), saved)
        self._walk.restored()

    def _state(self) -> dict[str, NDArray[Any]]:
        return self._bank.state() | self._walk.state()


class _Views(NamedTuple):
    e: FloatArray  # (T, BETS, K), the e-values of T rows
    up: FloatArray  # (T, K) of these, the weakest bet upwards
    down: FloatArray  # and downwards
    squarings: list[tuple[FloatArray, FloatArray]]  # the bets of one strength, and of twice that


class _Room:
    """Room for some rows' e-values, with the views of it made once: of a single row they cost as much as their use."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.views = _views(arrays.aligned(rows, BETS, columns))


def _views(e: FloatArray) -> _Views:
    return _Views(e, e[:, 0], e[:, 1], [(e[:, j : j + 2], e[:, j + 2 : j + 4]) for j in range(0, BETS - 2, 2)])


def conformance() -> Conformance:
    """What `tests/conformance` needs to check this folder."""
    from detectors.level_shift import cases, oracle  # only the tests read these

    epsilon = [[0.0, 0.1, 0.01 * bet] for bet in range(BETS)]
    inflation, thresholds = [0.0, 0.05, 0.2], [300.0, 200.0, 400.0]

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.run(rows, at, epsilon=epsilon, inflation=inflation, thresholds=thresholds)

    return Conformance(
        name="level_shift",
        build=lambda: LevelShift(np.array(epsilon), np.array(inflation), np.array(thresholds)),
        null_rows=lambda rng, count: rng.standard_normal((count, 3)),
        changed_rows=lambda rng, count: rng.standard_normal((count, 3)) + np.array([1.5, -1.5, 2.0]),
        oracle=run_oracle,
        measure=cases.measure,
    )
