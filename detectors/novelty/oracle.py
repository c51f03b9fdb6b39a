"""Novelty as plain loops over Python floats, to be read beside README.md; imports nothing from `detectors`.

Distance: Mahalanobis, by Cholesky's factor. p: conformal (Vovk, Gammerman and Shafer 2005). Bets: 1 + stake (share / bound - 1) on
the share of novel parts of a block. Evidence: the Shiryaev-Roberts e-detector, R <- (1 + R) e, averaged over the bets (Shin,
Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the leading bet's e-CUSUM M <- max(1, M) e was last at most 1 where the sum of its
log e was last at its minimum (Page 1954). Of the blocks before the crossing, the last 16 whose number is an odd multiple of 2^v
are looked at, for v = 0 to 15, and the last 16 multiples of 2^16.
"""

from __future__ import annotations

import math
from collections import deque

STAKES = (0.125, 0.25, 0.5, 0.875)


def distance(z: list[float], correlation: list[list[float]]) -> float:
    """Distance of one part's scores, without channels not measured (NaN), as a normal score of its chi-square."""
    own = [i for i, value in enumerate(z) if not math.isnan(value)]
    factor: list[list[float]] = []
    white: list[float] = []
    for row, i in enumerate(own):
        line: list[float] = []
        for column in range(row):
            done = sum(line[k] * factor[column][k] for k in range(column))
            line.append((correlation[i][own[column]] - done) / factor[column][column])
        line.append(math.sqrt(correlation[i][i] - sum(value * value for value in line)))
        white.append((z[i] - sum(line[k] * white[k] for k in range(row))) / line[row])
        factor.append(line)
    free = len(own)
    square = sum(value * value for value in white)
    return (math.exp(math.log(square / free) / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))


def conformal_p(distance_: float, calibration: list[float]) -> float:
    """Share of the calibration parts and the part itself that lie at least as far."""
    return (1 + sum(other >= distance_ for other in calibration)) / (len(calibration) + 1)


def monitor(
    rows: list[list[float]], labels: list[int], *, share: float, threshold: float, level: float, block: int
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence after every part, and the crossings as (at, column, direction, onset estimate); evidence restarts at 0."""
    r = [0.0] * len(STAKES)
    walk = [0.0] * len(STAKES)
    began: tuple[int, int] | None = None  # the block and the label at which the evidence began
    kept: list[deque[tuple[int, int, list[float]]]] = [deque(maxlen=16) for _ in range(17)]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    number, novel, parts = 0, 0, 0
    for (p,), at in zip(rows, labels, strict=True):
        if not math.isnan(p):
            novel, parts = novel + (p <= level), parts + 1
        if parts == block:
            began = began or (number, at - 1)
            number += 1
            ring = kept[next(v for v in range(17) if v == 16 or number % 2 ** (v + 1))]
            if len(ring) == 16:
                ring.popleft()  # makes place for this block
            for j, stake in enumerate(STAKES):
                e = 1 + stake * (novel / block / share - 1)
                r[j] = (1 + r[j]) * e
                walk[j] += math.log(e)
            novel, parts = 0, 0
            if sum(r) / len(r) >= threshold:
                lead = r.index(max(r))
                before = sorted(row for level_ in kept for row in level_)
                trace = [(0.0, began[1]), *((sums[lead], label) for count, label, sums in before if count > began[0])]
                lowest = min(value for value, _ in trace)
                low_at = [label for value, label in trace if value == lowest][-1]
                crossings.append((at, 0, 1, min(low_at + 1, at)))
                r, walk, began = [0.0] * len(STAKES), [0.0] * len(STAKES), (number, at)
            ring.append((number, at, list(walk)))
        trail.append([sum(r) / len(r)])
    return trail, crossings
