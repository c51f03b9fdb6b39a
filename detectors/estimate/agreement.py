"""Verdict beside truth as two raters: effectiveness and Cohen's kappa, with bounds from those of the shares they are made of.

Three shares make the table of the two: `first`, of parts that one of them calls bad; `inside`, of these, and `outside`, of the
others, what the other calls bad. Which of the two comes first makes no difference. Sources: Cohen 1960, "A coefficient of agreement
for nominal scales"; AIAG, "Measurement Systems Analysis", attribute agreement.
"""

from __future__ import annotations

import math

from detectors.estimate.rate import Interval


def effectiveness(first: Interval, outside: Interval, inside: Interval) -> Interval:
    """Share of parts both call the same, (1 - f)(1 - o) + f i: linear in each share, so that the extremes are corners."""

    def agree(f: float, o: float, i: float) -> float:
        return (1.0 - f) * (1.0 - o) + f * i

    ends = (first.low, first.high)
    return Interval(
        agree(first.estimate, outside.estimate, inside.estimate),
        min(agree(f, outside.high, inside.low) for f in ends),
        max(agree(f, outside.low, inside.high) for f in ends),
    )


def kappa(first: Interval, outside: Interval, inside: Interval) -> Interval:
    """2 f (1 - f)(i - o) / ((1 - f) q + f (1 - q)) with q = (1 - f) o + f i, which is (p_o - p_e)/(1 - p_e) written out.

    It falls with o and rises with i, whatever f; over f numerator and denominator are bounded each by itself, which is exact where
    f is known and a little wide where it is not. NaN with bounds -1 and 1 where all agree on one verdict or nothing is known.
    """
    high_end, low_end = (outside.low, inside.high), (outside.high, inside.low)
    estimate = _ratio((first.estimate, first.estimate), outside.estimate, inside.estimate)[0]
    return Interval(
        estimate,
        _known(_ratio((first.low, first.high), *low_end)[0], -1.0),
        _known(_ratio((first.low, first.high), *high_end)[1], 1.0),
    )


def _ratio(span: tuple[float, float], o: float, i: float) -> tuple[float, float]:
    """Least and greatest kappa for a first share within `span`; NaN where it is not defined."""
    distance = i - o
    turning = [(distance + 1.0 - 2.0 * o) / (4.0 * distance)] if distance else []
    shares = [*span, *(f for f in (0.5, *turning) if span[0] < f < span[1])]
    spread = [2.0 * f * (1.0 - f) * distance for f in shares]
    against = [o + f * (distance + 1.0 - 2.0 * o) - 2.0 * f * f * distance for f in shares]
    least, most = min(against), max(against)
    if not least > 0.0:
        return math.nan, math.nan
    low, high = min(spread), max(spread)
    return max(-1.0, low / (most if low > 0.0 else least)), min(1.0, high / (least if high > 0.0 else most))


def _known(bound: float, otherwise: float) -> float:
    return otherwise if math.isnan(bound) else bound
