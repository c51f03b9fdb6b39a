"""Challenge as one plain loop over Python floats, to be read beside README.md; imports nothing from `detectors`.

Bets: the odds of a miss are 4, 16, 64 or 256 times those of the limit (Bernoulli likelihood ratio). Evidence: the
Shiryaev-Roberts e-detector, R <- (1 + R) e, averaged over the bets (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the
leading bet's e-CUSUM M <- max(1, M) e was last at most 1 where the sum of its log e was last at its minimum (Page 1954). Of the
rows before the crossing, the last 16 whose number is an odd multiple of 2^v are looked at, for v = 0 to 15, and the last 16
multiples of 2^16; a row without a presentation of any mode has no number.
"""

from __future__ import annotations

import math
from collections import deque

ODDS = (4.0, 16.0, 64.0, 256.0)


def bets(missed: float, limit: float) -> list[float]:
    """E-values of one presentation."""
    values = []
    for odds in ODDS:
        q = odds * limit / (1.0 - limit + odds * limit)
        values.append(q / limit if missed == 1.0 else (1.0 - q) / (1.0 - limit))
    return values


class Mode:
    """Evidence of one failure mode."""

    def __init__(self, limit: float, threshold: float) -> None:
        self.limit, self.threshold = limit, threshold
        self.r = [0.0] * len(ODDS)
        self.walk = [0.0] * len(ODDS)
        self.began: tuple[int, int, int] | None = None  # the row, label and count after which the evidence began
        self.count = 0  # presentations
        self.kept: list[deque[tuple[int, int, int, list[float]]]] = [deque(maxlen=16) for _ in range(17)]

    def fold(self, missed: float, row: int, at: int) -> tuple[int, int] | None:
        """Take the row's outcome; the direction and the onset estimate where it crossed."""
        crossed = None
        ring = self.kept[next(v for v in range(17) if v == 16 or row % 2 ** (v + 1))]
        if len(ring) == 16:
            ring.popleft()  # makes place for this row
        if not math.isnan(missed):
            self.began = self.began or (row - 1, at - 1, 0)
            self.count += 1
            for j, e in enumerate(bets(missed, self.limit)):
                self.r[j] = (1.0 + self.r[j]) * e
                self.walk[j] += math.log(e)
            if sum(self.r) / len(ODDS) >= self.threshold:
                lead = self.r.index(max(self.r))
                before = sorted(entry for level in self.kept for entry in level)
                trace, last = [(0.0, self.began[1])], self.began[2]
                for number, label, count, sums in before:
                    if number > self.began[0] and count > last:  # where it was not presented it stands where it stood
                        trace.append((sums[lead], label))
                        last = count
                lowest = min(value for value, _ in trace)
                low_at = [label for value, label in trace if value == lowest][-1]
                crossed = (1, min(low_at + 1, at))
                self.r, self.walk, self.began = [0.0] * len(ODDS), [0.0] * len(ODDS), (row, at, self.count)
        ring.append((row, at, self.count, list(self.walk)))
        return crossed


def monitor(
    rows: list[list[float]], labels: list[int], *, limits: list[float], thresholds: list[float]
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence of every mode after every row, and the crossings as (at, column, direction, onset estimate)."""
    modes = [Mode(limit, threshold) for limit, threshold in zip(limits, thresholds, strict=True)]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    row = 0
    for x, at in zip(rows, labels, strict=True):
        if not all(math.isnan(value) for value in x):
            row += 1
            for k, (mode, value) in enumerate(zip(modes, x, strict=True)):
                crossed = mode.fold(value, row, at)
                if crossed:
                    crossings.append((at, k, *crossed))
        trail.append([sum(mode.r) / len(ODDS) for mode in modes])
    return trail, crossings
