"""Class mix as one plain loop over Python floats, to be read beside README.md; imports nothing from `detectors`.

Every column is the reject-rate test of one share of parts: squares of how far it lies beyond an edge, over the most that square can
be on average while nothing changed (as in the proof of Cantelli's inequality). Evidence: the Shiryaev-Roberts e-detector,
R <- (1 + R) e, averaged over the bets (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the leading bet's e-CUSUM
M <- max(1, M) e was last at most 1 where the sum of its log e was last at its minimum (Page 1954). Of the rows before the crossing,
the last 16 whose number is an odd multiple of 2^v are looked at, for v = 0 to 15, and the last 16 multiples of 2^16; a row that
completes no column's group has no number.
"""

from __future__ import annotations

import math
from collections import deque

REACHES = (1.0, 2.0, 4.0, 8.0)
FLOOR, CEILING = 2.0**-10, 2.0**20


def bet(share: float, parts: float, low: float, high: float, correlation: float, reach: float) -> float:
    """E-value of one block for "the share's mean is at most `high`" (and at least `low`)."""
    per_block = 1 / parts + (1 - 1 / parts) * correlation

    def v(m: float) -> float:
        return m * (1 - m) * per_block

    greatest = v(0.5) if low <= 0.5 <= high else max(v(low), v(high))
    edge = high - reach * math.sqrt(greatest)
    worst = max(v(high) + (high - edge) ** 2, greatest + max(low - edge, 0.0) ** 2)
    return FLOOR + (1 - FLOOR) * min(max(share - edge, 0.0) ** 2 / worst, CEILING)


def bets(share: float, parts: float, low: float, high: float, correlation: float) -> list[float]:
    """E-values of one block: upwards for each reach, then downwards, where the others' share is what the share is upwards."""
    up = [bet(share, parts, low, high, correlation, reach) for reach in REACHES]
    return up + [bet(1 - share, parts, 1 - high, 1 - low, correlation, reach) for reach in REACHES]


class Share:
    """Evidence of one column."""

    def __init__(self, null: tuple[float, float, float, int], threshold: float) -> None:
        self.low, self.high, self.correlation, self.group = null
        self.threshold = threshold
        self.own, self.parts, self.blocks = 0.0, 0.0, 0
        self.r = [0.0] * (2 * len(REACHES))
        self.walk = [0.0] * (2 * len(REACHES))
        self.count = 0  # groups folded
        self.began: tuple[int, int, int] | None = None  # the row, label and count after which the evidence began
        self.kept: list[deque[tuple[int, int, int, list[float]]]] = [deque(maxlen=16) for _ in range(17)]

    def gather(self, own: float, parts: float) -> bool:
        """Take a block; whether that completes the group."""
        self.own, self.parts, self.blocks = self.own + own, self.parts + parts, self.blocks + 1
        return self.blocks == self.group

    def fold(self, row: int, at: int) -> tuple[int, int] | None:
        """Judge a completed group; the direction and the onset estimate where it crossed."""
        ring = self.ring(row)
        if len(ring) == 16:
            ring.popleft()  # makes place for this row
        self.began = self.began or (row - 1, at - 1, 0)
        self.count += 1
        for j, e in enumerate(bets(self.own / self.parts, self.parts, self.low, self.high, self.correlation)):
            self.r[j] = (1 + self.r[j]) * e
            self.walk[j] += math.log(e)
        self.own, self.parts, self.blocks = 0.0, 0.0, 0
        if sum(self.r) / len(self.r) < self.threshold:
            return None
        lead = self.r.index(max(self.r))
        trace, last = [(0.0, self.began[1])], self.began[2]
        for number, label, count, sums in sorted(entry for level in self.kept for entry in level):
            if number > self.began[0] and count > last:
                trace.append((sums[lead], label))
                last = count
        lowest = min(value for value, _ in trace)
        low_at = [label for value, label in trace if value == lowest][-1]
        self.r, self.walk, self.began = [0.0] * len(self.r), [0.0] * len(self.r), (row, at, self.count)
        return 1 if lead < len(REACHES) else -1, min(low_at + 1, at)

    def keep(self, row: int, at: int) -> None:
        """Remember where the walks stand."""
        self.ring(row).append((row, at, self.count, list(self.walk)))

    def ring(self, row: int) -> deque[tuple[int, int, int, list[float]]]:
        """Where a row is kept."""
        return self.kept[next(v for v in range(17) if v == 16 or row % 2 ** (v + 1))]


def monitor(
    rows: list[list[float]],
    labels: list[int],
    *,
    members: list[tuple[int, ...]],
    nulls: list[tuple[float, float, float, int]],
    thresholds: list[float],
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence of every column after every block, and the crossings as (at, column, direction, onset estimate).

    members: the inputs each column counts. nulls: (low, high, correlation, blocks taken together) of each column.
    """
    shares = [Share(null, threshold) for null, threshold in zip(nulls, thresholds, strict=True)]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    row = 0
    for x, at in zip(rows, labels, strict=True):
        if not any(math.isnan(value) for value in x):
            full = [share.gather(sum(x[i] for i in own), sum(x)) for share, own in zip(shares, members, strict=True)]
            if any(full):
                row += 1
                for k, share in enumerate(shares):
                    crossed = share.fold(row, at) if full[k] else None
                    if crossed:
                        crossings.append((at, k, *crossed))
                    share.keep(row, at)
        trail.append([sum(share.r) / len(share.r) for share in shares])
    return trail, crossings
