"""How long a failure mode could be missed too often before the challenge parts say so."""

from __future__ import annotations

import math

import numpy as np

from detectors.arl import bernoulli_shiryaev_roberts
from detectors.challenge.bets import BETS, alternatives
from detectors.errors import ParameterError


def presentations_until_found(limit: float, threshold: float, rate: float) -> float:
    """Mean presentations of a mode until `Challenge` alarms once its miss rate is `rate`, at most; infinite at or below the limit.

    The evidence is the mean over the bets, so it crosses no later than any one of them would cross BETS times the threshold alone:
    the least of their run lengths, each from evidence 0 and without simulation (`arl.bernoulli_shiryaev_roberts`), is never less
    than the truth (up to 46 % more for small rises, a few for large ones: README.md). Raises ParameterError.
    """
    if rate <= limit:
        return math.inf
    rates = alternatives(np.array([limit]))[:, 0].tolist()
    return min(bernoulli_shiryaev_roberts(limit, q, BETS * threshold, rate) for q in rates)


def days_until_found(limit: float, threshold: float, rate: float, per_day: float) -> float:
    """The same in days, at so many presentations of the mode a day: the blind spot of a challenge plan. Raises ParameterError."""
    if per_day < 0.0:
        raise ParameterError(f"presentations a day must not be negative, got {per_day}")
    return presentations_until_found(limit, threshold, rate) / per_day if per_day else math.inf
