"""The rate of bad parts behind audits drawn with known probabilities: a confidence sequence by betting; the page is README.md.

Sources: Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS-B 86(1), arXiv 2010.09686;
Waudby-Smith, Stark, Ramdas 2021, "RiLACS: risk limiting audits via confidence sequences", arXiv 2107.11323.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import brentq

from detectors.contract import FloatArray
from detectors.errors import ParameterError, ShapeError

_UP = 1.0 - 2.0 ** np.arange(-6.0, 0.0, 0.5)  # shares of the largest bet that a rate is lower, beside all of it and small ones
FRACTIONS = np.concatenate([[1.0], _UP[::-1], 2.0 ** -np.arange(2.0, 12.5)])
"""Bets that the rate is below m, as shares of the largest that cannot go broke on a good part."""
_ALL_IN = 0.4
FRACTION_WEIGHTS = np.concatenate([[_ALL_IN], np.full(FRACTIONS.size - 1, (1.0 - _ALL_IN) / (FRACTIONS.size - 1))])
"""Most on the largest, which pays while every audit is clean."""
EXCESSES = 2.0 ** np.arange(-10.0, 16.0)
"""Bets that the rate is above m: it is m (1 + excess)."""
_EVEN = np.full(EXCESSES.size, 1.0 / EXCESSES.size)


@dataclass(frozen=True, slots=True)
class Tally:
    """Audited parts, counted by the probability with which they were drawn.

    probability: (S,), in (0, 1], distinct or not. audited, bad: (S,) counts, bad <= audited. Order and cutting into pieces have no
    say: tallies of parts of a period are put together with `+`.
    """

    probability: FloatArray
    audited: FloatArray
    bad: FloatArray

    def __post_init__(self) -> None:
        shape = self.probability.shape
        if len(shape) != 1 or self.audited.shape != shape or self.bad.shape != shape:
            raise ShapeError(f"need three vectors of one length, got {shape}, {self.audited.shape}, {self.bad.shape}")
        if not ((self.probability > 0.0) & (self.probability <= 1.0)).all():
            raise ParameterError("inclusion probabilities must lie in (0, 1]", hint="a part that could not be drawn proves nothing")
        if not ((self.bad >= 0.0) & (self.bad <= self.audited)).all():
            raise ParameterError("of a number of audited parts, 0 to all can be bad")

    @classmethod
    def census(cls, audited: int, bad: int) -> Self:
        """Every part was looked at."""
        return cls(np.array([1.0]), np.array([float(audited)]), np.array([float(bad)]))

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        names = ("probability", "audited", "bad")
        return Tally(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    @property
    def estimate(self) -> float:
        """Share of bad parts, each audited part standing for 1/probability of them (Hájek 1971); NaN without audits."""
        standing = float((self.audited / self.probability).sum())
        return float((self.bad / self.probability).sum()) / standing if standing else math.nan

    @property
    def naive(self) -> float:
        """Share of bad parts among those looked at, as if they had been drawn evenly: never to be shown alone."""
        audited = float(self.audited.sum())
        return float(self.bad.sum()) / audited if audited else math.nan


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate with its bounds, shares in [0, 1]; the estimate is NaN and the bounds are 0 and 1 where nothing is known."""

    estimate: float
    low: float
    high: float


def interval(tally: Tally, *, floor: float, confidence: float = 0.95) -> Interval:
    """The rate of bad parts, with bounds that hold at every moment at once with at least this confidence.

    floor: the least inclusion probability the plan ever uses, fixed before the first draw. Each bound takes half of what the
    confidence leaves. Raises ParameterError for a floor above a probability that was used.
    """
    weights = _weights(tally, floor)
    _check_confidence(confidence)
    limit = math.log(2.0 / (1.0 - confidence))
    return Interval(tally.estimate, _lowest(tally, weights, limit), _highest(tally, weights, limit))


def lower_bound(tally: Tally, *, floor: float, confidence: float = 0.95) -> float:
    """The lower of the two bounds of `interval` alone."""
    _check_confidence(confidence)
    return _lowest(tally, _weights(tally, floor), math.log(2.0 / (1.0 - confidence)))


def clean_needed(tally: Tally, most: float, *, floor: float, confidence: float = 0.95) -> int:
    """How many more audits at the floor, all clean, until the upper bound is at most `most`; 0 where it is already.

    most: in (0, 1). Raises ParameterError.
    """
    if not 0.0 < most < 1.0:
        raise ParameterError(f"a rate to be shown must lie in (0, 1), got {most}")
    _check_confidence(confidence)
    weights = _weights(tally, floor)
    limit = math.log(2.0 / (1.0 - confidence))

    odds = most / (1.0 - most)
    so_far = _Below(tally, weights).logs(odds)
    each = np.log1p(FRACTIONS * odds)

    def is_shown(more: int) -> bool:
        return _log_mean(so_far + more * each, FRACTION_WEIGHTS) >= limit

    # All together have never more than the best of them, and never less than its part.
    least, enough = (
        max(0, math.floor(float(((limit - so_far - part) / each).min())) + beside)
        for part, beside in ((0.0, -1), (np.log(FRACTION_WEIGHTS), 2))
    )
    while least < enough:
        middle = (least + enough) // 2
        least, enough = (least, middle) if is_shown(middle) else (middle + 1, enough)
    return least


def _weights(tally: Tally, floor: float) -> FloatArray:
    """What an audited part counts beside one drawn at the floor, in (0, 1]: the drawing then has no say in the mean."""
    if not 0.0 < floor <= 1.0:
        raise ParameterError(f"floor must lie in (0, 1], got {floor}")
    if tally.probability.size and float(tally.probability.min()) < floor:
        raise ParameterError(f"a part was drawn with probability {tally.probability.min():g}, below the floor of {floor:g}")
    weights: FloatArray = floor / tally.probability
    return weights


def _check_confidence(confidence: float) -> None:
    if not 0.5 <= confidence < 1.0:
        raise ParameterError(f"confidence must lie in [0.5, 1), got {confidence}")


class _Below:
    """Bets against "the rate is at least m", by the odds m/(1 - m): what they have won. Bad parts cost the same at any m."""

    def __init__(self, tally: Tally, weights: FloatArray) -> None:
        shares = np.multiply.outer(FRACTIONS, weights)
        good = tally.audited - tally.bad
        self._good, self._shares = good[good > 0.0], shares[:, good > 0.0]
        with np.errstate(divide="ignore"):
            self._lost = _lost(shares[:, tally.bad > 0.0], tally.bad[tally.bad > 0.0])

    def logs(self, odds: float) -> FloatArray:
        """Log of the wealth of each bet."""
        won: FloatArray = np.log1p(self._shares * odds) @ self._good + self._lost
        return won

    def log(self, odds: float) -> float:
        """Log of the wealth of all; rises with the odds."""
        return _log_mean(self.logs(odds), FRACTION_WEIGHTS)


class _Above:
    """Bets against "the rate is at most m", by the odds."""

    def __init__(self, tally: Tally, weights: FloatArray) -> None:
        good = tally.audited - tally.bad
        self._good, self._good_weights = good[good > 0.0], weights[good > 0.0]
        self._bad, self._bad_weights = tally.bad[tally.bad > 0.0], weights[tally.bad > 0.0]

    def log(self, odds: float) -> float:
        """Log of the wealth of all; falls with the odds."""
        excess = np.minimum(EXCESSES, 1.0 / odds)[:, np.newaxis]
        won = np.log1p(excess * self._bad_weights) @ self._bad
        return _log_mean(won + _lost(excess * odds * self._good_weights, self._good), _EVEN)


def _lost(share: FloatArray, counts: FloatArray) -> FloatArray:
    """Log of (1 − share)^counts, summed over the classes, (J,); −∞ where all was staked and lost. counts: above 0."""
    lost: FloatArray = np.log1p(-np.minimum(share, 1.0)) @ counts
    return lost


def _log_mean(logs: FloatArray, weights: FloatArray) -> float:
    most = float(logs.max())
    return most + math.log(float(weights @ np.exp(logs - most))) if math.isfinite(most) else -math.inf


_ENDS = math.log(1e-12), math.log(1e9)  # log odds between which a bound is sought
_WITHIN = 1e-8
_SPREAD = 3.2  # what a mixture of some two dozen bets costs beside its best, about: log of their number


def _highest(tally: Tally, weights: FloatArray, limit: float) -> float:
    """The least rate the bets have refuted, 1 where none; rounded up."""
    bad = float(weights @ tally.bad)
    good = float(weights @ (tally.audited - tally.bad))
    if not good:
        return 1.0
    # At the odds of the estimate no bet has won; and all good parts together have won at most exp(good * odds).
    odds = max(bad, limit) / good
    spread = (limit + _SPREAD + math.sqrt(2.0 * bad * (limit + _SPREAD))) / max(bad, limit)
    found = _reached(_Below(tally, weights).log, limit, math.log(odds), math.log1p(spread))
    return 1.0 if math.isnan(found) else 1.0 / (1.0 + math.exp(-found - _WITHIN))


def _lowest(tally: Tally, weights: FloatArray, limit: float) -> float:
    """The greatest rate the bets have refuted, 0 where none; rounded down."""
    bad = float(weights @ tally.bad)
    good = float(weights @ (tally.audited - tally.bad))
    if not bad:
        return 0.0
    spread = (limit + _SPREAD) / bad
    start = math.log(bad / good) if good else _ENDS[1]
    found = _reached(_Above(tally, weights).log, limit, start, -spread - math.sqrt(2.0 * spread))
    return 0.0 if math.isnan(found) else 1.0 / (1.0 + math.exp(_WITHIN - found))


def _reached(log_wealth: Callable[[float], float], limit: float, start: float, step: float) -> float:
    """Log odds at which a wealth reaches its limit, sought from where it has not, in steps that double; NaN where it never does."""

    def missing(log_odds: float) -> float:
        return max(log_wealth(math.exp(log_odds)) - limit, -1e3)  # a root is not sought among infinities

    end = _ENDS[step > 0.0]
    short = _within_ends(start)
    beyond = _within_ends(short + step)
    with np.errstate(divide="ignore"):
        while missing(beyond) < 0.0:
            if beyond == end:
                return math.nan
            step *= 2.0
            short, beyond = beyond, _within_ends(beyond + step)
        return float(brentq(missing, short, beyond, xtol=0.9 * _WITHIN))


def _within_ends(log_odds: float) -> float:
    return min(max(log_odds, _ENDS[0]), _ENDS[1])
