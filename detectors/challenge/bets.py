"""E-values of presentations of challenge parts."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray

ODDS = (4.0, 16.0, 64.0, 256.0)
"""The odds of a miss are this many times those of the limit: from "a little worse" to "finds nothing any more"."""
BETS = len(ODDS)


def alternatives(limits: FloatArray) -> FloatArray:
    """Miss rates bet on, (BETS, K), for limits (K,) in (0, 1): the odds of each limit times ODDS."""
    odds = np.array(ODDS)[:, None]
    rates: FloatArray = odds * limits / (1.0 - limits + odds * limits)
    return rates


def bets(missed: FloatArray, limits: FloatArray) -> FloatArray:
    """E-values (T, BETS, K) of presentations (T, K), 1 missed, 0 found, NaN not presented (there e = 1).

    e = (q/p)^y ((1 - q)/(1 - p))^(1 - y) with p the limit. Its mean at a true rate m is 1 + (m - p)(q - p) / (p (1 - p)) <= 1 for
    m <= p.
    """
    odds = np.array(ODDS)[:, None]
    y = missed[:, None, :]
    scale = 1.0 - limits + odds * limits  # q/p = odds / scale, (1 - q)/(1 - p) = 1 / scale
    e = np.where(y == 1.0, odds / scale, 1.0 / scale)
    e[np.broadcast_to(np.isnan(y), e.shape)] = 1.0
    return e
