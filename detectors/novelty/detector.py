"""Novelty: are more parts unlike the baseline than its own share?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from detectors import arrays
from detectors.column import ColumnDetector
from detectors.contract import Conformance, Crossing, FloatArray, IntArray, OracleResult
from detectors.errors import ParameterError
from detectors.novelty.baseline import BLOCK, LEVEL

STAKES = (0.125, 0.25, 0.5, 0.875)
"""Shares of the evidence put on "more than the bound": an eighth finds twice as many novel parts, 7/8 a line full of them."""
BETS = len(STAKES)


class Novelty(ColumnDetector):
    """E-detector for the null "given the past blocks, a block's expected share of novel parts is at most `share`".

    Input rows: the conformal p of a part (`NoveltyBaseline.judge`), (T, 1), NaN = not measured; BLOCK parts make a block. share: in
    (0, 1), the baseline's bound. E[false alarms in T blocks] <= T / threshold. Raises ParameterError.
    """

    def __init__(self, share: float, threshold: float) -> None:
        if not 0.0 < share < 1.0:
            raise ParameterError(f"share must lie in (0, 1), got {share}")
        self._share = share
        super().__init__(BETS, np.array([float(threshold)]))  # counted: novel parts, and parts
        self._open = np.zeros(2, np.int64)  # novel parts, and parts, of the block not yet complete

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T parts' p, (T, 1) float64, in order; at: labels (T,) int64.

        A crossing's size is the share of novel parts since the onset estimate minus the bound. Raises ShapeError, and
        ParameterError for a p outside [0, 1].
        """
        p = arrays.finite_or_missing(arrays.rows(x, 1))[:, 0]
        at = arrays.labels(at, x.shape[0])
        measured = ~np.isnan(p)
        p, labels = p[measured], at[measured]
        if ((p < 0.0) | (p > 1.0)).any():
            raise ParameterError("p must lie in [0, 1]", hint="take it from NoveltyBaseline.judge")
        blocks, ends = self._complete((p <= LEVEL).astype(np.int64))
        if not ends:
            return []
        shares = blocks[:, 0] / BLOCK
        folded = self._columns.fold(bets(shares, self._share), blocks[:, :, None], labels[ends].tolist())
        return [self._crossing(k, reached) for k, reached in folded]

    def _complete(self, novel: IntArray) -> tuple[FloatArray, list[int]]:
        """The blocks these parts complete, (N, 2) of novel parts and parts, and which parts completed them."""
        first = BLOCK - int(self._open[1])
        ends = list(range(first - 1, novel.size, BLOCK))
        if not ends:
            self._open += (novel.sum(), novel.size)
            return np.empty((0, 2)), []
        counts = [int(self._open[0] + novel[:first].sum()), *(int(novel[end + 1 - BLOCK : end + 1].sum()) for end in ends[1:])]
        rest = novel[ends[-1] + 1 :]
        self._open[:] = rest.sum(), rest.size
        return np.column_stack([counts, np.full(len(counts), BLOCK)]).astype(np.float64), ends

    def _size(self, k: int, first: float, second: float, rows: int) -> float:  # noqa: ARG002  the same for all
        return first / second - self._share

    def _own(self) -> dict[str, NDArray[Any]]:
        return {"open": self._open}


def bets(shares: FloatArray, bound: float) -> FloatArray:
    """E-values (T, BETS, 1) of blocks' shares of novel parts (T,): 1 + stake (share / bound - 1), of mean <= 1 where E[share] <=
    bound.

    Of a block of one part it is the Bernoulli likelihood ratio; of more, the mean of theirs, however parts of a block depend.
    """
    e: FloatArray = 1.0 + np.array(STAKES) * (shares[:, None] / bound - 1.0)
    return np.ascontiguousarray(e[:, :, None])


def detectable(bound: float, threshold: float, blocks: int) -> float:
    """Smallest share of novel parts found within about so many blocks; NaN if none is.

    At that share the best bet's mean log e brings its part of the evidence from 1 to the threshold in time, parts independent.
    """
    needed = np.log(BETS * threshold) / blocks
    counts = np.arange(BLOCK + 1.0)
    log_e = np.log(bets(counts / BLOCK, bound)[:, :, 0])

    def grows(share: float) -> bool:
        chances = _binomials(counts) * share**counts * (1.0 - share) ** (BLOCK - counts)
        return bool((chances @ log_e).max() >= needed)

    bottom, top = bound, 1.0
    if not grows(top):
        return float("nan")
    for _ in range(20):
        middle = (bottom + top) / 2.0
        bottom, top = (bottom, middle) if grows(middle) else (middle, top)
    return top


def _binomials(counts: FloatArray) -> FloatArray:
    ways: FloatArray = np.exp(gammaln(BLOCK + 1.0) - gammaln(counts + 1.0) - gammaln(BLOCK - counts + 1.0))
    return ways


# --- conformance ------------------------------------------------------------------------------------------------------------


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against: rows in control are novel exactly as often as the bound allows."""
    from detectors.novelty import cases, oracle  # only the tests read these

    share, threshold = 0.0159, 300.0

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.monitor(rows, at, share=share, threshold=threshold, level=LEVEL, block=BLOCK)

    return Conformance(
        name="novelty",
        build=lambda: Novelty(share, threshold),
        null_rows=lambda rng, count: cases.ps(rng, count, share=share),
        changed_rows=lambda rng, count: cases.ps(rng, count, share=0.4),
        oracle=run_oracle,
        measure=cases.measure,
    )
