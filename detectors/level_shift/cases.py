"""The figures of cases.toml, measured by simulation: columns are independent repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from detectors.errors import ParameterError
from detectors.level_shift.detector import LevelShift


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case: mean delay in updates of a shift of N(0, 1), or false alarms per 100,000 updates in control.

    Keys: figure "delay" | "false_alarms", threshold, epsilon, inflation, repeats, seed; for a delay shift and warm_up (rows in
    control before it, whose crossings restart the column), for false alarms rows. Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    rng, repeats = np.random.default_rng(int(number["seed"])), int(number["repeats"])
    detector = LevelShift(*(np.full(repeats, number[name]) for name in ("epsilon", "inflation", "threshold")))
    if case["figure"] == "delay":
        return _mean_delay(detector, rng, number["shift"], int(number["warm_up"]))
    if case["figure"] == "false_alarms":
        rows = int(number["rows"])
        crossings = sum(len(_fold(detector, rng.standard_normal((1, repeats)), t)) for t in range(rows))
        return crossings / (rows * repeats) * 1e5
    raise ParameterError(f"figure must be delay or false_alarms, got {case['figure']}")


def _mean_delay(detector: LevelShift, rng: np.random.Generator, shift: float, warm_up: int) -> float:
    columns = detector.columns
    for t in range(-warm_up, 0):
        _fold(detector, rng.standard_normal((1, columns)), t)
    delays = np.zeros(columns)
    t = 0
    while not delays.all():
        for column in _fold(detector, rng.standard_normal((1, columns)) + shift, t):
            delays[column] = delays[column] or t + 1
        t += 1
    return float(delays.mean())


def _fold(detector: LevelShift, row: np.ndarray[tuple[int, ...], np.dtype[np.float64]], t: int) -> list[int]:
    return [crossing.column for crossing in detector.update(row, np.array([t], np.int64))]
