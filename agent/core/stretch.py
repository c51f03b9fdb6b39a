"""The stretch of production a stream learns from: its rows, thinned by whole blocks where it is long."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.contract import FloatArray, IntArray

# Rows are kept or dropped by so many at a time: what neighbours have to do with one another is learned from neighbours.
BLOCK = 100


class Stretch:
    """Mutable, deterministic: a day on a fast line takes no more memory than `most` rows twice over."""

    def __init__(self, most: int) -> None:
        """most: so many rows are kept at least, once there are so many."""
        self._most = max(most, BLOCK)
        self._rows: list[FloatArray] = []
        self._runs: list[int] = []
        self._blocks: list[int] = []
        self._every = 1  # of this many blocks the first is kept
        self._seen = 0

    def add(self, row: FloatArray, run: int) -> None:
        """One row, (C,), of the run."""
        block = self._seen // BLOCK
        self._seen += 1
        if block % self._every:
            return
        self._rows.append(row)
        self._runs.append(run)
        self._blocks.append(block)
        if len(self._rows) > 2 * self._most:
            self._every *= 2
            kept = [k for k, of in enumerate(self._blocks) if of % self._every == 0]
            self._rows = [self._rows[k] for k in kept]
            self._runs = [self._runs[k] for k in kept]
            self._blocks = [self._blocks[k] for k in kept]

    @property
    def measured(self) -> IntArray:
        """Values of each channel among what is kept, (C,)."""
        counts: IntArray = np.count_nonzero(~np.isnan(np.stack(self._rows)), axis=0)
        return counts

    def narrow(self, columns: IntArray) -> None:
        """Go on with these channels alone."""
        self._rows = [row[columns] for row in self._rows]

    def arrays(self) -> tuple[FloatArray, IntArray]:
        """What is kept, (T, C), and its runs, (T,); a row of NaN where something was left out."""
        blocks = np.array(self._blocks, dtype=np.int64)
        seams = np.flatnonzero(np.diff(blocks) > 1) + 1
        x, runs = np.stack(self._rows), np.array(self._runs, dtype=np.int64)
        return np.ascontiguousarray(np.insert(x, seams, np.nan, axis=0)), np.insert(runs, seams, runs[seams])

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        rows = np.stack(self._rows) if self._rows else None
        return {"rows": rows, "runs": list(self._runs), "blocks": list(self._blocks), "every": self._every, "seen": self._seen}

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._rows = [] if saved["rows"] is None else list(saved["rows"])
        self._runs, self._blocks = list(saved["runs"]), list(saved["blocks"])
        self._every, self._seen = saved["every"], saved["seen"]
