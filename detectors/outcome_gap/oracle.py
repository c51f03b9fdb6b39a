"""The outcome gap as one plain loop over Python floats, to be checked against the papers; imports nothing from `detectors`.

Bets: odds multiplied by d (Steiner, Cook, Farewell, Treasure 2000; Franck, Driscoll, Szajnfarber, Woodall 2025,
arXiv 2510.25573), and a share s of parts bad whatever the model said. Evidence: the Shiryaev-Roberts e-detector,
R <- (1 + R) e, averaged over the bets (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532). Onset: the last time the leading bet's
e-CUSUM M <- max(1, M) e was at most 1 (Page 1954).
"""

from __future__ import annotations

import math

ODDS = (2.0, 4.0, 8.0)
SHARES = (0.003, 0.01, 0.03)
CLIP = 10.0  # a bet's share of the evidence is clipped at this many thresholds


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
    m = [1.0] * count
    low: list[int] | None = None
    trail: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    for (p, y), at in zip(rows, labels, strict=True):
        if not (math.isnan(p) or math.isnan(y)):
            low = [at - 1] * count if low is None else low
            for j, e in enumerate(bets(p, y)):
                r[j] = min((1.0 + r[j]) * e, CLIP * threshold * count)
                m[j] = max(1.0, m[j]) * e
                if m[j] <= 1.0:
                    low[j] = at
            if sum(r) / count >= threshold:
                lead = r.index(max(r))
                crossings.append((at, 0, 1, min(low[lead] + 1, at)))
                r, m, low = [0.0] * count, [1.0] * count, [at] * count
        trail.append([min(sum(r) / count, CLIP * threshold)])
    return trail, crossings
