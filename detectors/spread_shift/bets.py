"""The bets on a column's spread: likelihood ratios of N(0, s^2) against N(0, 1), of z over the spread that is allowed."""

from __future__ import annotations

import numpy as np

SPREADS = (0.7, 1.5, 2.0)
"""s of each bet (METHODS 6): the first finds columns that vary less, the others columns that vary more."""
NARROWER = 1
"""So many bets, the first, are on less spread."""
Z_LIMIT = 5.0
"""Scores beyond this are taken as this: one part proves no more than exp(9), and all products stay finite."""
SLOPES = np.array([(1.0 - 1.0 / (s * s)) / 2.0 for s in SPREADS])
"""What a unit of z^2 adds to log e."""
PRICES = np.log(SPREADS)
"""What every row takes from it."""
WIDER_SEEN = float(PRICES[NARROWER] / SLOPES[NARROWER])
"""A second moment this many times the widest allowed is where the first bet on more begins to win: 1.46, an sd of 1.21."""
NARROWER_SEEN = float(PRICES[0] / SLOPES[0])
"""And this many times the narrowest allowed on less: 0.69, an sd of 0.83."""
