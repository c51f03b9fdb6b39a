"""Back to normal: does a channel whose spread had left what is allowed vary as much as before again?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import FloatArray, IntArray, SavedState
from detectors.evidence import EvidenceBank
from detectors.spread_shift.bets import NARROWER_SEEN, PRICES, SLOPES, WIDER_SEEN, Z_LIMIT

# On the way back from less spread a score counts no more than this: narrow values with a few wild ones among them are not back.
_CAP = 2.5
_LESS, _MORE = 0, 1  # the bets on s = 0.7 and s = 1.5


class SpreadBack:
    """The test mirrored (METHODS 6): evidence that a spread which could have alarmed, could no longer. One row at a time; mutable.

    A column that stood wider bets with s = 0.7 against a second moment of WIDER_SEEN * widest or more; one that stood narrower
    with s = 1.5 against NARROWER_SEEN * narrowest or less. A spread that stays is called over at most once in `threshold` rows.
    narrowest, widest: (K,), positive. Raises ShapeError, ParameterError.
    """

    def __init__(self, narrowest: FloatArray, widest: FloatArray, threshold: float) -> None:
        columns = int(widest.shape[0])
        self._from_wider = SLOPES[_LESS] / (WIDER_SEEN * arrays.vector(widest, columns, "widest"))
        self._from_narrower = SLOPES[_MORE] / (NARROWER_SEEN * arrays.vector(narrowest, columns, "narrowest"))
        self._bank = EvidenceBank(1, np.full(columns, threshold))
        self._columns = columns

    def update(self, z: FloatArray, standing: IntArray) -> list[int]:
        """Columns shown to be back with this row, (1, K), NaN = not measured. standing: (K,), +1 wider, -1 narrower, 0 neither."""
        arrays.rows(z, self._columns)
        known = ~np.isnan(z) & (standing != 0)
        wider = standing > 0
        squares = np.where(known, np.minimum(np.abs(z), np.where(wider, Z_LIMIT, _CAP)) ** 2, 0.0)
        log_e = np.where(wider, squares * self._from_wider - PRICES[_LESS], squares * self._from_narrower - PRICES[_MORE])
        e = np.where(known, np.exp(log_e), 1.0)
        _, crossed = self._bank.fold(e[:, None], known)
        for k in crossed:
            self._bank.restart(int(k))
        found: list[int] = crossed.tolist()
        return found

    def drop(self, k: int) -> None:
        """Column k begins to stand: what was gathered before is no evidence about it."""
        self._bank.restart(k)

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError."""
        arrays.restore(self._state(), saved)

    def _state(self) -> dict[str, NDArray[Any]]:
        return self._bank.state()
