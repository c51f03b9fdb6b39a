"""One stream: the channels of one scope, from learning to armed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from agent.core.stretch import Stretch
from agent.core.watch import Found, Watch
from agent.ports import ChannelView, StreamView
from detectors.baseline import MIN_VALUES, Baseline, Steadiness, fit
from detectors.baseline.runs import MIN_RUNS
from detectors.baseline.transform import transform
from detectors.channels.table import ChannelSpec
from detectors.contract import FloatArray, IntArray

# Scores are bounded: a mean of z beyond so many sd says that the shift is large, and too little of how large; the values since do.
LINEAR = 1.0
RECENT = 16
# Within runs a value says little without its run's offset: the mean of z stands until this near to the outermost score.
SATURATED = 0.8
# While a channel cannot tell yet whether it is steady a stream learns on, to at most so many times `parts` of its own.
LEARN_ON = 2
StreamState = Literal["learning", "candidate", "armed", "suspended", "refused"]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream watches and when it has learned enough."""

    name: str  # family group / view / position / recipe / model, as far as the scope goes
    specs: tuple[ChannelSpec, ...]
    tolerances: FloatArray  # (C,) in the unit after the transform
    threshold: float  # c of every channel's level test; its other tests' follow from it (detectors/budget.py)
    parts: int  # parts of the station from the stream's first one
    min_own: int  # and parts of its own
    min_hours: float = 0.0  # and hours since then, by the source's time
    steadiness: Steadiness = "shown"


class Stream:
    """Learning, then armed: raw rows in, crossings out. Mutable, deterministic to the bit."""

    def __init__(self, plan: StreamPlan) -> None:
        self.plan = plan
        self.state: StreamState = "learning"
        self.detail = ""
        self.baseline: Baseline | None = None
        self._watch: Watch | None = None
        self._stretch = Stretch(LEARN_ON * plan.parts)
        self._first_index: int | None = None
        self._first_at: datetime | None = None
        self._hours = 0.0
        self._span = 0
        self._seen = 0
        self._own = plan.min_own  # parts of its own it needs; more where those could not tell
        self._updates = np.zeros(len(plan.specs), dtype=np.int64)
        self._recent = np.full((RECENT, len(plan.specs)), np.nan)  # the rows folded last, and their parts' indices
        self._recent_at = np.full(RECENT, -1, dtype=np.int64)
        self._kept = np.arange(len(plan.specs))  # columns that are watched
        self._last_run: int | None = None
        self._before: tuple[StreamState, str] | None = None  # state and detail while suspended

    @property
    def learned_enough(self) -> bool:
        """Whether learning may end with the part just observed."""
        plan = self.plan
        return self.state == "learning" and self._seen >= self._own and self._span >= plan.parts and self._hours >= plan.min_hours

    def observe(self, row: FloatArray, index: int, run: int, at: datetime) -> list[Found]:
        """Take one row of raw channel values, (C,), NaN = not measured, captured at `at`; what crossed, only while armed."""
        if self._first_index is None or self._first_at is None:
            self._first_index, self._first_at = index, at
        self._span = index - self._first_index + 1
        self._seen += 1
        new_run = run != self._last_run
        self._last_run = run
        if self.state == "learning":
            self._hours = (at - self._first_at).total_seconds() / 3600.0
            self._stretch.add(row, run)
            return []
        if self._watch is None or self.state != "armed":
            return []
        here = self._seen % RECENT
        self._recent[here], self._recent_at[here] = row, index
        self._updates += ~np.isnan(row)
        found = self._watch.observe(row[None, self._kept], new_run=new_run, index=index)
        return [Found(one.test, replace(one.crossing, column=int(self._kept[one.crossing.column]))) for one in found]

    @property
    def families(self) -> frozenset[str]:
        """Families with a channel that is judged."""
        if self.state != "armed" or self.baseline is None:
            return frozenset()
        return frozenset(spec.family for spec, refused in zip(self.plan.specs, self.baseline.refused, strict=True) if not refused)

    @property
    def is_out(self) -> bool:
        """Whether any channel has a change that has not been shown to be over."""
        return self._watch is not None and self._watch.is_out

    @property
    def report(self) -> dict[str, str]:
        """What Phase I ended with, by channel: why it is not watched, empty where it is."""
        assert self.baseline is not None
        return {spec.name: reason for spec, reason in zip(self.plan.specs, self.baseline.refused, strict=True)}

    def standing(self, family: str, kind: str) -> bool:
        """Whether any change of this family and kind (level or spread) has not been shown to be over."""
        columns = () if self._watch is None else self._watch.standing(kind)
        return any(self.plan.specs[self._kept[column]].family == family for column in columns)

    def measured_enough(self) -> IntArray:
        """While learning: the columns with values enough for a baseline."""
        return np.flatnonzero(self._stretch.measured >= MIN_VALUES)

    def narrow(self, columns: IntArray) -> None:
        """While learning: go on with these columns alone."""
        specs = tuple(self.plan.specs[k] for k in columns)
        self.plan = replace(self.plan, specs=specs, tolerances=self.plan.tolerances[columns])
        self._stretch.narrow(columns)
        self._updates, self._recent = self._updates[columns], self._recent[:, columns]
        self._kept = np.arange(columns.size)

    def learn(self, *, arm: bool) -> None:
        """End Phase I: fit and judge; armed (or a candidate waiting for acceptance) with the channels that passed the gate.

        Or learning on, where a channel cannot tell yet whether it is steady.
        """
        self.baseline = fit(
            *self._stretch.arrays(),
            transforms=[spec.transform for spec in self.plan.specs],
            tolerances=self.plan.tolerances,
            thresholds=np.full(len(self.plan.specs), self.plan.threshold),
            steadiness=self.plan.steadiness,
        )
        if self._learns_on(self.baseline):
            self.baseline = None
            return
        self._stretch = Stretch(LEARN_ON * self.plan.parts)
        if all(self.baseline.refused):
            self.state, self.detail = "refused", "no channel passed the arming gate"
            return
        self.state = "candidate"
        self.detail = "waits for `linewarden baseline accept`"
        if arm:
            self.arm()

    def _learns_on(self, baseline: Baseline) -> bool:
        """Whether more parts of its own, now asked for, may tell what these could not."""
        unsure = np.flatnonzero(baseline.needed).tolist() if self.plan.steadiness == "shown" else []
        own = min(LEARN_ON * self.plan.parts, max((self._more(baseline, k) for k in unsure), default=0))
        if own <= self._seen:
            return False
        self._own = own
        names = ", ".join(self.plan.specs[k].name for k in unsure[:3]) + (", …" if len(unsure) > 3 else "")
        self.detail = f"{names}: too few parts or runs to tell whether steady, learning on to {own} parts"
        return True

    def _more(self, baseline: Baseline, k: int) -> int:
        """Parts that hold as many values of a channel as it needs; most are measured on every part, some are not."""
        return math.ceil(self._seen * float(baseline.needed[k]) / max(int(baseline.values[k]), 1))

    def arm(self) -> None:
        """Put the candidate in force: the channels that passed the gate, and no others.

        A refused channel (colour of a grey camera) as NaN in every row would send all of them down the slower path.
        """
        assert self.baseline is not None
        self._kept = np.flatnonzero([not reason for reason in self.baseline.refused])
        self._watch = Watch(self.baseline.select(self._kept), np.full(self._kept.size, self.plan.threshold))
        self.state, self.detail = "armed", ""
        self._updates[:] = 0

    def suspend(self, reason: str) -> None:
        """Neither judge nor learn, visibly, until resumed: what arrives cannot be compared with the baseline."""
        if self.state != "suspended":
            self._before = (self.state, self.detail)
            self.state, self.detail = "suspended", reason

    def resume(self) -> None:
        """Go on as before; harmless where nothing was suspended."""
        if self._before is not None:
            (self.state, self.detail), self._before = self._before, None

    def raw_change(self, found: Found) -> float:
        """The change of level a crossing stands for: after the transform, in the channel's unit (log: a log ratio)."""
        assert self.baseline is not None
        column, size = found.crossing.column, abs(found.crossing.size)
        if found.test == "run_means":
            return size * float(self.baseline.run_scale[column])
        furthest = float(np.abs(self.baseline.scores[column]).max())
        if size > (SATURATED * furthest if self.baseline.by_runs[column] else LINEAR):
            since = self._recent[self._recent_at >= found.crossing.onset.estimate]
            here = transform(since, self.baseline.kinds)[:, column]
            return abs(float(np.nanmedian(here)) - float(self.baseline.center[column]))
        phi = float(self.baseline.phi[column])
        if self.baseline.by_runs[column]:
            return size * float(self.baseline.noise[column]) / (1.0 - phi)
        # A level shift d of an AR(1) channel moves its innovations by d(1 − φ) and their sd is sd·√(1 − φ²).
        return size * float(self.baseline.sd[column]) * math.sqrt((1.0 + phi) / (1.0 - phi))

    def views(self) -> tuple[StreamView, tuple[ChannelView, ...]]:
        """As shown in status and metrics."""
        parts, needed = self._progress()
        stream = StreamView(self.plan.name, self.state, parts, needed, self.detail or self._waits_for())
        if self.baseline is None or self._watch is None:
            return stream, ()
        ratios = np.zeros(len(self.plan.specs))
        ratios[self._kept] = self._watch.ratios()
        channels = tuple(
            ChannelView(
                stream=self.plan.name,
                channel=spec.name,
                family=spec.family,
                evidence=float(ratios[k]) * self.plan.threshold,
                threshold=self.plan.threshold,
                updates=int(self._updates[k]),
                tolerance=float(self.plan.tolerances[k]),
                smallest_shift=float(self.baseline.smallest_shift[k]),
                unit=spec.unit,
                refused=self.baseline.refused[k],
                note=self._note(k),
            )
            for k, spec in enumerate(self.plan.specs)
        )
        return stream, channels

    def _progress(self) -> tuple[int, int]:
        """Parts so far, and needed to learn."""
        if self.state != "learning":
            return self._seen, self.plan.parts
        if self._own > self.plan.min_own:
            return self._seen, self._own
        return min(self._span, self.plan.parts), self.plan.parts

    def _waits_for(self) -> str:
        """What learning waits for besides parts."""
        if self.state != "learning" or self._hours >= self.plan.min_hours:
            return ""
        return f"{self._hours:.1f} of {self.plan.min_hours:g} hours"

    def _note(self, k: int) -> str:
        """What is unusual about how a channel is watched."""
        assert self.baseline is not None
        if self.baseline.refused[k]:
            return ""
        spread = str(self.baseline.spread_reasons[k])
        notes = ["within and between runs"] if self.baseline.by_runs[k] else []
        if self.baseline.within_alone[k]:
            notes = [f"within runs alone: the baseline holds too few to say how they differ ({MIN_RUNS} do)"]
        return "; ".join(notes + ([f"spread not watched: {spread}"] if spread else []))

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "state": self.state,
            "detail": self.detail,
            "baseline": None if self.baseline is None else dict(self.baseline.to_arrays()),
            "watch": None if self._watch is None else self._watch.save(),
            "stretch": self._stretch.save(),
            "first_index": self._first_index,
            "first_at": self._first_at,
            "hours": self._hours,
            "own": self._own,
            "span": self._span,
            "seen": self._seen,
            "updates": self._updates,
            "last_run": self._last_run,
            "recent": self._recent,
            "recent_at": self._recent_at,
            "before": self._before,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if saved["baseline"] is not None:
            self.baseline = Baseline.from_arrays(saved["baseline"])
        if saved["watch"] is not None:
            self.arm()
            assert self._watch is not None
            self._watch.load(saved["watch"])
        self.state, self.detail = saved["state"], saved["detail"]
        self._stretch.load(saved["stretch"])
        self._first_index, self._span, self._seen = saved["first_index"], saved["span"], saved["seen"]
        self._first_at, self._hours, self._own = saved["first_at"], saved["hours"], saved["own"]
        self._updates, self._last_run = saved["updates"], saved["last_run"]
        self._recent, self._recent_at = saved["recent"], saved["recent_at"]
        self._before = None if saved["before"] is None else (saved["before"][0], saved["before"][1])
