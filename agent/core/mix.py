"""The mix of classes a recipe's parts are given, each class tested as a share; and classes nobody had seen, said at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from agent.core.blocks import Block, BlockPlan, Blocks
from agent.core.conditions import Finding
from agent.core.shares import Shift
from agent.ports import ChannelView
from agent.records import Inspection
from detectors.class_mix import ClassMix, MixBaseline, fit
from detectors.contract import Crossing, FloatArray

KIND = "classes"
FAMILY = "class_mix"
ALARM, NEWS = "class-mix", "class-new"
# Classes told apart; a recipe with more has the rest counted as one. No part names either of these.
MAX_CLASSES = 64
FURTHER = "(further classes)"
NONE = "(no class)"
LONGEST = 24  # of a name in an alarm
RARE, UNSEEN = "(rare classes)", "(new classes)"


def mix(name: str, plan: BlockPlan) -> Blocks:
    """A recipe's mix of classes, about to be learned."""
    return Blocks(name, plan, Mix(plan))


def news(name: str, record: Inspection) -> Finding:
    """A class that the baseline did not know has come: said at once, and no test; it stands for this part only."""
    return Finding(
        alarm_id=NEWS,
        code="class_new",
        stands=True,
        records=1,
        since=record.captured_at,
        part_id=record.part_id,
        words={"class": short(name)},
        colour="none",
        priority="info",
    )


def short(name: str) -> str:
    """A class's name as an alarm has room for it."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


class Mix:
    """What `Blocks` ask of the class mix. Mutable, deterministic to the bit."""

    def __init__(self, plan: BlockPlan) -> None:
        self._plan = plan
        self.baseline: MixBaseline | None = None
        self._detector: ClassMix | None = None
        self._classes: tuple[str, ...] = ()  # of the baseline
        self._met: set[str] = set()  # every class met so far, MAX_CLASSES at most

    def kind_of(self, class_name: str) -> tuple[str, bool]:
        """What a part of this class is counted as, and whether it is the first of a class the baseline did not know."""
        name = class_name or NONE
        if name in self._met:
            return name, False
        if len(self._met) >= MAX_CLASSES:
            return FURTHER, False
        self._met.add(name)
        return name, self._detector is not None

    @property
    def group(self) -> int:
        """One: the detector itself takes blocks together, for each class as many as it needs."""
        return 1

    @property
    def report(self) -> dict[str, str]:
        """What was fitted, by class."""
        assert self.baseline is not None
        return dict(zip(self._classes, self.baseline.reasons, strict=True))

    def fit(self, blocks: list[Block]) -> None:
        """Learn from blocks. Raises BaselineRefused."""
        self._classes = tuple(sorted({name for block in blocks for name in block}))
        counts = np.concatenate([self._row(block)[:, :-1] for block in blocks])
        self.baseline = fit(np.ascontiguousarray(counts), tolerance=self._plan.tolerance)

    def arm(self) -> None:
        """Put what was learned in force; its one share of the budget is split over the columns."""
        assert self.baseline is not None
        columns = len(self.baseline.rates)
        self._detector = ClassMix(self.baseline, np.full(columns, self._plan.threshold * columns))
        self._met = set(self._classes)

    def update(self, block: Block, index: int) -> list[Crossing]:
        """Fold one block, whose last part is `index`."""
        assert self._detector is not None
        return self._detector.update(self._row(block), np.array([index], dtype=np.int64))

    def views(self, stream: str, updates: int) -> tuple[ChannelView, ...]:
        """As shown in status and metrics."""
        assert self.baseline is not None
        assert self._detector is not None
        evidence, thresholds = self._detector.evidence, self._detector.thresholds
        watched = tuple(
            ChannelView(
                stream=stream,
                channel=f"share {self._name(k)}",
                family="class_mix",
                evidence=float(evidence[k]),
                threshold=float(thresholds[k]),
                updates=updates,
                tolerance=100.0 * self._plan.tolerance * known.rate,
                smallest_shift=float("nan"),
                unit="% of parts",
                refused="",
            )
            for k, known in enumerate(self.baseline.rates)
        )
        refused = tuple(
            ChannelView(
                stream, f"share {name}", "class_mix", 0.0, float(thresholds[0]), 0, float("nan"), float("nan"), "% of parts", reason
            )
            for name, reason in self.report.items()
            if reason
        )
        return watched + refused

    def shift(self, stream: str, crossing: Crossing) -> Shift:
        """A crossing as the annunciator takes it."""
        assert self.baseline is not None
        name, was = self._name(crossing.column), self.baseline.rates[crossing.column].rate
        code = "class_share_higher" if crossing.direction > 0 else "class_share_lower"
        if name == UNSEEN:
            code = "classes_new_more"
        month, words = self._plan.updates_per_month, {"class": short(name)}
        return Shift(ALARM, "class_mix", code, "class_mix", stream, f"share {name}", crossing, was, month, words)

    def _name(self, column: int) -> str:
        assert self.baseline is not None
        members = self.baseline.members(column)
        if not members:
            return UNSEEN
        return self._classes[members[0]] if len(members) == 1 else RARE

    def _row(self, block: Block) -> FloatArray:
        """Counts (1, K + 1): of each class of the baseline, then of all others."""
        own = [float(block[name]) for name in self._classes]
        return np.array([[*own, block.total() - sum(own)]])

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "baseline": None if self.baseline is None else dict(self.baseline.to_arrays()),
            "detector": None if self._detector is None else dict(self._detector.save()),
            "classes": list(self._classes),
            "met": sorted(self._met),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._classes = tuple(saved["classes"])
        if saved["baseline"] is not None:
            self.baseline = MixBaseline.from_arrays(saved["baseline"])
        if saved["detector"] is not None:
            self.arm()
            assert self._detector is not None
            self._detector.load(saved["detector"])
        self._met = set(saved["met"])
