"""When a change began, from the companion e-CUSUMs of several bets."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.contract import Onset

LATENESS = 2.0
"""How much earlier than estimated a change may have begun, in multiples of the time from estimate to crossing.

On ramps the estimate lies about half-way between onset and crossing (tests/detectors/test_onset.py has the coverage)."""


def from_lows(lows: Sequence[int], lead: int, at: int, since: int) -> Onset:
    """The onset a crossing at label `at` points to.

    lows: per bet of the crossing's direction, the last label at which its e-CUSUM M <- max(1, M) e was <= 1. lead: the index in
    `lows` of the bet with most evidence. since: the last label before this evidence began. The estimate is the label after the
    lead's low (the last reset of a CUSUM, Page 1954; for M METHODS 1). It is late on small steps and on every ramp, so the
    interval reaches back by LATENESS, and at least to the earliest low; it ends at the latest low. It describes and orders, it
    bounds nothing.
    """
    estimate = min(lows[lead] + 1, at)
    earliest = min(min(lows) + 1, estimate - int(LATENESS * (at - estimate)))
    return Onset(
        estimate=estimate,
        earliest=min(max(earliest, since + 1), estimate),
        latest=max(min(max(lows) + 1, at), estimate),
    )
