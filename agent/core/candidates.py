"""Candidates for a re-check: the latest parts unlike any learned, for whoever plans audits.

They were picked for how they look. What they turn out to be is evidence for an incident and never enters a rate (METHODS 3 and 5).
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

# The latest so many; a line without fault makes one in a hundred parts, and older ones have left the station's boxes.
KEPT = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """One novel part as one view saw it; a part seen by several may stand there several times.

    index: of the part at its station (the store's `PartRow.index`). stream: novelty/view/position/recipe/reference. p: conformal,
    at most 0.01; the smaller, the more novel, and never below 1 / (calibration parts + 1). channels: those furthest from what the
    part's other channels foretell, furthest first.
    """

    index: int
    part_id: str
    stream: str
    p: float
    channels: tuple[str, ...]


class Candidates:
    """The latest candidates of one station, oldest first. Mutable, a function of the records folded."""

    def __init__(self) -> None:
        self._kept: deque[Candidate] = deque(maxlen=KEPT)
        self.total = 0  # ever
        self._taken = 0  # of these

    def add(self, candidate: Candidate) -> None:
        """One more; the oldest makes room."""
        self._kept.append(candidate)
        self.total += 1

    def take(self) -> tuple[Candidate, ...]:
        """Those added since they were last taken, as far as they are kept, oldest first."""
        fresh = tuple(self._kept)[-min(self.total - self._taken, KEPT) :] if self.total > self._taken else ()
        self._taken = self.total
        return fresh

    @property
    def latest(self) -> tuple[Candidate, ...]:
        """Those kept, oldest first."""
        return tuple(self._kept)

    def since(self, index: int) -> tuple[Candidate, ...]:
        """Those kept of parts from `index` on, oldest first."""
        return tuple(candidate for candidate in self._kept if candidate.index >= index)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"kept": [asdict(candidate) for candidate in self._kept], "total": self.total, "taken": self._taken}

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._kept.extend(Candidate(**{**row, "channels": tuple(row["channels"])}) for row in saved["kept"])
        self.total, self._taken = saved["total"], saved["taken"]
