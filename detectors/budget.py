"""Shares of a station's one false-alarm budget, and the thresholds they buy (METHODS 1; Shin, Ramdas, Rinaldo 2024).

With restart at 0, E[false alarms in T updates] ≤ T / c for every T, and the bounds add over channels whatever their dependence.
"""

from __future__ import annotations

import math

from detectors.contract import FloatArray
from detectors.errors import ParameterError

LEVEL_SHARE = 0.75
"""Of a channel's share, its level gets so much, its spread the rest: c grows by a third, which delays a level alarm by 1 to 2 %."""
CHALLENGE_SHARE = 0.25
"""Of the share of truth, challenge parts get so much where there are outcomes too: c costs them at most one presentation more."""
MIN_RUN_PARTS = 25
"""A run mean is of at least so many parts: a station makes at most a 25th as many run means of a channel as parts."""


def threshold(updates_per_month: float, share: float) -> float:
    """Evidence c at which a channel with so many updates a month alarms falsely at most `share` times a month: r / b, at least 1.

    Raises ParameterError.
    """
    if not (updates_per_month > 0.0 and share > 0.0):
        raise ParameterError(f"updates and share must be positive, got {updates_per_month} and {share}")
    return max(updates_per_month / share, 1.0)


def station_shares(budget: float, outcome_share: float, columns: int) -> tuple[float, float]:
    """(share of each channel, share of the outcome test) of a station's budget, false alarms a month; together exactly the budget.

    outcome_share: the outcome test's part, in [0, 1); the columns (channels) share the rest equally. Raises ParameterError.
    """
    if not (budget > 0.0 and 0.0 <= outcome_share < 1.0 and columns > 0):
        raise ParameterError(f"need budget > 0, 0 <= outcome_share < 1, columns > 0, got {budget}, {outcome_share}, {columns}")
    of_truth = budget * outcome_share
    return _each(budget - of_truth, columns), of_truth


def truth_shares(share: float, modes: int, *, outcomes: bool) -> tuple[float, float]:
    """(share of the outcome test, share of each failure mode's challenge test) of truth's `share`; together at most it, exactly.

    modes: how many are challenged. outcomes: whether there are any; what is alone takes all. Raises ParameterError.
    """
    if not (share >= 0.0 and modes >= 0):
        raise ParameterError(f"need share >= 0 and modes >= 0, got {share} and {modes}")
    if not modes:
        return (share if outcomes else 0.0), 0.0
    of_challenge = share * CHALLENGE_SHARE if outcomes else share
    return (share - of_challenge if outcomes else 0.0), _each(of_challenge, modes)


def _each(share: float, among: int) -> float:
    """An equal part, rounded down: so many of them are never more than the share."""
    return math.nextafter(share / among, 0.0)


def spread_thresholds(level: FloatArray) -> FloatArray:
    """Thresholds of the spread tests of channels whose level tests alarm at `level`, (C,): both see every part."""
    return level * (LEVEL_SHARE / (1.0 - LEVEL_SHARE))


def run_thresholds(level: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(within runs, of run means), (C,) each: what a channel's level test at `level` is split into where its runs differ.

    Half of its share each; there are at most a MIN_RUN_PARTS-th as many run means as parts.
    """
    return 2.0 * level, 2.0 * level / MIN_RUN_PARTS
