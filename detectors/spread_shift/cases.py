"""The figures of cases.toml, measured by simulation or by numerical integration; columns are independent repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from detectors.contract import FloatArray
from detectors.errors import ParameterError
from detectors.spread_shift.bets import NARROWER, PRICES, SLOPES, Z_LIMIT
from detectors.spread_shift.detector import SpreadShift


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case: mean delay in updates, false alarms per 100,000 updates in control, or the largest mean of any bet.

    Keys: figure "delay" | "false_alarms" | "mean", narrowest, widest; for the first two threshold, repeats, seed, mean (of z), sd;
    for a delay warm_up (rows of N(0, 1) before it), for false alarms rows; a mean is taken over every normal z whose second moment
    is narrowest or widest. Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    if case["figure"] == "mean":
        return _largest_mean(number["narrowest"], number["widest"])
    rng, repeats = np.random.default_rng(int(number["seed"])), int(number["repeats"])
    detector = SpreadShift(*(np.full(repeats, number[name]) for name in ("narrowest", "widest", "threshold")))

    def rows(count: int) -> FloatArray:
        return rng.standard_normal((count, repeats)) * number["sd"] + number.get("mean", 0.0)

    if case["figure"] == "false_alarms":
        length = int(number["rows"])
        alarms = sum(len(detector.update(rows(50), np.arange(t, t + 50))) for t in range(0, length, 50))
        return alarms / (length * repeats) * 1e5
    if case["figure"] == "delay":
        detector.update(rng.standard_normal((int(number["warm_up"]), repeats)), np.arange(int(number["warm_up"])))
        delays = np.zeros(repeats)
        start = t = int(number["warm_up"])
        while not delays.all():
            for crossing in detector.update(rows(50), np.arange(t, t + 50)):
                delays[crossing.column] = delays[crossing.column] or crossing.at - start + 1
            t += 50
        return float(delays.mean())
    raise ParameterError(f"figure must be delay, false_alarms or mean, got {case['figure']}")


def _largest_mean(narrowest: float, widest: float) -> float:
    """The largest E[e] of any bet over N(m, v) with m^2 + v at an end of the allowed, m from 0 to all of it, by integration."""
    x = np.linspace(-12.0, 12.0, 20_001)
    density = np.exp(-x * x / 2.0)
    density /= density.sum()
    largest = 0.0
    for second in (narrowest, widest):
        for share in np.linspace(0.0, 0.99, 34):
            z = np.clip(np.sqrt(second * share) + np.sqrt(second * (1.0 - share)) * x, -Z_LIMIT, Z_LIMIT)
            for j, (slope, price) in enumerate(zip(SLOPES, PRICES, strict=True)):
                allowed = narrowest if j < NARROWER else widest
                largest = max(largest, float(density @ np.exp(slope * z * z / allowed - price)))
    return largest
