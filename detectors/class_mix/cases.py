"""The figures of cases.toml, measured by simulation; and blocks to simulate with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from detectors.class_mix.baseline import MixBaseline, fit
from detectors.class_mix.detector import ClassMix
from detectors.contract import FloatArray
from detectors.errors import ParameterError

PARTS = 200


def blocks(rng: np.random.Generator, count: int, *, shares: Sequence[float], correlation: float, parts: int = PARTS) -> FloatArray:
    """Dirichlet-multinomial blocks, (count, K): each block's shares are drawn anew, with so much correlation within it."""
    if correlation > 0.0:
        alpha = np.array(shares) * (1.0 / correlation - 1.0)
        drawn = rng.standard_gamma(alpha, (count, len(shares)))
        p = drawn / drawn.sum(axis=1, keepdims=True)
    else:
        p = np.tile(np.array(shares) / np.sum(shares), (count, 1))
    return np.ascontiguousarray(rng.multinomial(parts, p), dtype=np.float64)


def measure(case: Mapping[str, object]) -> float:
    """The figure of one case: blocks until a changed mix is found (mean), or false alarms per 100,000 column-updates in control.

    Keys: figure "delay" | "false_alarms", threshold, correlation, shares and for a delay to (shares of the baseline's classes, then
    of others; list), baseline (blocks learned from), repeats, seed, blocks (in control: watched, or before the change). Raises
    ParameterError.
    """
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    shares = cast("list[float]", case["shares"])
    rng = np.random.default_rng(int(number["seed"]))
    figures: list[float] = []
    for _ in range(int(number["repeats"])):
        known = learned(rng, int(number["baseline"]), shares=shares, correlation=number["correlation"])
        detector = ClassMix(known, np.full(len(known.rates), number["threshold"]))
        watched = int(number["blocks"])
        rows = blocks(rng, watched, shares=shares, correlation=number["correlation"])
        alarms = len(detector.update(rows, np.arange(watched, dtype=np.int64)))
        if case["figure"] == "false_alarms":
            figures.append(alarms / sum(watched // rate.group for rate in known.rates) * 1e5)
        elif case["figure"] == "delay":
            figures.append(delay(detector, rng, to=cast("list[float]", case["to"]), correlation=number["correlation"]))
        else:
            raise ParameterError(f"figure must be delay or false_alarms, got {case['figure']}")
    return float(np.mean(figures))


def learned(rng: np.random.Generator, count: int, *, shares: Sequence[float], correlation: float) -> MixBaseline:
    """A baseline of so many blocks in control; the last of the shares, of other classes, must be 0."""
    return fit(blocks(rng, count, shares=shares, correlation=correlation)[:, :-1].copy(), tolerance=0.1)


def delay(detector: ClassMix, rng: np.random.Generator, *, to: Sequence[float], correlation: float) -> int:
    """Blocks until any column crosses once the shares are `to`, the last one counted; 4,000 when none has by then."""
    for done in range(0, 4000, 16):
        crossings = detector.update(
            blocks(rng, 16, shares=to, correlation=correlation), np.arange(done + 1, done + 17, dtype=np.int64)
        )
        if crossings:
            return crossings[0].at
    return 4000
