"""The reliability curve: parts by what the model claimed of them, and how many of each claim were bad."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Self

from agent.core.counts import Counts, Road

# Claims apart, thirds of a decade and wider towards the ends: p_defect from 0 to 1.
EDGES = (0.0, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


@dataclass(slots=True)
class Band:
    """Parts of claims within two edges. claimed: sum over the looks of claim/chance."""

    counts: Counts = field(default_factory=Counts)
    claimed: dict[Road, float] = field(default_factory=dict)
    rejects_claimed: float = 0.0

    def take(self, other: Band) -> None:
        """Another one's parts too."""
        self.counts += other.counts
        for road, total in other.claimed.items():
            self.claimed[road] = self.claimed.get(road, 0.0) + total
        self.rejects_claimed += other.rejects_claimed


class Curve:
    """Bands of one month; passed and rejected parts apart, since they were looked at by different rules."""

    def __init__(self) -> None:
        self.bands = [Band() for _ in EDGES[1:]]

    def _band(self, p_defect: float) -> Band:
        return self.bands[min(len(self.bands), bisect_right(EDGES, p_defect)) - 1]

    def looked(self, road: Road, step: int, chance: float, p_defect: float, *, bad: bool) -> None:
        """A passed part was looked at."""
        if not math.isnan(p_defect):
            band = self._band(p_defect)
            band.counts.look(road, step, (), chance, "" if bad else None)
            band.claimed[road] = band.claimed.get(road, 0.0) + p_defect / chance

    def rejected(self, p_defect: float, *, known: bool, bad: bool) -> None:
        """A part was rejected, and looked at or not."""
        if not math.isnan(p_defect):
            band = self._band(p_defect)
            band.counts.rejected += 1
            band.rejects_claimed += p_defect
            band.counts.good_rejects += known and not bad
            if known and bad:
                band.counts.bad_rejects[""] += 1

    def take(self, other: Curve) -> None:
        """Another one's parts too."""
        for band, more in zip(self.bands, other.bands, strict=True):
            band.take(more)

    def copy(self) -> Curve:
        """As it stands."""
        copied = Curve()
        copied.take(self)
        return copied

    def save(self) -> list[Any]:
        """For a checkpoint."""
        return [(band.counts.save(), dict(band.claimed), band.rejects_claimed) for band in self.bands]

    @classmethod
    def load(cls, saved: list[Any]) -> Self:
        """From a checkpoint."""
        curve = cls()
        curve.bands = [Band(Counts.load(counts), dict(claimed), rejects) for counts, claimed, rejects in saved]
        return curve
