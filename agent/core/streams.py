"""One stream: the channels of one scope, from learning to armed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from agent.ports import ChannelView, StreamView
from detectors.baseline import Baseline, Standardiser, fit
from detectors.baseline.transform import transform
from detectors.channels.table import ChannelSpec
from detectors.contract import Crossing, FloatArray, IntArray
from detectors.level_shift import LevelShift

# Back to normal: the mean is inside its tolerance to within this many sd (a shift smaller than this hardly alarms) …
RETURN_MARGIN = 0.25
# … at an evidence that a shift which stays reaches at most once in so many parts.
RETURN_THRESHOLD = 10_000.0
# A mean of z this near to the outermost score says that the shift is large, not how large.
SATURATED = 0.8
StreamState = Literal["learning", "candidate", "armed", "suspended", "refused"]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream watches and when it has learned enough."""

    name: str  # family group / view / position / recipe / model, as far as the scope goes
    specs: tuple[ChannelSpec, ...]
    tolerances: FloatArray  # (C,) in the unit after the transform
    threshold: float  # c of every channel of this stream
    parts: int  # parts of the station from the stream's first one
    min_own: int  # and parts of its own


class Stream:
    """Learning, then armed: raw rows in, crossings out. Mutable, deterministic to the bit."""

    def __init__(self, plan: StreamPlan) -> None:
        self.plan = plan
        self.state: StreamState = "learning"
        self.detail = ""
        self.baseline: Baseline | None = None
        self._standardiser: Standardiser | None = None
        self._detector: LevelShift | None = None
        self._return: LevelShift | None = None
        self._standing: dict[int, int] = {}  # column → direction of shifts that have not been shown to be over
        self._rows: list[FloatArray] = []
        self._runs: list[int] = []
        self._first_index: int | None = None
        self._span = 0
        self._seen = 0
        self._updates = np.zeros(len(plan.specs), dtype=np.int64)
        self._latest = np.full(len(plan.specs), np.nan)  # the row folded last
        self._last_run: int | None = None

    @property
    def learned_enough(self) -> bool:
        """Whether learning may end with the part just observed."""
        return self.state == "learning" and self._seen >= self.plan.min_own and self._span >= self.plan.parts

    def observe(self, row: FloatArray, index: int, run: int) -> list[Crossing]:
        """Take one row of raw channel values, (C,), NaN = not measured; crossings only while armed."""
        if self._first_index is None:
            self._first_index = index
        self._span = index - self._first_index + 1
        self._seen += 1
        new_run = run != self._last_run
        self._last_run = run
        if self.state == "learning":
            self._rows.append(row)
            self._runs.append(run)
            return []
        if self._standardiser is None or self._detector is None or self.state != "armed":
            return []
        self._latest = row
        self._updates += ~np.isnan(row)
        z = self._standardiser.apply(row[None, :], np.array([new_run]))
        at = np.array([index], dtype=np.int64)
        crossings = self._detector.update(z, at)
        if self._standing or crossings:
            self._judge_return(z, at, crossings)
        return crossings

    def _judge_return(self, z: FloatArray, at: IntArray, crossings: list[Crossing]) -> None:
        """The test mirrored (METHODS 6): the same detector on the way back to the tolerance's edge, above 0 inside it."""
        assert self.baseline is not None
        assert self._return is not None
        distance = np.full_like(z, np.nan)
        for column, direction in self._standing.items():
            distance[0, column] = self.baseline.epsilon[column] + RETURN_MARGIN - direction * z[0, column]
        for crossing in self._return.update(distance, at):
            if crossing.direction > 0:
                del self._standing[crossing.column]
        self._standing.update({crossing.column: crossing.direction for crossing in crossings})

    @property
    def families(self) -> frozenset[str]:
        """Families with a channel that is judged."""
        if self.state != "armed" or self.baseline is None:
            return frozenset()
        return frozenset(spec.family for spec, refused in zip(self.plan.specs, self.baseline.refused, strict=True) if not refused)

    def standing(self, family: str) -> bool:
        """Whether any shift of this family has not been shown to be over."""
        return any(self.plan.specs[column].family == family for column in self._standing)

    def learn(self, *, arm: bool) -> None:
        """End Phase I: fit and judge; armed (or a candidate waiting for acceptance) with the channels that passed the gate."""
        x = np.ascontiguousarray(np.stack(self._rows))
        self.baseline = fit(
            x,
            np.array(self._runs, dtype=np.int64),
            transforms=[spec.transform for spec in self.plan.specs],
            tolerances=self.plan.tolerances,
            thresholds=np.full(len(self.plan.specs), self.plan.threshold),
        )
        self._rows, self._runs = [], []
        if all(self.baseline.refused):
            self.state, self.detail = "refused", "no channel passed the arming gate"
            return
        self.state = "candidate"
        self.detail = "waits for `linewarden baseline accept`"
        if arm:
            self.arm()

    def arm(self) -> None:
        """Put the candidate in force."""
        assert self.baseline is not None
        self._standardiser = Standardiser(self.baseline)
        self._detector = LevelShift(
            self.baseline.epsilon, self.baseline.inflation, np.full(len(self.plan.specs), self.plan.threshold)
        )
        self._return = LevelShift(
            np.zeros(len(self.plan.specs)), self.baseline.inflation, np.full(len(self.plan.specs), RETURN_THRESHOLD)
        )
        self.state, self.detail = "armed", ""
        self._updates[:] = 0

    def suspend(self, reason: str) -> None:
        """Stop judging, visibly: what arrives cannot be compared with the baseline."""
        self.state, self.detail = "suspended", reason

    def raw_change(self, crossing: Crossing) -> float:
        """The change a crossing stands for: after the transform, in the channel's unit (log: a log ratio)."""
        assert self.baseline is not None
        column = crossing.column
        furthest = float(np.abs(self.baseline.scores[column]).max())
        if abs(crossing.size) > SATURATED * furthest:  # scores are bounded: beyond them only the value itself tells how far
            here = transform(self._latest[None, :], self.baseline.kinds)[0, column]
            return abs(float(here) - float(self.baseline.center[column]))
        phi = float(self.baseline.phi[column])
        # A level shift d of an AR(1) channel moves its innovations by d(1 − φ) and their sd is sd·√(1 − φ²).
        return abs(crossing.size) * float(self.baseline.sd[column]) * math.sqrt((1.0 + phi) / (1.0 - phi))

    def views(self) -> tuple[StreamView, tuple[ChannelView, ...]]:
        """As shown in status and metrics."""
        parts = min(self._span, self.plan.parts) if self.state == "learning" else self._seen
        stream = StreamView(self.plan.name, self.state, parts, self.plan.parts, self.detail)
        if self.baseline is None or self._detector is None:
            return stream, ()
        evidence = self._detector.evidence
        channels = tuple(
            ChannelView(
                stream=self.plan.name,
                channel=spec.name,
                family=spec.family,
                evidence=float(evidence[k]),
                threshold=self.plan.threshold,
                updates=int(self._updates[k]),
                tolerance=float(self.plan.tolerances[k]),
                smallest_shift=float(self.baseline.smallest_shift[k]),
                unit=spec.unit,
                refused=self.baseline.refused[k],
            )
            for k, spec in enumerate(self.plan.specs)
        )
        return stream, channels

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "state": self.state,
            "detail": self.detail,
            "baseline": None if self.baseline is None else dict(self.baseline.to_arrays()),
            "standardiser": None if self._standardiser is None else dict(self._standardiser.save()),
            "detector": None if self._detector is None else dict(self._detector.save()),
            "return": None if self._return is None or not self._standing else dict(self._return.save()),
            "standing": list(self._standing.items()),
            "rows": np.stack(self._rows) if self._rows else None,
            "runs": list(self._runs),
            "first_index": self._first_index,
            "span": self._span,
            "seen": self._seen,
            "updates": self._updates,
            "last_run": self._last_run,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if saved["baseline"] is not None:
            self.baseline = Baseline.from_arrays(saved["baseline"])
        if saved["detector"] is not None:
            self.arm()
            assert self._standardiser is not None
            assert self._detector is not None
            self._standardiser.load(saved["standardiser"])
            self._detector.load(saved["detector"])
        if saved["return"] is not None:
            assert self._return is not None
            self._return.load(saved["return"])
        self._standing = dict(saved["standing"])
        self.state, self.detail = saved["state"], saved["detail"]
        self._rows = [] if saved["rows"] is None else list(saved["rows"])
        self._runs = list(saved["runs"])
        self._first_index, self._span, self._seen = saved["first_index"], saved["span"], saved["seen"]
        self._updates, self._last_run = saved["updates"], saved["last_run"]
