"""Trend: will slow ageing reach a limit within the horizon, and if not, when?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, Onset, OracleResult, SavedState
from detectors.errors import ParameterError, ShapeError
from detectors.evidence import CLIP
from detectors.trend.line import WIDEN, Line, beyond, meets, through

BLOCK_DAYS = 5
"""Day means taken together, the least and the greatest of them left out: a bad day has no say, and the blocks hardly depend."""
BLOCKS = 16
"""The line goes through at most so many blocks, 80 production days: ageing is straight enough for so long."""
MIN_BLOCKS = 5
"""For an interval."""
MIN_TEST_BLOCKS = 8
"""For the test: of fewer the scatter is too uncertain to go far into its tail (README.md)."""
LEVEL = 0.95
"""Of the interval of the time to the limit, for either shape of the ageing."""
# Informative: the interval is no wider than the estimate, or than two blocks. The slope's error may then be about 0.4 of it.
_SLOPE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class TimeToLimit:
    """When a channel reaches its limit, in production days from the last one, and the 95 % interval.

    slope: a day, in the channel's unit. estimate, earliest, latest: infinite where it never does; 0 where it has. more_days: how
    many more would make it informative, 0 where it is; infinite where none would, as no ageing is seen: then only `earliest` says
    anything.
    """

    slope: float
    estimate: float
    earliest: float
    latest: float
    more_days: float

    @property
    def is_informative(self) -> bool:
        """Whether the interval is narrow enough to plan by; if not, it is "not informative yet"."""
        return self.more_days == 0.0


class Trend:
    """Straight lines through the day means of K channels, and the test "`horizon` days ahead the line is not beyond the limit".

    Input rows: day means (T, K) in the channel's unit, one row per production day, NaN = not measured. limits, horizons (days, >
    0), thresholds: (K,); directions: (K,), +1 where the limit lies above, -1 below; decaying: (K,), whether it is an intensity,
    positive, that may die away exponentially. A decision every BLOCK_DAYS measured days; evidence is 1 / p of the last one, not a
    product, so that E[false alarms in T decisions] <= T / c is the Bonferroni sum over decisions, whatever their dependence.
    Raises ShapeError, ParameterError.
    """

    def __init__(
        self, limits: FloatArray, directions: IntArray, horizons: FloatArray, thresholds: FloatArray, decaying: BoolArray
    ) -> None:
        if thresholds.ndim != 1:
            raise ShapeError(f"thresholds must have shape (K,), got {thresholds.shape}")
        count = thresholds.shape[0]
        self._limits, self._horizons = arrays.vector(limits, count, "limits"), arrays.vector(horizons, count, "horizons")
        self._thresholds = arrays.vector(thresholds, count, "thresholds")
        if directions.shape != (count,) or decaying.shape != (count,) or not np.isin(directions, (-1, 1)).all():
            raise ParameterError("directions must be +1 or -1 and decaying a truth value, per channel")
        if (self._horizons <= 0.0).any() or (self._thresholds < 1.0).any() or (self._limits[decaying] <= 0.0).any():
            raise ParameterError("horizons must be positive, thresholds at least 1, limits of what decays positive")
        self._directions, self._decaying = directions.astype(np.int64), decaying.astype(np.bool_)
        self._day = np.zeros(1)  # production days so far
        self._days, self._means = np.zeros((count, BLOCK_DAYS)), np.zeros((count, BLOCK_DAYS))  # of the open block
        self._filled, self._first = np.zeros(count, np.int64), np.zeros(count, np.int64)  # days in it, and its first label
        self._times, self._values = np.zeros((count, BLOCKS)), np.zeros((count, BLOCKS))  # of the blocks kept, the last at the end
        self._epochs, self._labels = np.zeros((count, BLOCKS), np.int64), np.zeros((count, BLOCKS), np.int64)
        self._kept, self._epoch = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._updates = np.zeros(count, np.int64)  # decisions since the last crossing
        self._evidence = np.zeros(count)

    @property
    def columns(self) -> int:
        """Channels, K."""
        return int(self._limits.shape[0])

    @property
    def evidence(self) -> FloatArray:
        """1 / p of the last decision, (K,), a copy; 0 before the first and after a crossing."""
        return self._evidence.copy()

    @property
    def thresholds(self) -> FloatArray:
        """Alarm thresholds c, (K,), a copy: p <= 1 / c crosses."""
        return self._thresholds.copy()

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T production days, (T, K) float64, in order; at: labels (T,) int64.

        A row in which nothing was measured is no production day. A crossing's onset is the beginning of the line, its size the
        change along it, in the channel's unit. Raises ShapeError, and ParameterError for an intensity that is not positive.
        """
        x = arrays.finite_or_missing(arrays.rows(x, self.columns))
        labels = arrays.labels(at, x.shape[0]).tolist()
        if (x[:, self._decaying] <= 0.0).any():
            raise ParameterError("what decays must be positive")
        crossings = []
        for row, label in zip(x, labels, strict=True):
            measured = np.flatnonzero(~np.isnan(row)).tolist()
            self._day += bool(measured)
            crossings += [c for k in measured if (c := self._take(k, float(row[k]), label)) is not None]
        return crossings

    def step(self, k: int) -> None:
        """Channel k may have changed its level at once (cleaning, adjustment): its slope goes on, an open block is given up."""
        self._epoch[k] += 1
        self._filled[k] = 0

    def forget(self, k: int) -> None:
        """Channel k begins anew (another lamp)."""
        self._kept[k] = self._filled[k] = self._updates[k] = 0
        self._evidence[k] = 0.0

    def time_to_limit(self, k: int) -> TimeToLimit:
        """When channel k reaches its limit, by the blocks complete so far.

        The ageing may be straight, or (where it decays) exponential, or between: the estimate lies midway, the interval holds both.
        """
        shapes = [
            (line, limit) for log in ((False, True) if self._decaying[k] else (False,)) for line, limit in self._lines(k, log=log)
        ]
        if not shapes:
            wanted = MIN_BLOCKS - int(self._kept[k])
            more = float(max(wanted, 1) * BLOCK_DAYS - int(self._filled[k]))
            return TimeToLimit(math.nan, math.inf, 0.0, math.inf, more)
        direction, now = int(self._directions[k]), float(self._day[0])
        met = [meets(line, limit, direction, now, LEVEL) for line, limit in shapes]
        estimate = sum(one[0] for one in met) / len(met)
        earliest, latest = min(one[1] for one in met), max(one[2] for one in met)
        more = 0.0
        if not latest - earliest <= max(estimate, 2.0 * BLOCK_DAYS):
            more = _more_days(shapes[0][0], direction, int(self._kept[k]), int(self._filled[k]))
        return TimeToLimit(shapes[0][0].slope, estimate, earliest, latest, more)

    def is_due(self, k: int) -> bool:
        """Whether to advise: informative, and the limit may be reached within the horizon. No price is stated for this."""
        found = self.time_to_limit(k)
        return found.is_informative and found.earliest < float(self._horizons[k])

    def _take(self, k: int, mean: float, label: int) -> Crossing | None:
        filled = int(self._filled[k])
        if filled == 0:
            self._first[k] = label
        self._days[k, filled], self._means[k, filled] = self._day[0], mean
        self._filled[k] = filled + 1
        return self._close(k, label) if filled + 1 == BLOCK_DAYS else None

    def _close(self, k: int, label: int) -> Crossing | None:
        """A block is complete: keep it, and decide."""
        for kept, new in (
            (self._times, float(self._days[k].sum()) / BLOCK_DAYS),
            (self._values, float(np.sort(self._means[k])[1:-1].sum()) / (BLOCK_DAYS - 2)),
            (self._epochs, int(self._epoch[k])),
            (self._labels, int(self._first[k])),
        ):
            kept[k, :-1] = kept[k, 1:].copy()
            kept[k, -1] = new
        self._filled[k] = 0
        self._kept[k] = min(int(self._kept[k]) + 1, BLOCKS)
        lines = self._lines(k, log=bool(self._decaying[k]))  # of both shapes the later one
        if not lines or int(self._kept[k]) < MIN_TEST_BLOCKS:
            return None
        line, limit = lines[0]
        p = beyond(line, limit, int(self._directions[k]), float(self._day[0] + self._horizons[k]))
        threshold = float(self._thresholds[k])
        evidence = CLIP * threshold if p * CLIP * threshold <= 1.0 else 1.0 / p
        self._updates[k] += 1
        self._evidence[k] = evidence
        return self._crossing(k, label, evidence) if evidence >= threshold else None

    def _crossing(self, k: int, label: int, evidence: float) -> Crossing:
        first = int(self._labels[k, BLOCKS - int(self._kept[k])])
        line, _ = self._lines(k, log=False)[0]
        updates = int(self._updates[k])
        self._evidence[k], self._updates[k] = 0.0, 0
        return Crossing(
            column=k,
            at=label,
            evidence=evidence,
            threshold=float(self._thresholds[k]),
            updates=updates,
            onset=Onset(estimate=first, earliest=first, latest=label),
            direction=int(self._directions[k]),
            size=line.slope * float(self._day[0] - self._times[k, BLOCKS - int(self._kept[k])]),
        )

    def _lines(self, k: int, *, log: bool) -> list[tuple[Line, float]]:
        """The line through channel k's blocks (their logarithms) and its limit on that scale; none with too few blocks."""
        kept = int(self._kept[k])
        if kept < MIN_BLOCKS:
            return []
        y, limit = self._values[k, -kept:], float(self._limits[k])
        line = through(self._times[k, -kept:], np.log(y) if log else y, self._epochs[k, -kept:])
        return [] if line is None else [(line, math.log(limit) if log else limit)]

    def save(self) -> SavedState:
        """Copy of the whole state."""
        return {name: array.copy() for name, array in self._state().items()}

    def load(self, saved: SavedState) -> None:
        """Continue from a saved state. Raises ShapeError when it is not this detector's."""
        arrays.restore(self._state(), saved)

    def _state(self) -> dict[str, NDArray[np.generic]]:
        names = ("day", "days", "means", "filled", "first", "times", "values", "epochs", "labels", "kept", "epoch", "updates")
        return {name: getattr(self, f"_{name}") for name in names} | {"evidence": self._evidence}


def _more_days(line: Line, direction: int, kept: int, filled: int) -> float:
    """Days until the slope's error is _SLOPE_SHARE of it, falling as blocks^-1.5 at an unchanged spread; infinite beyond BLOCKS."""
    approach = direction * line.slope
    if approach <= 0.0 or kept == BLOCKS:
        return math.inf
    error = 2.0 * WIDEN * line.deviation / math.sqrt(line.spread)
    wanted = max(math.ceil(kept * (error / (_SLOPE_SHARE * approach)) ** (2.0 / 3.0)), kept + 1)
    return float((wanted - kept) * BLOCK_DAYS - filled) if wanted <= BLOCKS else math.inf


# --- conformance ------------------------------------------------------------------------------------------------------------


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against: rows in control lie at the limit and stay there, the edge of the null."""
    from detectors.trend import cases, oracle  # only the tests read these

    limits, directions, horizons, thresholds = [10.0, 0.7], [1, -1], [10.0, 20.0], [60.0, 40.0]

    def run_oracle(rows: list[list[float]], at: list[int]) -> OracleResult:
        return oracle.monitor(
            rows, at, limits=limits, directions=directions, horizons=horizons, thresholds=thresholds, decaying=[False, True]
        )

    def rows(rng: np.random.Generator, count: int, level: float, intensity: float) -> FloatArray:
        noise = rng.standard_normal((count, 2))
        return np.column_stack([level + noise[:, 0], intensity * np.exp(0.01 * noise[:, 1])])

    return Conformance(
        name="trend",
        build=lambda: Trend(
            np.array(limits), np.array(directions), np.array(horizons), np.array(thresholds), np.array([False, True])
        ),
        null_rows=lambda rng, count: rows(rng, count, 10.0, 0.7),
        changed_rows=lambda rng, count: rows(rng, count, 12.0, 0.67),
        oracle=run_oracle,
        measure=cases.measure,
    )
