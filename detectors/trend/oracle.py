"""Trend as one plain loop over Python floats, to be read beside README.md; imports nothing from `detectors`.

Blocks of 5 days without their least and greatest; Theil-Sen line (Sen 1968) with a level per epoch; values drawn in to 4 robust
deviations of it; least squares; a t test of the line at the horizon, its error doubled.
"""

from __future__ import annotations

import math
from statistics import median

BLOCK_DAYS, BLOCKS, MIN_BLOCKS, REACH, WIDEN, CLIP = 5, 16, 8, 4.0, 2.0, 10.0
Block = tuple[float, float, int, int]  # time, value, epoch, label of its first day


def tail(t: float, free: int) -> float:
    """P(T <= t) of Student's t with `free` degrees of freedom, by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    theta = math.atan(t / math.sqrt(free))
    sine, cosine = math.sin(theta), math.cos(theta)
    if free % 2:
        term, total = cosine, 0.0
        for i in range(1, free - 1, 2):
            total += term
            term *= cosine * cosine * (i + 1) / (i + 2)
        inside = 2 / math.pi * (theta + sine * total)
    else:
        term, total = 1.0, 0.0
        for i in range(0, free, 2):
            total += term
            term *= cosine * cosine * (i + 1) / (i + 2)
        inside = sine * total
    return (1 + inside) / 2


def forecast(blocks: list[Block], ahead: float) -> tuple[float, float, int]:
    """The line's value at time `ahead`, its standard error and degrees of freedom."""
    epochs = sorted({block[2] for block in blocks})
    free = len(blocks) - len(epochs) - 1
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(blocks) for b in blocks[i + 1 :] if a[2] == b[2]]
    slope = median(pairs)
    level = {epoch: median([b[1] - slope * b[0] for b in blocks if b[2] == epoch]) for epoch in epochs}
    residual = [b[1] - slope * b[0] - level[b[2]] for b in blocks]
    reach = REACH * 1.4826 * median([abs(r) for r in residual]) * math.sqrt(len(blocks) / free)
    drawn = [slope * b[0] + level[b[2]] + max(-reach, min(reach, r)) for b, r in zip(blocks, residual, strict=True)]
    middle, mean = {}, {}
    for epoch in epochs:
        own = [i for i, b in enumerate(blocks) if b[2] == epoch]
        middle[epoch] = sum(blocks[i][0] for i in own) / len(own)
        mean[epoch] = sum(drawn[i] for i in own) / len(own)
    dt = [b[0] - middle[b[2]] for b in blocks]
    dy = [y - mean[b[2]] for y, b in zip(drawn, blocks, strict=True)]
    spread = sum(d * d for d in dt)
    slope = sum(a * b for a, b in zip(dt, dy, strict=True)) / spread
    deviation = WIDEN * math.sqrt(sum((b - slope * a) ** 2 for a, b in zip(dt, dy, strict=True)) / free)
    last = epochs[-1]
    own_blocks = sum(b[2] == last for b in blocks)
    error = deviation * math.sqrt(1 / own_blocks + (ahead - middle[last]) ** 2 / spread)
    return mean[last] + slope * (ahead - middle[last]), error, free


def monitor(
    rows: list[list[float]],
    labels: list[int],
    *,
    limits: list[float],
    directions: list[int],
    horizons: list[float],
    thresholds: list[float],
    decaying: list[bool],
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence of every channel after every day, and the crossings as (at, column, direction, onset estimate)."""
    channels = range(len(limits))
    kept: list[list[Block]] = [[] for _ in channels]
    open_: list[list[tuple[int, float, int]]] = [[] for _ in channels]  # day, mean, label
    evidence = [0.0 for _ in channels]
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    day = 0
    for x, at in zip(rows, labels, strict=True):
        day += not all(math.isnan(value) for value in x)
        for k in channels:
            if math.isnan(x[k]):
                continue
            open_[k].append((day, x[k], at))
            if len(open_[k]) < BLOCK_DAYS:
                continue
            middle = sorted(value for _, value, _ in open_[k])[1:-1]
            value = sum(middle) / len(middle)
            kept[k].append(
                (sum(d for d, _, _ in open_[k]) / BLOCK_DAYS, math.log(value) if decaying[k] else value, 0, open_[k][0][2])
            )
            kept[k], open_[k] = kept[k][-BLOCKS:], []
            if len(kept[k]) < MIN_BLOCKS:
                continue
            limit = math.log(limits[k]) if decaying[k] else limits[k]
            ahead, error, free = forecast(kept[k], day + horizons[k])
            p = tail(directions[k] * (limit - ahead) / error, free)
            evidence[k] = min(1 / p if p > 0 else math.inf, CLIP * thresholds[k])
            if evidence[k] >= thresholds[k]:
                crossings.append((at, k, directions[k], kept[k][0][3]))
                evidence[k] = 0.0
        trail.append(list(evidence))
    return trail, crossings
