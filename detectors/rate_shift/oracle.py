"""Rate shift as one plain loop over Python floats, to be read beside README.md; imports nothing from `detectors`.

Bets: squares of how far a block's share of rejects lies beyond an edge, over the most that square can be on average while nothing
changed (as in the proof of Cantelli's inequality). Evidence: the Shiryaev-Roberts e-detector, R <- (1 + R) e, averaged over the
bets (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the leading bet's e-CUSUM M <- max(1, M) e was last at most 1 where
the sum of its log e was last at its minimum (Page 1954). Of the blocks before the crossing, the last 16 whose number is an odd
multiple of 2^v are looked at, for v = 0 to 15, and the last 16 multiples of 2^16.
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


def bets(rejects: float, parts: float, low: float, high: float, correlation: float) -> list[float]:
    """E-values of one block: upwards for each reach, then downwards, where passes are what rejects are upwards."""
    share = rejects / parts
    up = [bet(share, parts, low, high, correlation, reach) for reach in REACHES]
    return up + [bet(1 - share, parts, 1 - high, 1 - low, correlation, reach) for reach in REACHES]


def monitor(
    rows: list[list[float]], labels: list[int], *, low: float, high: float, correlation: float, threshold: float
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence after every row, and the crossings as (at, column, direction, onset estimate); evidence restarts at 0 after each."""
    count = 2 * len(REACHES)
    r = [0.0] * count
    walk = [0.0] * count  # sums of log e
    began: tuple[int, int] | None = None  # the block and the label at which the evidence began
    kept: list[deque[tuple[int, int, list[float]]]] = [deque(maxlen=16) for _ in range(17)]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    block = 0
    for (rejects, parts), at in zip(rows, labels, strict=True):
        if not (math.isnan(rejects) or math.isnan(parts)):
            began = began or (block, at - 1)
            block += 1
            ring = kept[next(v for v in range(17) if v == 16 or block % 2 ** (v + 1))]
            if len(ring) == 16:
                ring.popleft()  # makes place for this row
            for j, e in enumerate(bets(rejects, parts, low, high, correlation)):
                r[j] = (1 + r[j]) * e
                walk[j] += math.log(e)
            if sum(r) / count >= threshold:
                lead = r.index(max(r))
                before = sorted(row for level in kept for row in level)
                trace = [(0.0, began[1]), *((sums[lead], label) for number, label, sums in before if number > began[0])]
                lowest = min(value for value, _ in trace)
                low_at = [label for value, label in trace if value == lowest][-1]
                crossings.append((at, 0, 1 if lead < len(REACHES) else -1, min(low_at + 1, at)))
                r, walk, began = [0.0] * count, [0.0] * count, (block, at)
            ring.append((block, at, list(walk)))
        trail.append([sum(r) / count])
    return trail, crossings
