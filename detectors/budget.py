"""Shares of a station's one false-alarm budget, and the thresholds they buy (METHODS 1; Shin, Ramdas, Rinaldo 2024).

With restart at 0, E[false alarms in T updates] ≤ T / c for every T, and the bounds add over channels whatever their dependence.
"""

from __future__ import annotations

from detectors.errors import ParameterError


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
    return budget * (1.0 - outcome_share) / columns, budget * outcome_share
