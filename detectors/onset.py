"""When a change began, from the companion e-CUSUMs of several bets."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.contract import Onset


def from_lows(lows: Sequence[int], lead: int, at: int) -> Onset:
    """The onset a crossing at label `at` points to.

    lows: per bet of the crossing's direction, the last label at which its e-CUSUM M <- max(1, M) e was <= 1.
    lead: the index in `lows` of the bet with most evidence. The estimate is the label after the lead's low (the last reset of a
    CUSUM, Page 1954; for M METHODS 1); the interval spans the bets. On ramps and small steps even the earliest low is late: the
    interval describes and orders, it bounds nothing.
    """
    estimate = min(lows[lead] + 1, at)
    return Onset(estimate=estimate, earliest=min(min(lows) + 1, estimate), latest=max(min(max(lows) + 1, at), estimate))
