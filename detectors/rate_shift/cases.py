"""The figures of cases.toml, measured by simulation; and blocks to simulate with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from detectors.contract import FloatArray
from detectors.errors import BaselineRefused, ParameterError
from detectors.rate_shift.baseline import RateBaseline, fit
from detectors.rate_shift.detector import RateShift

PARTS = 200


def blocks(rng: np.random.Generator, count: int, *, rate: float, correlation: float, parts: int = PARTS) -> FloatArray:
    """Beta-binomial blocks (rejects, parts), (count, 2): each block's rate is drawn anew, with so much correlation within it."""
    shares = np.full(count, rate)
    if correlation > 0.0 and 0.0 < rate < 1.0:
        total = 1.0 / correlation - 1.0
        shares = rng.beta(rate * total, (1.0 - rate) * total, count)
    return np.column_stack([rng.binomial(parts, shares), np.full(count, parts)]).astype(np.float64)


def learned(rng: np.random.Generator, count: int, *, rate: float, correlation: float, tolerance: float = 0.1) -> RateBaseline:
    """A baseline of so many blocks in control; where that is refused, of twice, then of four times as many, as the agent does."""
    rows = blocks(rng, 4 * count, rate=rate, correlation=correlation)
    for stretch in (count, 2 * count):
        try:
            return fit(rows[:stretch], tolerance=tolerance)
        except BaselineRefused:
            continue
    return fit(rows, tolerance=tolerance)


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case: mean delay in blocks, or false alarms per 100,000 blocks in control.

    Keys: figure "delay" | "false_alarms", threshold, rate, correlation, baseline (blocks learned from, 0: the null's upper corner
    itself), repeats, seed; for a delay to (the rate after the change) and warm_up (blocks in control before it); for false alarms
    blocks. Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    rng = np.random.default_rng(int(number["seed"]))
    rate, correlation = number["rate"], number["correlation"]
    figures: list[float] = []
    for _ in range(int(number["repeats"])):
        size = int(number["baseline"])
        known = learned(rng, size, rate=rate, correlation=correlation) if size else exact(rate, correlation)
        detector = RateShift(known, number["threshold"])
        if case["figure"] == "delay":
            fold(detector, blocks(rng, int(number["warm_up"]), rate=rate, correlation=correlation), known.group)
            figures.append(delay(detector, rng, to=number["to"], correlation=correlation, group=known.group))
        elif case["figure"] == "false_alarms":
            crossings = fold(detector, blocks(rng, int(number["blocks"]), rate=rate, correlation=correlation), known.group)
            figures.append(len(crossings) / number["blocks"] * 1e5)
        else:
            raise ParameterError(f"figure must be delay or false_alarms, got {case['figure']}")
    return float(np.mean(figures))


def exact(rate: float, correlation: float) -> RateBaseline:
    """The baseline at whose upper corner such blocks lie: nothing is left to spare."""
    return RateBaseline(rate=rate, low=rate / 1.2, high=rate, correlation=correlation, group=1, blocks=1_000_000)


def fold(detector: RateShift, rows: FloatArray, group: int) -> list[int]:
    """Labels (blocks before `rows` was cut into groups, from 0) at which it crossed."""
    count = len(rows) // group
    together = np.ascontiguousarray(rows[: count * group].reshape(count, group, 2).sum(axis=1))
    return [c.at for c in detector.update(together, np.arange(1, count + 1, dtype=np.int64) * group - 1)]


def delay(detector: RateShift, rng: np.random.Generator, *, to: float, correlation: float, group: int) -> int:
    """Blocks until it crosses once the rate is `to`, the last one counted; 4,000 when it has not by then."""
    step = 8 * group
    for done in range(0, 4000, step):
        at = fold(detector, blocks(rng, step, rate=to, correlation=correlation), group)
        if at:
            return done + at[0] + 1
    return 4000
