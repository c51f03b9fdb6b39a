"""Phase I of a class mix: what the share of each class may be, rare classes pooled, classes never seen as one of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors import arrays, rate_shift
from detectors.contract import FloatArray, IntArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.rate_shift import RateBaseline

RARE_PARTS = 30
"""Classes with fewer parts in the baseline are counted together: alone, their spread could be anything."""
UNWATCHED = -1


@dataclass(frozen=True, slots=True)
class MixBaseline:
    """What is allowed of K classes: which column counts each of them, and that column's share of parts.

    column: per class the column, UNWATCHED where its own share was refused. rates: per column, single classes in their order, then
    the rare ones together (if any), last the parts of no class of the baseline. reasons: per class why it is not watched, empty
    where it is.
    """

    column: tuple[int, ...]
    rates: tuple[RateBaseline, ...]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises ParameterError."""
        if len(self.reasons) != len(self.column) or not all(UNWATCHED <= k < len(self.rates) - 1 for k in self.column):
            raise ParameterError("every class needs a column before the last, or UNWATCHED, and a reason")

    @property
    def classes(self) -> int:
        """K."""
        return len(self.column)

    def members(self, column: int) -> tuple[int, ...]:
        """The classes counted in a column; none for the last, of classes the baseline has not seen."""
        return tuple(k for k, own in enumerate(self.column) if own == column)

    def pooled(self, counts: FloatArray) -> FloatArray:
        """Counts (T, K + 1) of each class and of parts of no class of the baseline, by column (T, columns)."""
        together = np.zeros((len(counts), len(self.rates)))
        for k, column in enumerate(self.column):
            if column != UNWATCHED:
                together[:, column] += counts[:, k]
        together[:, -1] = counts[:, -1]
        return together

    def to_arrays(self) -> SavedState:
        """Copy of everything."""
        rates = [rate.to_arrays() for rate in self.rates]
        return {name: np.array([rate[name] for rate in rates]) for name in rates[0]} | {
            "column": np.array(self.column, dtype=np.int64),
            "reasons": np.frombuffer("\n".join(self.reasons).encode(), dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The baseline `to_arrays` was made of. Raises ShapeError when it is none."""
        own = set(saved) - {"column", "reasons"}
        if not {"column", "reasons"} <= set(saved) or own != set(RateBaseline.__slots__):
            raise ShapeError(f"a mix baseline has column, reasons and those of a rate baseline, got {', '.join(sorted(saved))}")
        count = len(saved["rate"])
        return cls(
            column=tuple(saved["column"].tolist()),
            rates=tuple(RateBaseline.from_arrays({name: np.array(saved[name][k]) for name in own}) for k in range(count)),
            reasons=tuple(saved["reasons"].tobytes().decode().split("\n")),
        )


def fit(blocks: FloatArray, *, tolerance: float) -> MixBaseline:
    """What blocks in production order, (B, K) counts of each of K classes, allow from now on.

    tolerance: a share larger or smaller by up to this share of itself is too small a change to matter. A class whose share wanders
    is not watched, with the reason. Raises BaselineRefused when none can be; ShapeError, ParameterError.
    """
    if not isinstance(blocks, np.ndarray) or blocks.ndim != 2 or blocks.shape[1] < 1:
        raise ShapeError("blocks must be float64 of shape (B, K), K >= 1")
    checked(arrays.rows(blocks, blocks.shape[1]))
    if np.isnan(blocks).any():
        raise ParameterError("a baseline's blocks must be complete", hint="leave out blocks that were not measured")
    total, parts = blocks.sum(axis=0), blocks.sum(axis=1)
    rare = np.flatnonzero(total < RARE_PARTS).tolist()
    column, reasons = [UNWATCHED] * blocks.shape[1], [""] * blocks.shape[1]
    rates: list[RateBaseline] = []
    single = [[k] for k in range(blocks.shape[1]) if k not in rare]
    for members in [*single, rare] if rare else single:
        try:
            rates.append(rate_shift.fit(np.column_stack([blocks[:, members].sum(axis=1), parts]), tolerance=tolerance))
        except BaselineRefused as refused:
            for k in members:
                reasons[k] = str(refused)
        else:
            for k in members:
                column[k] = len(rates) - 1
    if not rates:
        raise BaselineRefused(
            f"no class can be watched: {reasons[0]}", hint="learn from more parts, or find what makes the mix wander"
        )
    unseen = rate_shift.fit(np.column_stack([np.zeros(len(blocks)), parts]), tolerance=tolerance)
    return MixBaseline(tuple(column), (*rates, unseen), tuple(reasons))


def checked(blocks: FloatArray) -> IntArray:
    """Indices of the complete rows of counts. Raises ParameterError for counts that cannot be."""
    complete = ~np.isnan(blocks).any(axis=1)
    whole = blocks[complete]
    if (whole < 0.0).any() or (whole != np.floor(whole)).any() or (whole.sum(axis=1) < 1.0).any():
        raise ParameterError("a block needs whole numbers of parts, none negative, and at least 1 part")
    return np.flatnonzero(complete)
