"""Simulated streams by permanent id: what a line looks like in control, and what may change about it."""

from __future__ import annotations

import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_SLOW = 0.99
_SETTLE = 1_000  # parts before the first one, so that what wanders is in its stationary state


@dataclass(frozen=True)
class Null:
    """A stream in control; the fields are those of scenarios.toml."""

    name: str
    phi: float = 0.0
    slow: float = 0.0
    tails: str = "normal"
    factor: float = 0.0
    quantum: float = 0.0
    cycle: float = 0.0
    period: int = 1
    offset: float = 0.0
    run: int = 0
    refuse: bool = False


@dataclass(frozen=True)
class Change:
    """What happens at an onset; the fields are those of scenarios.toml."""

    name: str
    level: float = 0.0
    ramp: float = 0.0
    spread: float = 1.0
    cycle: float = 0.0
    period: int = 1
    channels: int = 0  # how many change, 0 for all

    def apply(self, x: FloatArray, since: int = 0) -> FloatArray:
        """Rows x, (T, C), in control, as they are when the first of them is `since` parts after the onset."""
        t = since + np.arange(1, len(x) + 1)[:, None]
        added = self.level + self.ramp * t / 1_000.0 + self.cycle * np.sin(2.0 * np.pi * t / self.period)
        if not self.channels:
            return x * self.spread + added
        y = x.copy()
        y[:, : self.channels] = x[:, : self.channels] * self.spread + added
        return y


def load() -> tuple[dict[str, Null], dict[str, Change]]:
    """The registry: nulls and changes by id."""
    tables = tomllib.loads((Path(__file__).parent / "scenarios.toml").read_text(encoding="utf-8"))
    nulls = {name: Null(name, **fields) for name, fields in tables["null"].items()}
    return nulls, {name: Change(name, **fields) for name, fields in tables["change"].items()}


class Source:
    """Rows of a null stream, piece after piece. The seed is scenario id and repeat, so that every detector sees the same."""

    def __init__(self, null: Null, channels: int, repeat: int) -> None:
        self._null, self._channels = null, channels
        self._rng = np.random.default_rng([zlib.crc32(null.name.encode()), repeat])
        self._last = np.zeros((1, channels))  # the filter's memory, of the AR and of the slow part
        self._last_slow = np.zeros((1, channels))
        self._t = 0
        self._levels = np.zeros(channels)
        self._phase = self._rng.uniform(0.0, 2.0 * np.pi, channels)
        if null.phi or null.slow:
            self._noise(_SETTLE)

    def take(self, rows: int) -> tuple[FloatArray, IntArray]:
        """The next rows, (T, C), and the run each belongs to, (T,)."""
        null = self._null
        x = self._noise(rows)
        t = self._t + np.arange(rows)
        if null.cycle:
            x += null.cycle * np.sin(2.0 * np.pi * t[:, None] / null.period + self._phase)
        runs = t // null.run if null.run else np.zeros(rows, dtype=np.int64)
        if null.offset:
            for run in np.unique(runs):
                of_run = runs == run
                if t[of_run][0] % null.run == 0:
                    self._levels = null.offset * self._rng.standard_normal(self._channels)
                x[of_run] += self._levels
        if null.quantum:
            x = np.round(x / null.quantum) * null.quantum
        self._t += rows
        return x, runs

    def _noise(self, rows: int) -> FloatArray:
        null, shape = self._null, (rows, self._channels)
        x = self._draws(shape)
        if null.factor:
            x = np.sqrt(1.0 - null.factor) * x + np.sqrt(null.factor) * self._draws((rows, 1))
        if null.phi:
            x, self._last = _ar(x, null.phi, self._last)
        if null.slow:
            wander, self._last_slow = _ar(self._rng.standard_normal(shape), _SLOW, self._last_slow)
            x = np.sqrt(1.0 - null.slow) * x + np.sqrt(null.slow) * wander
        return x

    def _draws(self, shape: tuple[int, int]) -> FloatArray:
        rng = self._rng
        match self._null.tails:
            case "normal":
                return rng.standard_normal(shape)
            case "t4":
                return rng.standard_t(4, shape) / np.sqrt(2.0)
            case "lognormal":
                s2 = 0.25
                return (np.exp(0.5 * rng.standard_normal(shape)) - np.exp(s2 / 2.0)) / np.sqrt((np.exp(s2) - 1.0) * np.exp(s2))
            case "gamma":
                return (rng.standard_gamma(2.0, shape) - 2.0) / np.sqrt(2.0)
        raise ValueError(f"tails must be normal, t4, lognormal or gamma, got {self._null.tails}")


def _ar(noise: FloatArray, phi: float, last: FloatArray) -> tuple[FloatArray, FloatArray]:
    """An AR(1) of variance 1 driven by the noise, and the filter's memory after it."""
    return lfilter([np.sqrt(1.0 - phi * phi)], [1.0, -phi], noise, axis=0, zi=last)
