"""Reject rates of a station: parts gathered into blocks per recipe, learned, then watched for a rate too high or too low."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from agent.ports import ChannelView, StreamView
from detectors.contract import Crossing
from detectors.errors import BaselineRefused
from detectors.rate_shift import RateBaseline, RateShift, fit

RateState = Literal["learning", "candidate", "armed", "refused"]
CHANNEL = "reject_rate"
# A block is whichever comes first (METHODS 6), but never fewer parts: the budget counts blocks by the parts declared per month,
# whatever number of recipes share them, and a block of a handful says nothing.
BLOCK_PARTS = 200
BLOCK_S = 900.0
MIN_BLOCK_PARTS = 50
# A refused stretch is learned on to twice and four times the blocks: lots too long for it may not be for that.
ATTEMPTS = (1, 2, 4)
# "Smallest detectable shift" is the one the best bet finds within so many parts.
DETECTABLE_PARTS = 10_000
# An alarm has returned when nothing has crossed again for so many blocks, or four times as long as the last change took to cross.
OFF_DELAY_BLOCKS = 20
OFF_DELAY_FACTOR = 4


@dataclass(frozen=True, slots=True)
class RatePlan:
    """How every recipe's reject rate is watched."""

    threshold: float  # c
    blocks: int  # to learn from
    tolerance: float  # a change of the rate too small to matter, as a share of it
    updates_per_month: float  # most blocks of the whole station


class Rate:
    """The reject rate of one recipe, from learning to armed: parts in, crossings out. Mutable, deterministic to the bit."""

    def __init__(self, name: str, plan: RatePlan) -> None:
        self.name = name
        self.plan = plan
        self.state: RateState = "learning"
        self.detail = ""
        self.baseline: RateBaseline | None = None
        self._detector: RateShift | None = None
        self._smallest_shift = float("nan")
        self._learned: list[tuple[int, int]] = []  # (rejects, parts) of closed blocks
        self._tried = 0  # attempts to end learning
        self._rejects = 0  # of the open block
        self._parts = 0
        self._since: datetime | None = None
        self._last = 0  # index of its last part
        self._blocks = 0  # closed since armed

    @property
    def group(self) -> int:
        """How many blocks are taken together as one."""
        return 1 if self.baseline is None or self._detector is None else self.baseline.group

    def observe(self, *, rejected: bool, index: int, at: datetime) -> Crossing | None:
        """Take one part; a crossing only while armed. A block too old is closed by the next part, which begins another."""
        crossing = None
        old = self._since is not None and (at - self._since).total_seconds() >= BLOCK_S * self.group
        if old and self._parts >= MIN_BLOCK_PARTS * self.group:
            crossing = self._close()
        if self._parts == 0:
            self._since = at
        self._rejects += rejected
        self._parts += 1
        self._last = index
        if self._parts >= BLOCK_PARTS * self.group:
            crossing = self._close()
        return crossing

    def _close(self) -> Crossing | None:
        rejects, parts = self._rejects, self._parts
        self._rejects, self._parts, self._since = 0, 0, None
        if self.state == "learning":
            self._learned.append((rejects, parts))
        if self._detector is None or self.state != "armed":
            return None
        self._blocks += 1
        row, label = np.array([[float(rejects), float(parts)]]), np.array([self._last], dtype=np.int64)
        crossings = self._detector.update(row, label)
        return crossings[0] if crossings else None

    @property
    def learned_enough(self) -> bool:
        """Whether ending Phase I may be tried."""
        return self.state == "learning" and len(self._learned) >= self._needed

    @property
    def _needed(self) -> int:
        return self.plan.blocks * ATTEMPTS[min(self._tried, len(ATTEMPTS) - 1)]

    def learn(self, *, arm: bool) -> None:
        """Try to end Phase I: armed, a candidate, or learning on; refused when the last attempt failed."""
        self._tried += 1
        try:
            self.baseline = fit(np.array(self._learned, dtype=np.float64), tolerance=self.plan.tolerance)
        except BaselineRefused as refusal:
            self.detail = f"{refusal}; {refusal.hint}"
            if self._tried == len(ATTEMPTS):
                self.state, self._learned = "refused", []
            return
        self.state, self.detail, self._learned = "candidate", "waits for `linewarden baseline accept`", []
        if arm:
            self.arm()

    def arm(self) -> None:
        """Put the candidate in force; the next part begins a block."""
        assert self.baseline is not None
        self._detector = RateShift(self.baseline, self.plan.threshold)
        self._rejects, self._parts, self._since, self._blocks = 0, 0, None, 0
        parts = BLOCK_PARTS * self.baseline.group
        found = self.baseline.detectable(self.plan.threshold, parts, max(1, DETECTABLE_PARTS // parts))
        self._smallest_shift = 100.0 * (found - self.baseline.rate)
        self.state, self.detail = "armed", ""

    def views(self) -> tuple[StreamView, tuple[ChannelView, ...]]:
        """As shown in status and metrics; blocks are counted as full ones."""
        needed = self._needed * BLOCK_PARTS
        done = len(self._learned) * BLOCK_PARTS + self._parts if self.state == "learning" else needed
        stream = StreamView(self.name, self.state, done, needed, self.detail)
        if self.baseline is None or self._detector is None:
            return stream, ()
        channel = ChannelView(
            stream=self.name,
            channel=CHANNEL,
            family="rates",
            evidence=float(self._detector.evidence[0]),
            threshold=self.plan.threshold,
            updates=self._blocks,
            tolerance=100.0 * self.plan.tolerance * self.baseline.rate,
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
            "learned": self._learned,
            "tried": self._tried,
            "open": (self._rejects, self._parts, self._since, self._last),
            "blocks": self._blocks,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if saved["baseline"] is not None:
            self.baseline = RateBaseline.from_arrays(saved["baseline"])
        if saved["detector"] is not None:
            self.arm()
            assert self._detector is not None
            self._detector.load(saved["detector"])
        self.state, self.detail = saved["state"], saved["detail"]
        self._learned = [(rejects, parts) for rejects, parts in saved["learned"]]
        self._tried = saved["tried"]
        self._rejects, self._parts, self._since, self._last = saved["open"]
        self._blocks = saved["blocks"]


class Rates:
    """The rates of a station by stream name, one per recipe, and until when their alarm stands."""

    def __init__(self, plan: RatePlan) -> None:
        self.plan = plan
        self.by_name: dict[str, Rate] = {}
        self._stands_until: int | None = None  # index of the part

    def of(self, recipe: str, most: int) -> Rate | None:
        """The rate of a recipe; None where there are as many as may be."""
        name = f"rates/{recipe}"
        if name not in self.by_name and len(self.by_name) < most:
            self.learn_anew(name)
        return self.by_name.get(name)

    def learn_anew(self, name: str) -> None:
        """Begin (again) to learn a rate."""
        self.by_name[name] = Rate(name, self.plan)

    def crossed(self, rate: Rate, crossing: Crossing) -> None:
        """The alarm stands at least until it would have been raised again."""
        taken = OFF_DELAY_FACTOR * (crossing.at + 1 - crossing.onset.estimate)
        until = crossing.at + max(taken, OFF_DELAY_BLOCKS * BLOCK_PARTS * rate.group)
        self._stands_until = max(until, self._stands_until or 0)

    def stands(self, index: int) -> bool:
        """Whether the alarm still stands at part `index`."""
        if self._stands_until is not None and index > self._stands_until:
            self._stands_until = None
        return self._stands_until is not None

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"rates": {name: rate.save() for name, rate in self.by_name.items()}, "stands_until": self._stands_until}

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, rate in saved["rates"].items():
            self.by_name[name] = Rate(name, self.plan)
            self.by_name[name].load(rate)
        self._stands_until = saved["stands_until"]
