"""What a monitor of the found share makes of the same outcomes: a Bernoulli CUSUM on them as they arrive.

It is told the share found in control, which no plant knows, and has its limit from independent outcomes of that share.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from benchmarks.simulated.sixty.history import Script

FACTOR = 2.0  # the rise it looks for
ARL0 = 36_000.0  # outcomes to a false alarm, as in METHODS 3


def alarms(script: Script, share: float) -> int:
    """How often it alarms on a script's outcomes after commissioning; it starts anew each time."""
    last = {
        look.k: look for look in script.looks if look.k >= script.world.commissioning
    }  # a find counts as the second look has it
    arrived = sorted(last.values())
    return _run(np.array([look.defective for look in arrived]), share, limit(round(share, 5)))


@lru_cache(maxsize=16)
def limit(share: float) -> float:
    """Its limit: so that independent outcomes alarm once in ARL0."""
    outcomes = np.random.default_rng(6).random(4_000_000) < share
    low, high = 0.5, 20.0
    for _ in range(12):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _run(outcomes, share, middle) > len(outcomes) / ARL0 else (low, middle)
    return high


def _run(bad: np.ndarray, share: float, limit: float) -> int:
    up, down = math.log(FACTOR), math.log((1.0 - FACTOR * share) / (1.0 - share))
    finds = np.flatnonzero(bad)
    total, before, count = 0.0, -1, 0
    for at in finds.tolist():
        total = max(0.0, total + (at - before - 1) * down) + up
        before = at
        if total >= limit:
            count, total = count + 1, 0.0
    return count
