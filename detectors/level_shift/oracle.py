"""Level shift as one plain loop, to be read beside the paper (arXiv 2203.03532). Imports nothing from `detectors`."""

from __future__ import annotations

from math import exp, isnan

BETS = (0.25, 0.5, 1.0, 2.0, -0.25, -0.5, -1.0, -2.0)
WEIGHT = 1 / 8
Z_LIMIT = 8.0


def run(
    rows: list[list[float]], at: list[int], *, epsilon: list[float], inflation: list[float], thresholds: list[float]
) -> tuple[list[list[float]], list[tuple[int, int, int, int]]]:
    """Evidence after each row, and the crossings (at, column, direction, onset estimate)."""
    columns = range(len(thresholds))
    r = [[0.0] * 8 for _ in columns]  # Shiryaev-Roberts sums, one per bet
    m = [[0.0] * 8 for _ in columns]  # e-CUSUMs
    low_at: list[list[int]] = [[] for _ in columns]  # last label at which the e-CUSUM was <= 1
    history: list[list[float]] = []
    crossings: list[tuple[int, int, int, int]] = []
    for row, label in zip(rows, at, strict=True):
        for k in columns:
            if isnan(row[k]):
                continue
            z = max(-Z_LIMIT, min(Z_LIMIT, row[k]))
            if not low_at[k]:
                low_at[k] = [label - 1] * 8
            for j, bet in enumerate(BETS):
                e = exp(bet * z - abs(bet) * epsilon[k] - (1 + inflation[k]) * bet**2 / 2)
                r[k][j] = min((1 + r[k][j]) * e, 10 * thresholds[k] / WEIGHT)
                m[k][j] = max(1.0, m[k][j]) * e
                if m[k][j] <= 1:
                    low_at[k][j] = label
            if WEIGHT * sum(r[k]) >= thresholds[k]:
                lead = max(range(8), key=lambda j: r[k][j])
                crossings.append((label, k, 1 if BETS[lead] > 0 else -1, min(low_at[k][lead] + 1, label)))
                r[k], m[k], low_at[k] = [0.0] * 8, [0.0] * 8, [label] * 8
        history.append([min(WEIGHT * sum(r[k]), 10 * thresholds[k]) for k in columns])
    return history, crossings
