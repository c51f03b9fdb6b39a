"""How many audits it would take to find that more bad parts pass than claimed."""

from __future__ import annotations

import math

import numpy as np

from detectors.arl import shiryaev_roberts_chain
from detectors.contract import FloatArray
from detectors.errors import ParameterError
from detectors.outcome_gap.detector import BETS, bets

CLASSES = 4
"""Claims are taken as so many classes of equal weight, each at its mean."""


def audits_until_found(claims: FloatArray, threshold: float, share: float) -> float:
    """Mean audits until `OutcomeGap` alarms once a share of the audited passes is bad, at most; infinite where it never would.

    claims: of audited parts, (N,), in (0, 1]: the score mix; the bad ones come among them whatever their claim, the others are
    good, since claims are upper bounds. The evidence is the mean over the bets, so it crosses no later than any one of them would
    cross BETS times the threshold alone: the least of their run lengths from evidence 0, never less than the truth. Raises
    ParameterError.
    """
    if claims.ndim != 1 or not claims.size or not 0.0 < share <= 1.0:
        raise ParameterError(f"need some claims (N,) and a share in (0, 1], got shape {claims.shape} and {share}")
    mix = np.array([part.mean() for part in np.array_split(np.sort(claims), min(CLASSES, claims.size))])
    good, bad = (bets(mix, np.full(mix.size, outcome))[:, :, 0] for outcome in (0.0, 1.0))
    chances = np.concatenate([np.full(mix.size, (1.0 - share) / mix.size), np.full(mix.size, share / mix.size)])
    lengths = []
    for bet in range(BETS):
        e = np.concatenate([good[:, bet], bad[:, bet]])
        if float(chances @ np.log(e)) > 0.0:
            lengths.append(shiryaev_roberts_chain(chances, e, BETS * threshold))
    return min(lengths, default=math.inf)
