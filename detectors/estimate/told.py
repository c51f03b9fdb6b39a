"""Shares of parts of which only some were looked at, nobody knows by what choice: bounds that need not know it."""

from __future__ import annotations

import math

from detectors.errors import ParameterError
from detectors.estimate.rate import Interval, Tally, lower_bound


def told_share(made: int, bad: int, good: int, *, confidence: float = 0.95) -> Interval:
    """The share of bad parts among `made`, of which `bad` and `good` were told to be so and the others are unknown.

    The worst case in both directions (Manski 2003, "Partial Identification of Probability Distributions", ch. 1): at least the told
    bad ones are bad, and at most all but the told good ones. Each bound has half of what the confidence leaves and holds at every
    moment, whoever chose what was looked at; where all were, it is the interval of a census. The estimate takes the told ones for
    all. Raises ParameterError.
    """
    if bad < 0 or good < 0 or bad + good > made:
        raise ParameterError(f"of {made} parts, {bad} bad and {good} good ones cannot have been told")
    estimate = bad / (bad + good) if bad + good else math.nan
    bad_share, good_share = (lower_bound(Tally.census(made, told), floor=1.0, confidence=confidence) for told in (bad, good))
    return Interval(estimate, bad_share, 1.0 - good_share)
