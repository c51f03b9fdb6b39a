"""The claim: what a passed part's score promises, a monotone map score → P(defect) fitted on labelled baseline passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import betaincinv

from detectors.contract import FloatArray, IntArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError

# Below these a claim says more about what was not labelled than about the model (METHODS 3: baseline passes are all labelled).
MIN_LABELLED_PASSES = 200
MIN_LABELLED_SHARE = 0.95
# Escapes nobody can rule out: inspectors' false finds, with and without a second look at every find (METHODS 3).
FLOOR_CONFIRMED = 2e-4
FLOOR_UNCONFIRMED = 1e-3
# Bins before pooling: at most this many, each of at least this many parts. Chosen by score alone, so that the bound of a bin is
# not selected by its own finds; see README.md for what other choices do.
MAX_BINS = 20
MIN_BIN_PARTS = 100
BOUND_LEVEL = 0.90


@dataclass(frozen=True, slots=True, eq=False)
class ClaimMap:
    """Upper bounds on P(defect | score) as a step function of the score, rising, never below its floor.

    edges: (B-1,) scores that separate the bins, rising; a score on an edge belongs to the bin above. bounds: (B,). passes, finds:
    (B,) labelled baseline passes and defective ones among them that each bound rests on (0 where the claim was declared).
    """

    edges: FloatArray
    bounds: FloatArray
    passes: IntArray
    finds: IntArray

    def __post_init__(self) -> None:
        bins = self.bounds.size
        shapes = (self.edges.shape, self.bounds.shape, self.passes.shape, self.finds.shape)
        if bins < 1 or shapes != ((bins - 1,), (bins,), (bins,), (bins,)):
            raise ShapeError(f"a claim map must have shapes (B-1,), (B,), (B,), (B,), got {shapes}")
        if not (np.all(self.bounds > 0.0) and np.all(self.bounds <= 1.0) and np.all(np.diff(self.bounds) >= 0.0)):
            raise ParameterError("bounds of a claim map must rise within (0, 1]")
        if not np.all(np.diff(self.edges) > 0.0):
            raise ParameterError("edges of a claim map must rise")

    @classmethod
    def constant(cls, p: float) -> Self:
        """The same claim for every score: the owner's declared maximum escape rate, as a probability. Raises ParameterError."""
        if not 0.0 < p < 1.0:
            raise ParameterError(f"a declared escape rate must lie in (0, 1), got {p}")
        none = np.zeros(1, dtype=np.int64)
        return cls(edges=np.empty(0), bounds=np.array([p]), passes=none, finds=none.copy())

    def claim(self, p: FloatArray) -> FloatArray:
        """The claimed P(defect) of passed parts with these scores, (N,) → (N,); NaN where the score is NaN."""
        scores = np.asarray(p, dtype=np.float64)
        if scores.ndim != 1:
            raise ShapeError(f"scores must have shape (N,), got {scores.shape}")
        claimed = self.bounds[np.searchsorted(self.edges, scores, side="right")]
        return np.where(np.isnan(scores), np.nan, claimed)

    def to_arrays(self) -> SavedState:
        """Copy of everything, for a checkpoint or the baseline's record."""
        return {name: getattr(self, name).copy() for name in ("edges", "bounds", "passes", "finds")}

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The map `to_arrays` was made of. Raises ShapeError when it is none."""
        if set(saved) != {"edges", "bounds", "passes", "finds"}:
            raise ShapeError(f"a claim map has edges, bounds, passes and finds, got {sorted(saved)}")
        return cls(
            edges=saved["edges"].astype(np.float64),
            bounds=saved["bounds"].astype(np.float64),
            passes=saved["passes"].astype(np.int64),
            finds=saved["finds"].astype(np.int64),
        )


def fit_claim_map(
    p: FloatArray, defective: FloatArray, *, floor: float, labelled_share: float = 1.0, cuts: Sequence[float] = ()
) -> ClaimMap:
    """The claim a station's own labelled baseline passes support.

    p: scores of baseline *passes*, (N,); defective: what they turned out to be, (N,), 0/1 or bool. Rows with NaN in either are not
    labelled and are left out. floor: lowest claim (FLOOR_CONFIRMED, FLOOR_UNCONFIRMED). labelled_share: labelled ÷ all passes of
    the baseline. cuts: scores at which a bin begins, whatever its size: where audits are drawn with another chance, since within a
    bin the claim is right on average alone. Bins of equal count by score, pooled where the rate of finds would fall (isotonic
    regression, Barlow et al. 1972), each at its upper 90 % bound (Clopper and Pearson 1934), made to rise again after bounding.
    Raises BaselineRefused with fewer than 200 labelled passes or a labelled share below 0.95; ShapeError; ParameterError.
    """
    scores, finds = np.asarray(p, dtype=np.float64), np.asarray(defective, dtype=np.float64)
    if scores.ndim != 1 or finds.shape != scores.shape:
        raise ShapeError(f"scores and outcomes must have the same shape (N,), got {scores.shape} and {finds.shape}")
    if not 0.0 < floor < 1.0:
        raise ParameterError(f"the claim's floor must lie in (0, 1), got {floor}")
    labelled = ~(np.isnan(scores) | np.isnan(finds))
    scores, finds = scores[labelled], finds[labelled]
    if not np.all((finds == 0.0) | (finds == 1.0)):
        raise ParameterError("outcomes must be 0 (good) or 1 (defective)")
    _refuse_thin(scores.size, labelled_share)
    order = np.argsort(scores, kind="stable")
    scores, finds = scores[order], finds[order]
    starts = _bin_starts(scores, cuts)
    passes = np.diff(np.append(starts, scores.size))
    found = np.add.reduceat(finds, starts)
    starts, passes, found = _pool_violators(starts, passes, found)
    bounds = np.maximum(np.maximum.accumulate(_upper_bound(found, passes)), floor)
    edges = scores[starts[1:]]
    for cut in cuts:  # the bin begins at the cut itself, below its first score
        edges[starts[1:] == np.searchsorted(scores, cut, side="left")] = cut
    return ClaimMap(edges=edges, bounds=bounds, passes=passes, finds=found.astype(np.int64))


def _refuse_thin(passes: int, labelled_share: float) -> None:
    if passes < MIN_LABELLED_PASSES:
        raise BaselineRefused(
            f"a claim needs at least {MIN_LABELLED_PASSES} labelled baseline passes, got {passes}",
            hint="Label more baseline passes, or declare outcomes.max_escape_ppm.",
        )
    if not labelled_share >= MIN_LABELLED_SHARE:
        raise BaselineRefused(
            f"a claim needs at least {MIN_LABELLED_SHARE:.0%} of the baseline passes labelled, got {labelled_share:.1%}",
            hint="Label all baseline passes (commissioning), or declare outcomes.max_escape_ppm.",
        )


def _bin_starts(scores: FloatArray, cuts: Sequence[float]) -> IntArray:
    """First row of each bin of sorted scores: bins of equal count and those that begin at a cut, equal scores kept together."""
    bins = int(np.clip(scores.size // MIN_BIN_PARTS, 1, MAX_BINS))
    wanted = scores[(np.arange(1, bins) * scores.size) // bins]
    starts = np.unique(np.concatenate([[0], np.searchsorted(scores, np.concatenate([wanted, list(cuts)]), side="left")]))
    return starts[starts < scores.size].astype(np.int64)


def _pool_violators(starts: IntArray, passes: IntArray, found: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Neighbouring bins joined where the rate of finds does not rise."""
    blocks = isotonic_regression(found / passes, weights=passes.astype(np.float64)).blocks[:-1]
    rates = np.add.reduceat(found, blocks) / np.add.reduceat(passes, blocks)
    first = blocks[np.append(True, np.diff(rates) > 0.0)]
    return starts[first], np.add.reduceat(passes, first), np.add.reduceat(found, first)


def _upper_bound(found: FloatArray, passes: IntArray) -> FloatArray:
    """One-sided upper Clopper-Pearson bound at BOUND_LEVEL; 1 where every part was a find."""
    every = found >= passes
    bound: FloatArray = betaincinv(found + 1.0, np.where(every, 1.0, passes - found), BOUND_LEVEL)
    return np.where(every, 1.0, bound)
