"""The figures of cases.toml: exact ones computed, run lengths simulated; columns are independent repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from detectors.challenge.blind_spot import presentations_until_found
from detectors.challenge.detector import Challenge
from detectors.challenge.verification import clean_needed
from detectors.errors import ParameterError


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case.

    Keys: figure "clean_needed" (limit, level) | "bound" (limit, threshold, rate: presentations until found, at most) | "delay" (the
    same by simulation from evidence 0, with repeats, seed) | "false_alarms" per 100,000 presentations at the limit itself (rows,
    repeats, seed). Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    if case["figure"] == "clean_needed":
        return clean_needed(number["limit"], number["level"])
    if case["figure"] == "bound":
        return presentations_until_found(number["limit"], number["threshold"], number["rate"])
    repeats, rng = int(number["repeats"]), np.random.default_rng(int(number["seed"]))
    detector = Challenge(np.full(repeats, number["limit"]), np.full(repeats, number["threshold"]))
    if case["figure"] == "delay":
        delays = np.zeros(repeats)
        t = 0
        while not delays.all():
            missed = (rng.random((16, repeats)) < number["rate"]).astype(np.float64)
            for crossing in detector.update(missed, np.arange(t + 1, t + 17, dtype=np.int64)):
                delays[crossing.column] = delays[crossing.column] or crossing.at
            t += 16
        return float(delays.mean())
    if case["figure"] == "false_alarms":
        rows = int(number["rows"])
        missed = (rng.random((rows, repeats)) < number["limit"]).astype(np.float64)
        return len(detector.update(missed, np.arange(rows, dtype=np.int64))) / (rows * repeats) * 1e5
    raise ParameterError(f"figure must be clean_needed, bound, delay or false_alarms, got {case['figure']}")
