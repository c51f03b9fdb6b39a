"""The same bounds the slow way, part by part: the wealth of every bet against every rate of a grid."""

from __future__ import annotations


def bounds(
    audits: list[tuple[float, bool]],
    grid: list[float],
    *,
    floor: float,
    fractions: list[tuple[float, float]],
    excesses: list[float],
    confidence: float,
) -> list[tuple[float, float]]:
    """After each audit (probability, bad): the greatest rate of the grid that is too low, 0 where none, and the least that is too
    high, 1 where none.

    fractions: (share, weight) of the bets that the rate is lower. excesses: those that it is higher, of equal weight.
    """
    limit = 2.0 / (1.0 - confidence)
    below = [[weight for _, weight in fractions] for _ in grid]
    above = [[1.0 / len(excesses) for _ in excesses] for _ in grid]
    found = []
    for probability, bad in audits:
        weight = floor / probability
        low, high = 0.0, 1.0
        for g, m in enumerate(grid):
            for j, (share, _) in enumerate(fractions):
                stake = share / (1.0 - m)
                below[g][j] *= 1.0 + stake * weight * (m - (1.0 if bad else 0.0))
            for j, excess in enumerate(excesses):
                stake = min(excess / (1.0 - m), 1.0 / m)
                above[g][j] *= 1.0 + stake * weight * ((1.0 if bad else 0.0) - m)
            if sum(above[g]) >= limit:
                low = max(low, m)
            if sum(below[g]) >= limit:
                high = min(high, m)
        found.append((low, high))
    return found
