"""The reject rate of a recipe, tested for having become too high or too low."""

from __future__ import annotations

from typing import Any

import numpy as np

from agent.core.blocks import BLOCK_PARTS, Block, BlockPlan, Blocks
from agent.core.shares import Shift
from agent.ports import ChannelView
from detectors.contract import Crossing
from detectors.rate_shift import RateBaseline, RateShift, fit

KIND = "rates"
CHANNEL = "reject_rate"
ALARM = "reject-rate"
REJECTED, PASSED = "ng", "ok"
# "Smallest detectable shift" is the one the best bet finds within so many parts.
DETECTABLE_PARTS = 10_000


def rate(name: str, plan: BlockPlan) -> Blocks:
    """A recipe's reject rate, about to be learned."""
    return Blocks(name, plan, RejectRate(plan))


class RejectRate:
    """What `Blocks` ask of the reject rate. Mutable, deterministic to the bit."""

    def __init__(self, plan: BlockPlan) -> None:
        self._plan = plan
        self.baseline: RateBaseline | None = None
        self._detector: RateShift | None = None
        self._smallest_shift = float("nan")

    @property
    def group(self) -> int:
        """How many blocks are taken together as one."""
        return 1 if self.baseline is None or self._detector is None else self.baseline.group

    @property
    def report(self) -> dict[str, str]:
        """What was fitted."""
        return {CHANNEL: ""}

    def fit(self, blocks: list[Block]) -> None:
        """Learn from blocks. Raises BaselineRefused."""
        self.baseline = fit(np.concatenate([_row(block) for block in blocks]), tolerance=self._plan.tolerance)

    def arm(self) -> None:
        """Put what was learned in force."""
        assert self.baseline is not None
        self._detector = RateShift(self.baseline, self._plan.threshold)
        parts = BLOCK_PARTS * self.baseline.group
        found = self.baseline.detectable(self._plan.threshold, parts, max(1, DETECTABLE_PARTS // parts))
        self._smallest_shift = 100.0 * (found - self.baseline.rate)

    def update(self, block: Block, index: int) -> list[Crossing]:
        """Fold one block, whose last part is `index`."""
        assert self._detector is not None
        return self._detector.update(_row(block), np.array([index], dtype=np.int64))

    def views(self, stream: str, updates: int) -> tuple[ChannelView, ...]:
        """As shown in status and metrics."""
        assert self.baseline is not None
        assert self._detector is not None
        channel = ChannelView(
            stream=stream,
            channel=CHANNEL,
            family="rates",
            evidence=float(self._detector.evidence[0]),
            threshold=self._plan.threshold,
            updates=updates,
            tolerance=100.0 * self._plan.tolerance * self.baseline.rate,
            smallest_shift=self._smallest_shift,
            unit="% of parts",
            refused="",
        )
        return (channel,)

    def shift(self, stream: str, crossing: Crossing) -> Shift:
        """A crossing as the annunciator takes it."""
        assert self.baseline is not None
        code = "reject_rate_higher" if crossing.direction > 0 else "reject_rate_lower"
        was, month = self.baseline.rate, self._plan.updates_per_month
        return Shift(ALARM, "rates", code, "rate_shift", stream, CHANNEL, crossing, was, month)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "baseline": None if self.baseline is None else dict(self.baseline.to_arrays()),
            "detector": None if self._detector is None else dict(self._detector.save()),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if saved["baseline"] is not None:
            self.baseline = RateBaseline.from_arrays(saved["baseline"])
        if saved["detector"] is not None:
            self.arm()
            assert self._detector is not None
            self._detector.load(saved["detector"])


def _row(block: Block) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[float(block[REJECTED]), float(block.total())]])
