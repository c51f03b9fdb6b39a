"""The figures of cases.toml: exact ones computed, run lengths simulated; and parts to simulate with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from scipy.special import betaincinv, betaln

from detectors.arl import bernoulli_shiryaev_roberts
from detectors.contract import FloatArray
from detectors.errors import ParameterError
from detectors.novelty.baseline import LEVEL, share_bound
from detectors.novelty.detector import Novelty

_NODES = 16  # 12 and 24 agree to three digits


def ps(rng: np.random.Generator, count: int, *, share: float) -> FloatArray:
    """Conformal p of parts, (count, 1), of which so large a share is novel."""
    novel = rng.random(count) < share
    return np.where(novel, rng.uniform(0.0, LEVEL, count), rng.uniform(LEVEL + 1e-9, 1.0, count))[:, None]


def false_alarm_factor(limit: float, times: float, threshold: float, calibration: int) -> float:
    """False alarms as multiples of 1 / threshold, per part, over baselines of so many calibration parts: exact, not simulated.

    One Bernoulli bet per part on `times` the limit; the true share novel is Beta(k, n + 1 - k), k = LEVEL (n + 1), and its run
    length that of the Markov chain; the mean over baselines by Gauss-Legendre on its density.
    """
    beyond = int(LEVEL * (calibration + 1) + 1e-9)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    a, b = beyond, calibration + 1 - beyond
    low, high = betaincinv(a, b, 1e-9), betaincinv(a, b, 1.0 - 1e-9)
    shares = low + (high - low) * (nodes + 1.0) / 2.0
    chances = weights * (high - low) / 2.0 * np.exp((a - 1) * np.log(shares) + (b - 1) * np.log1p(-shares) - betaln(a, b))
    lengths = np.array([bernoulli_shiryaev_roberts(limit, times * limit, threshold, float(share)) for share in shares])
    return float(chances @ (threshold / lengths))


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case.

    Keys: figure "share" (calibration) | "factor" (limit, 0 for the bound; times, threshold, calibration) | "delay" in parts after a
    change from `share` novel to `to` (threshold, repeats, seed, 2,000 parts in control before) | "false_alarms" per 100,000 blocks
    at the bound (threshold, parts, seed). Raises ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    if case["figure"] == "share":
        return share_bound(int(number["calibration"]))
    if case["figure"] == "factor":
        calibration = int(number["calibration"])
        return false_alarm_factor(number["limit"] or share_bound(calibration), number["times"], number["threshold"], calibration)
    rng, bound = np.random.default_rng(int(number["seed"])), share_bound(2_000)
    if case["figure"] == "false_alarms":
        count = int(number["parts"])
        detector = Novelty(bound, number["threshold"])
        return len(detector.update(ps(rng, count, share=bound), np.arange(count, dtype=np.int64))) / (count / 25) * 1e5
    if case["figure"] == "delay":
        delays = []
        for _ in range(int(number["repeats"])):
            detector = Novelty(bound, number["threshold"])
            detector.update(ps(rng, 2_000, share=number["share"]), np.full(2_000, -1, np.int64))
            delays.append(delay(detector, rng, number["to"]))
        return float(np.mean(delays))
    raise ParameterError(f"figure must be share, factor, delay or false_alarms, got {case['figure']}")


def delay(detector: Novelty, rng: np.random.Generator, to: float) -> int:
    """Parts until it crosses once so large a share is novel; 100,000 when it has not by then."""
    for done in range(0, 100_000, 500):
        crossings = detector.update(ps(rng, 500, share=to), np.arange(done + 1, done + 501, dtype=np.int64))
        if crossings:
            return crossings[0].at
    return 100_000
