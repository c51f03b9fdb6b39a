"""The figures of cases.toml, measured by simulation; and lamps to simulate with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from detectors.contract import FloatArray
from detectors.errors import ParameterError
from detectors.trend.detector import TimeToLimit, Trend

LIMIT = 0.7
"""L70: the share of its first light at which a lamp is worn out."""


@dataclass(frozen=True)
class Lamp:
    """How a lamp ages and what its day means show of it.

    shape: "linear", "exponential", or "accelerating" (square of the age). days: from new to LIMIT. noise: standard deviation of
    the day means, as a share, of which `serial` (a share of the variance) is AR(1) with phi, the rest a new offset every day.
    steps: days between cleanings, each of which moves the level by N(0, step) for good; 0 none.
    """

    shape: str
    days: float
    noise: float
    phi: float
    serial: float
    steps: int = 0
    step: float = 0.0

    def light(self, day: FloatArray) -> FloatArray:
        """Its true light, as a share of the first."""
        share = day / self.days
        if self.shape == "exponential":
            return np.asarray(LIMIT**share)
        return np.asarray(1.0 - (1.0 - LIMIT) * (share**2 if self.shape == "accelerating" else share))

    def left(self, age: int, factor: float) -> float:
        """True days left, the level having been moved to `factor` times the lamp's by what happened so far."""
        target = LIMIT / factor
        if self.shape == "exponential":
            return self.days * math.log(target) / math.log(LIMIT) - age
        worn = (1.0 - target) / (1.0 - LIMIT)
        return self.days * (math.sqrt(max(worn, 0.0)) if self.shape == "accelerating" else worn) - age


def watched(
    rng: np.random.Generator, lamp: Lamp, age: int, *, declared: bool = True, horizon: float = 20.0
) -> tuple[TimeToLimit, float]:
    """What a detector says of a lamp of so many days (of the last 90 of them), and the days it truly has left."""
    first = max(0, age - 90)
    days = np.arange(first + 1, age + 1, dtype=np.float64)
    serial = np.zeros(days.size)
    value = float(rng.standard_normal())
    for i in range(days.size):
        serial[i] = value
        value = lamp.phi * value + math.sqrt(1.0 - lamp.phi**2) * float(rng.standard_normal())
    noise = lamp.noise * (math.sqrt(lamp.serial) * serial + math.sqrt(1.0 - lamp.serial) * rng.standard_normal(days.size))
    detector = Trend(np.array([LIMIT]), np.array([-1]), np.array([horizon]), np.array([1000.0]), np.array([True]))
    factor = 1.0
    phase = int(rng.integers(lamp.steps)) if lamp.steps else 0
    for day, light, error in zip(days.tolist(), lamp.light(days).tolist(), noise.tolist(), strict=True):
        if lamp.steps and int(day) % lamp.steps == phase:
            factor *= math.exp(lamp.step * float(rng.standard_normal()))
            if declared:
                detector.step(0)
        detector.update(np.array([[light * factor * math.exp(error)]]), np.array([int(day)], np.int64))
    return detector.time_to_limit(0), lamp.left(age, factor)


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case.

    Keys: figure "coverage" (share of lamps whose interval holds the truth; shape, phi, steps, repeats, seed) | "false_alarms" per
    100,000 decisions on a channel at its limit that stays there (phi, threshold, days, repeats, seed). Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    rng, repeats = np.random.default_rng(int(number["seed"])), int(number["repeats"])
    if case["figure"] == "coverage":
        held = []
        for _ in range(repeats):
            days = float(rng.uniform(100.0, 700.0))
            lamp = Lamp(str(case["shape"]), days, 0.005, number["phi"], 1.0, int(number["steps"]), 0.01)
            found, left = watched(rng, lamp, max(30, int(days * float(rng.uniform(0.3, 0.95)))))
            held.append(found.earliest <= max(left, 0.0) <= found.latest)
        return float(np.mean(held))
    if case["figure"] == "false_alarms":
        days, phi = int(number["days"]), number["phi"]
        x = np.empty((days, repeats))
        value = rng.standard_normal(repeats)
        for t in range(days):
            x[t] = value
            value = phi * value + math.sqrt(1.0 - phi**2) * rng.standard_normal(repeats)
        limits, ones = np.zeros(repeats), np.ones(repeats)
        detector = Trend(limits, ones.astype(np.int64), 20.0 * ones, number["threshold"] * ones, np.zeros(repeats, np.bool_))
        return len(detector.update(x, np.arange(days, dtype=np.int64))) / (repeats * days / 5) * 1e5
    raise ParameterError(f"figure must be coverage or false_alarms, got {case['figure']}")
