"""Shares of the alarm budget, and the thresholds they buy."""

from __future__ import annotations

import math

from detectors.errors import ParameterError

ADVISE_DIVISOR = 20.0
"""Advise (metrics, page) at c / 20, alarm (andon) at c: two tiers from one statistic (METHODS 1)."""


def threshold(updates_per_month: float, share: float) -> float:
    """The alarm threshold c = r / b of one tested column.

    updates_per_month: r, the most updates expected in a month, over the whole station. share: b, the false alarms per month this column may
    cause. Then E[false alarms in T updates] <= T / c, so at most b a month (Shin, Ramdas, Rinaldo 2024, arXiv 2203.03532), and the
    bounds add over columns whatever their dependence. At least 1. Raises ParameterError.
    """
    if not (math.isfinite(updates_per_month) and updates_per_month > 0):
        raise ParameterError(f"updates per month must be positive and finite, got {updates_per_month}")
    if not (math.isfinite(share) and share > 0):
        raise ParameterError(f"share of the budget must be positive and finite, got {share}")
    return max(1.0, updates_per_month / share)


def station_shares(budget: float, outcome_share: float, columns: int) -> tuple[float, float]:
    """(share of each channel, share of the outcome test), false alarms per month; together they use the budget exactly.

    budget: B, false alarms per station and month. outcome_share: the fraction of B the outcome test gets. columns: channels that
    share the rest equally; with 0 columns the channels' share is 0 and nothing is handed on. Raises ParameterError.
    """
    if not (math.isfinite(budget) and budget > 0):
        raise ParameterError(f"budget must be positive and finite, got {budget}")
    if not 0 <= outcome_share < 1:
        raise ParameterError(f"outcome share must be in [0, 1), got {outcome_share}")
    if columns < 0:
        raise ParameterError(f"columns must not be negative, got {columns}")
    outcome = budget * outcome_share
    return ((budget - outcome) / columns if columns else 0.0, outcome)
