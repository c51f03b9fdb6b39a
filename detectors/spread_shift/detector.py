"""Spread shift: does a standardised channel vary more, or less, than its baseline allows?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays, scores
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult, SavedState
from detectors.errors import ParameterError, ShapeError
from detectors.evidence import EvidenceBank
from detectors.onset import from_lows
from detectors.spread_shift import likelihood
from detectors.spread_shift.bets import NARROWER, PRICES, SLOPES, SPREADS, Z_LIMIT
from detectors.walk import Walk

BETS = len(SPREADS)


class SpreadShift:
    """E-detector for "the second moment of z lies in [narrowest, widest]" on K channels; page README.md, interface `Detector`.

    log e = -log s + z^2 (1 - 1/s^2) / (2 v), v = narrowest for s = 0.7 and widest for s in {1.5, 2}, equal weights: E[e | past]
    <= 1 while z is normal with a second moment in between, whatever its mean, and for whatever else README.md proves.
    narrowest, widest: (K,), positive, what the baseline says. thresholds: (K,), >= 1. A crossing's `size` is the root mean
    square of z since the onset. Raises ShapeError, ParameterError.
    """

    def __init__(self, narrowest: FloatArray, widest: FloatArray, thresholds: FloatArray) -> None:
        if thresholds.ndim != 1:
            raise ShapeError(f"thresholds must have shape (K,), got {thresholds.shape}")
        columns = int(thresholds.shape[0])
        narrowest = arrays.vector(narrowest, columns, "narrowest")
        widest = arrays.vector(widest, columns, "widest")
        if (narrowest <= 0).any() or (widest <= 0).any():
            raise ParameterError("narrowest and widest must be positive")
        self._allowed = np.stack([narrowest, widest])
        self._slopes = SLOPES[:, None] / np.stack([narrowest] * NARROWER + [widest] * (BETS - NARROWER))
        self._prices = np.repeat(PRICES[:, None], columns, axis=1)
        self._bank = EvidenceBank(BETS, thresholds)
        self._walk = Walk(1, columns)
        self._columns = columns
        self._one = arrays.aligned(1, BETS, columns)

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
        squares = np.multiply(z, z)[:, None]
        if len(z) == 1:
            return self._fold(squares, measured, labels, self._one)
        with arrays.unbuffered():
            room = arrays.aligned(min(len(z), scores.chunk(self._columns)), BETS, self._columns)
            return self._fold(squares, measured, labels, room)

    def _fold(self, squares: FloatArray, measured: BoolArray | None, labels: list[int], room: FloatArray) -> list[Crossing]:
        """Rows of squared scores, as many at a time as there is room for."""
        crossings: list[Crossing] = []
        start = 0
        while start < len(squares):
            piece = slice(start, start + len(room))
            known = None if measured is None else measured[piece]
            folded, crossed = self._bank.fold(self._bet(squares[piece], known, room), known)
            piece = slice(start, start + folded)
            self._walk.add(squares[piece], labels[piece], None if measured is None else measured[piece])
            start += folded
            crossings += [self._crossing(int(k), labels[start - 1]) for k in crossed]
        return crossings

    def _bet(self, squares: FloatArray, measured: BoolArray | None, room: FloatArray) -> FloatArray:
        """The e-values of T rows, (T, BETS, K), in the room; 1 where not measured. Element by element: a batch has no say in the
        bits.
        """
        e = room[: len(squares)]
        np.multiply(squares, self._slopes, out=e)
        np.subtract(e, self._prices, out=e)
        np.exp(e, out=e)
        if measured is not None:
            np.copyto(e, 1.0, where=~measured[:, None])
        return e

    def _crossing(self, k: int, at: int) -> Crossing:
        """The crossing of column k at label `at`; restarts it."""
        updates, trace = self._walk.count(k), self._walk.trace(k)
        evidence, lead = self._bank.restart(k)
        self._walk.restart(k, at)
        sums, counts = trace.sums[:, 0], trace.counts
        own = slice(0, NARROWER) if lead < NARROWER else slice(NARROWER, BETS)
        lows = trace.lows(sums[:, None] * self._slopes[own, k] - counts[:, None] * self._prices[own, k])
        low, direction = int(lows[lead - own.start]), -1 if lead < NARROWER else 1
        allowed = self._allowed[:, k].tolist()
        return Crossing(
            column=k,
            at=at,
            evidence=evidence,
            threshold=float(self._bank.thresholds[k]),
            updates=updates,
            onset=from_lows(lows.tolist(), lead - own.start, trace, likelihood.of_beginnings(trace, *allowed, direction=direction)),
            direction=direction,
            size=float(np.sqrt((sums[-1] - sums[low]) / (counts[-1] - counts[low]))),
        )

    def drop(self, k: int, at: int) -> None:
        """Forget what column k has gathered up to label `at`: something else explains it. Never adds a false alarm."""
        self._bank.restart(k)
        self._walk.restart(k, at)

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not of such a detector."""
        arrays.restore(self._state(), saved)
        self._walk.restored()

    def _state(self) -> dict[str, NDArray[Any]]:
        return self._bank.state() | self._walk.state()


def conformance() -> Conformance:
    """What `tests/conformance` needs to check this folder."""
    from detectors.spread_shift import cases, oracle  # only the tests read these

    narrowest, widest, thresholds = [1.0, 0.95, 0.85], [1.0, 1.05, 1.15], [300.0, 200.0, 400.0]

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.run(rows, at, narrowest=narrowest, widest=widest, thresholds=thresholds)

    return Conformance(
        name="spread_shift",
        build=lambda: SpreadShift(np.array(narrowest), np.array(widest), np.array(thresholds)),
        null_rows=lambda rng, count: rng.standard_normal((count, 3)),
        changed_rows=lambda rng, count: rng.standard_normal((count, 3)) * np.array([2.0, 0.4, 1.7]),
        oracle=run_oracle,
        measure=cases.measure,
    )
