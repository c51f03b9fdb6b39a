"""The outcome gap as one plain loop over Python floats, to be checked against the papers; imports nothing from `detectors`.

Bets: odds multiplied by d (Steiner, Cook, Farewell, Treasure 2000; Franck, Driscoll, Szajnfarber, Woodall 2025,
arXiv 2510.25573), and a share s of parts bad whatever the model said. Evidence: the Shiryaev-Roberts e-detector,
R <- (1 + R) e, averaged over the bets (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the leading bet's e-CUSUM
M <- max(1, M) e was last at most 1 where the sum of its log e was last at its minimum (Page 1954). Of the audits before the
crossing, the last 16 whose number is an odd multiple of 2^v are looked at, for v = 0 to 15, and the last 16 multiples of 2^16.
"""

from __future__ import annotations

import math
from collections import deque

ODDS = (2.0, 4.0, 8.0)
SHARES = (0.003, 0.01, 0.03)


def bets(p: float, y: float) -> list[float]:
    """E-values of one audited part: claim p in (0, 1], outcome y 0 or 1. At p = 1 the limits from below."""
    values = []
    for d in ODDS:
        q = d * p / (1.0 - p + d * p)
        if y == 1.0:
            values.append(q / p)
        else:
            values.append((1.0 - q) / (1.0 - p) if p < 1.0 else 1.0 / d)
    for s in SHARES:
        q = p + s * (1.0 - p)
        if y == 1.0:
            values.append(q / p)
        else:
            values.append((1.0 - q) / (1.0 - p) if p < 1.0 else 1.0 - s)
    return values


def monitor(
    rows: list[list[float]], labels: list[int], threshold: float
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence after every row, and the crossings as (at, column, direction, onset estimate); evidence restarts at 0 after each."""
    count = len(ODDS) + len(SHARES)
    r = [0.0] * count
    walk = [0.0] * count  # sums of log e
    began: tuple[int, int] | None = None  # the audit and the label at which the evidence began
    kept: list[deque[tuple[int, int, list[float]]]] = [deque(maxlen=16) for _ in range(17)]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    audit = 0
    for (p, y), at in zip(rows, labels, strict=True):
        if not (math.isnan(p) or math.isnan(y)):
            began = began or (audit, at - 1)
            audit += 1
            ring = kept[next(v for v in range(17) if v == 16 or audit % 2 ** (v + 1))]
            if len(ring) == 16:
                ring.popleft()  # makes place for this row
            for j, e in enumerate(bets(p, y)):
                r[j] = (1.0 + r[j]) * e
                walk[j] += math.log(e)
            if sum(r) / count >= threshold:
                lead = r.index(max(r))
                before = sorted(row for level in kept for row in level)
                trace = [(0.0, began[1]), *((sums[lead], label) for number, label, sums in before if number > began[0])]
                low = [label for value, label in trace if value == min(trace)[0]][-1]
                crossings.append((at, 0, 1, min(low + 1, at)))
                r, walk, began = [0.0] * count, [0.0] * count, (audit, at)
            ring.append((audit, at, list(walk)))
        trail.append([sum(r) / count])
    return trail, crossings
