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


def verdict_rates(looked: list[tuple[bool, bool, float]]) -> tuple[float, float]:
    """Miss and overkill rate from the parts looked at (passed, bad, probability): each stands for 1/probability of its kind."""
    table = {(passed, bad): 0.0 for passed in (True, False) for bad in (True, False)}
    for passed, bad, probability in looked:
        table[passed, bad] += 1.0 / probability
    bad_parts = table[True, True] + table[False, True]
    good_parts = table[True, False] + table[False, False]
    miss = table[True, True] / bad_parts if bad_parts else float("nan")
    overkill = table[False, False] / good_parts if good_parts else float("nan")
    return miss, overkill


def kappa(both: float, first_alone: float, second_alone: float, neither: float) -> float:
    """Cohen 1960, eq. 1, from the four cells of the table; NaN where both always say the same one thing."""
    whole = both + first_alone + second_alone + neither
    observed = (both + neither) / whole
    first, second = (both + first_alone) / whole, (both + second_alone) / whole
    expected = first * second + (1.0 - first) * (1.0 - second)
    return (observed - expected) / (1.0 - expected) if expected < 1.0 else float("nan")
