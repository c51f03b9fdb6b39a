"""Novelty at a station: are parts, all their channels taken together, unlike any learned, and are there more of those?"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np

from agent.core.candidates import Candidate
from agent.core.shares import Shift
from agent.ports import ChannelView, StreamView
from detectors.channels import ChannelSpec
from detectors.contract import Crossing, FloatArray
from detectors.errors import BaselineRefused
from detectors.novelty import BLOCK, LEVEL, MIN_CALIBRATION, MIN_SHARE, Gauge, Novelty, NoveltyBaseline, detectable, fit

KIND = "novelty"
CHANNEL = "novel_share"
ALARM = "novel-parts"
CODE = "novel_parts"
# A station with more recipes and views has further ones counted, not learned: each keeps 4,000 rows, a megabyte, while it learns.
MAX_SPACES = 16
# Half of the parts give the scales, half are calibrated on; a refused stretch is learned on to twice as many.
MIN_PARTS = 2 * MIN_CALIBRATION
ATTEMPTS = (1, 2)
# Channels named of a novel part.
NAMED = 3
# "Smallest detectable shift" is the share the best bet finds within so many parts.
DETECTABLE_PARTS = 10_000
SpaceState = Literal["learning", "candidate", "armed", "refused"]


@dataclass(frozen=True, slots=True)
class SpacePlan:
    """How the novelty of every channel space of a station is watched."""

    threshold: float  # c
    parts: int  # to learn from
    updates_per_month: float  # most blocks of the whole station and one view and position


class Space:
    """The channels of one view, position and recipe as one space, from learning to armed. Mutable, deterministic to the bit."""

    def __init__(self, name: str, specs: tuple[ChannelSpec, ...], plan: SpacePlan) -> None:
        self.name = name
        self.specs = specs
        self.plan = plan
        self.state: SpaceState = "learning"
        self.detail = ""
        self.baseline: NoveltyBaseline | None = None
        self._gauge: Gauge | None = None
        self._detector: Novelty | None = None
        self._smallest_shift = float("nan")
        self._rows: list[FloatArray] = []
        self._tried = 0  # attempts to end learning
        self._judged = 0  # parts since armed
        self._open: list[tuple[float, int]] = []  # p and index of the parts of the open block

    def observe(self, row: FloatArray, *, index: int, part_id: str) -> tuple[Candidate | None, Crossing | None]:
        """Take one part's channels, (C,), NaN = not measured: itself, when it is novel, and a crossing; only while armed."""
        if self.state == "learning" and np.count_nonzero(~np.isnan(row)) >= MIN_SHARE * row.size:
            self._rows.append(row)
        if self.state != "armed":
            return None, None
        assert self._gauge is not None
        assert self._detector is not None
        p = self._gauge.p_of(row)
        if isnan(p):
            return None, None
        candidate = None
        if p <= LEVEL:
            channels = tuple(self.specs[k].name for k in self._gauge.standing_out(row[None, :])[:NAMED])
            candidate = Candidate(index, part_id, self.name, p, channels)
        self._judged += 1
        self._open.append((p, index))
        return candidate, self._fold() if len(self._open) == BLOCK else None

    def _fold(self) -> Crossing | None:
        """A block is complete: nothing is bet before."""
        assert self._detector is not None
        p, at = np.array([p for p, _ in self._open]), np.array([index for _, index in self._open], dtype=np.int64)
        self._open = []
        crossings = self._detector.update(p[:, None], at)
        return crossings[0] if crossings else None

    @property
    def learned_enough(self) -> bool:
        """Whether ending Phase I may be tried."""
        return self.state == "learning" and len(self._rows) >= self._needed

    @property
    def _needed(self) -> int:
        return self.plan.parts * ATTEMPTS[min(self._tried, len(ATTEMPTS) - 1)]

    def learn(self, *, arm: bool) -> None:
        """Try to end Phase I: armed, a candidate, or learning on; refused when the last attempt failed."""
        self._tried += 1
        try:
            self.baseline = fit(np.stack(self._rows))
        except BaselineRefused as refusal:
            self.detail = f"{refusal}; {refusal.hint}"
            if self._tried == len(ATTEMPTS):
                self.state, self._rows = "refused", []
            return
        self.state, self.detail, self._rows = "candidate", "waits for `linewarden baseline accept`", []
        if arm:
            self.arm()

    def arm(self) -> None:
        """Put the candidate in force."""
        assert self.baseline is not None
        self._gauge = self.baseline.gauge()
        self._detector = Novelty(self.baseline.share, self.plan.threshold)
        found = detectable(self.baseline.share, self.plan.threshold, DETECTABLE_PARTS // BLOCK)
        self._smallest_shift = 100.0 * (found - self.baseline.share)
        self._judged, self._open = 0, []
        self.state, self.detail = "armed", ""

    @property
    def report(self) -> dict[str, str]:
        """What Phase I ended with, by channel: why it is not in the space, empty where it is."""
        if self.baseline is None:
            return {CHANNEL: self.detail}
        reasons = ("" if used else "seldom measured, or does not vary" for used in self.baseline.used)
        return {spec.name: reason for spec, reason in zip(self.specs, reasons, strict=True)}

    def shift(self, crossing: Crossing, alarm_id: str) -> Shift:
        """A crossing as the annunciator takes it."""
        assert self.baseline is not None
        was, month = self.baseline.share, self.plan.updates_per_month
        return Shift(alarm_id, "novelty", CODE, "novelty", self.name, CHANNEL, crossing, was, month)

    def views(self) -> tuple[StreamView, tuple[ChannelView, ...]]:
        """As shown in status and metrics."""
        learning = self.state == "learning"
        parts, needed = (len(self._rows), self._needed) if learning else (self._judged, self.plan.parts)
        stream = StreamView(self.name, self.state, parts, needed, self.detail)
        if self.baseline is None or self._detector is None:
            return stream, ()
        channel = ChannelView(
            stream=self.name,
            channel=CHANNEL,
            family="novelty",
            evidence=float(self._detector.evidence[0]),
            threshold=self.plan.threshold,
            updates=self._judged,
            tolerance=100.0 * self.baseline.share,
            smallest_shift=self._smallest_shift,
            unit="% of parts",
            refused="",
        )
        return stream, (channel,)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "state": self.state,
            "detail": self.detail,
            "baseline": None if self.baseline is None else dict(self.baseline.to_arrays()),
            "detector": None if self._detector is None else dict(self._detector.save()),
            "open": list(self._open),
            "rows": np.stack(self._rows) if self._rows else None,
            "plain": (self._tried, self._judged, len(self.specs)),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if saved["baseline"] is not None:
            self.baseline = NoveltyBaseline.from_arrays(saved["baseline"])
        if saved["detector"] is not None:
            self.arm()
            assert self._detector is not None
            self._detector.load(saved["detector"])
        self.state, self.detail = saved["state"], saved["detail"]
        self._rows = [] if saved["rows"] is None else list(saved["rows"])
        self._open = [(p, index) for p, index in saved["open"]]
        self._tried, self._judged, _ = saved["plain"]
