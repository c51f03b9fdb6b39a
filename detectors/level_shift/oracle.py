"""Level shift as one plain loop, to be read beside the paper (arXiv 2203.03532). Imports nothing from `detectors`.

Onset: the leading bet's e-CUSUM M <- max(1, M) e was last at most 1 where the sum of its log e was last at its minimum (Page
1954). Of the rows before the crossing, the last 16 whose number is an odd multiple of 2^v are looked at, for v = 0 to 15, and the
last 16 multiples of 2^16.
"""

from __future__ import annotations

from collections import deque
from math import exp, isnan

BETS = (0.25, -0.25, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
WEIGHT = 1 / 8
Z_LIMIT = 8.0


def run(
    rows: list[list[float]], at: list[int], *, epsilon: list[list[float]], inflation: list[float], thresholds: list[float]
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence after each row, and the crossings (at, column, direction, onset estimate). epsilon: of every bet and column."""
    columns = range(len(thresholds))
    r = [[0.0] * 8 for _ in columns]  # Shiryaev-Roberts sums, one per bet
    began: list[tuple[int, int] | None] = [None for _ in columns]  # row and label at which a column began
    count = [0 for _ in columns]  # and since then: rows measured
    log_e = [[0.0] * 8 for _ in columns]  # and the sum of each bet's log e
    kept: list[deque[tuple[int, int, list[int], list[list[float]]]]] = [deque(maxlen=16) for _ in range(17)]
    history: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    number = 0
    for row, label in zip(rows, at, strict=True):
        is_row = not all(map(isnan, row))
        number += is_row
        ring = kept[next(v for v in range(17) if v == 16 or number % 2 ** (v + 1))]
        if is_row and len(ring) == 16:
            ring.popleft()  # makes place for this row
        crossed = []
        for k in columns:
            if isnan(row[k]):
                continue
            z = max(-Z_LIMIT, min(Z_LIMIT, row[k]))
            began[k] = began[k] or (number - 1, label - 1)
            count[k] += 1
            for j, bet in enumerate(BETS):
                log = bet * z - abs(bet) * epsilon[j][k] - (1 + inflation[k]) * bet**2 / 2
                r[k][j] = (1 + r[k][j]) * exp(log)
                log_e[k][j] += log
            if WEIGHT * sum(r[k]) >= thresholds[k]:
                lead = max(range(8), key=lambda j: r[k][j])
                low = low_label(kept, k, lead, began[k] or (0, 0))
                crossings.append((label, k, 1 if BETS[lead] > 0 else -1, min(low + 1, label)))
                crossed.append(k)
        for k in crossed:
            r[k], log_e[k], count[k], began[k] = [0.0] * 8, [0.0] * 8, 0, (number, label)
        if is_row:
            ring.append((number, label, list(count), [list(sums) for sums in log_e]))
        history.append([WEIGHT * sum(r[k]) for k in columns])
    return history, crossings


def low_label(kept: list[deque[tuple[int, int, list[int], list[list[float]]]]], k: int, bet: int, began: tuple[int, int]) -> int:
    """Label of the last minimum of a bet's walk among the rows kept of column k since it began."""
    seen = {0: (0.0, began[1])}  # per number of rows measured, the walk and the first label that was kept
    for number, label, count, log_e in sorted(row for level in kept for row in level):
        if number > began[0]:
            seen.setdefault(count[k], (log_e[k][bet], label))
    lowest = min(walk for walk, _ in seen.values())
    return [label for walk, label in seen.values() if walk == lowest][-1]
