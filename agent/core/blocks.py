"""Parts gathered into blocks, learned from and then watched: what is counted of a recipe's parts, from learning to armed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from agent.core.shares import Shift
from agent.ports import ChannelView, StreamView
from detectors.contract import Crossing, SavedState
from detectors.errors import BaselineRefused

BlockState = Literal["learning", "candidate", "armed", "refused"]
# A block is whichever comes first (METHODS 6), but never fewer parts: the budget counts blocks by the parts declared per month,
# whatever number of recipes share them, and a block of a handful says nothing.
BLOCK_PARTS = 200
BLOCK_S = 900.0
MIN_BLOCK_PARTS = 50
# A refused stretch is learned on to twice and four times the blocks: lots too long for it may not be for that.
ATTEMPTS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """How what is counted of every recipe is watched."""

    threshold: float  # c of a single column; several have it as many times over
    blocks: int  # to learn from
    tolerance: float  # a change of a share too small to matter, as a share of it
    updates_per_month: float  # most blocks of the whole station


class Block(Counter[str]):
    """How many parts of each kind."""


class Fitted(Protocol):
    """A baseline of any kind."""

    def to_arrays(self) -> SavedState: ...


class Tested(Protocol):
    """What is tested of a recipe's blocks: its reject rate, or its mix of classes."""

    @property
    def baseline(self) -> Fitted | None: ...

    @property
    def group(self) -> int:
        """How many blocks are taken together as one."""
        ...

    @property
    def report(self) -> dict[str, str]:
        """What was fitted, by name, and why it is not watched, empty where it is."""
        ...

    def fit(self, blocks: list[Block]) -> None:
        """End Phase I. Raises BaselineRefused."""
        ...

    def arm(self) -> None: ...

    def update(self, block: Block, index: int) -> list[Crossing]: ...

    def views(self, stream: str, updates: int) -> tuple[ChannelView, ...]: ...

    def shift(self, stream: str, crossing: Crossing) -> Shift:
        """A crossing as the annunciator takes it."""
        ...

    def save(self) -> Any: ...

    def load(self, saved: Any) -> None: ...


class Blocks:
    """One recipe's blocks, from learning to armed: parts in, crossings out. Mutable, deterministic to the bit."""

    def __init__(self, name: str, plan: BlockPlan, tested: Tested) -> None:
        self.name = name
        self.plan = plan
        self.tested = tested
        self.state: BlockState = "learning"
        self.detail = ""
        self._learned: list[Block] = []
        self._tried = 0  # attempts to end learning
        self._open, self._parts = Block(), 0
        self._since: datetime | None = None  # when the open block began
        self._last = 0  # index of its last part
        self._closed = 0  # blocks since armed

    @property
    def baseline(self) -> Fitted | None:
        """What Phase I ended with."""
        return self.tested.baseline

    @property
    def group(self) -> int:
        """How many blocks are taken together as one."""
        return self.tested.group

    @property
    def report(self) -> dict[str, str]:
        """What Phase I ended with, by name: why it is not watched, empty where it is."""
        return self.tested.report if self.baseline is not None else {self.name.partition("/")[0]: self.detail}

    def observe(self, kind: str, *, index: int, at: datetime) -> list[Crossing]:
        """Take one part; crossings only while armed. A block too old is closed by the next part, which begins another."""
        crossings: list[Crossing] = []
        old = self._since is not None and (at - self._since).total_seconds() >= BLOCK_S * self.group
        if old and self._parts >= MIN_BLOCK_PARTS * self.group:
            crossings = self._close()
        if self._parts == 0:
            self._since = at
        self._open[kind] += 1
        self._parts += 1
        self._last = index
        if self._parts >= BLOCK_PARTS * self.group:
            crossings = self._close()
        return crossings

    def _close(self) -> list[Crossing]:
        block, self._open, self._parts, self._since = self._open, Block(), 0, None
        if self.state == "learning":
            self._learned.append(block)
        if self.state != "armed":
            return []
        self._closed += 1
        return self.tested.update(block, self._last)

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
            self.tested.fit(self._learned)
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
        self.tested.arm()
        self._open, self._parts, self._since, self._closed = Block(), 0, None, 0
        self.state, self.detail = "armed", ""

    def views(self) -> tuple[StreamView, tuple[ChannelView, ...]]:
        """As shown in status and metrics; blocks are counted as full ones."""
        needed = self._needed * BLOCK_PARTS
        done = len(self._learned) * BLOCK_PARTS + self._parts if self.state == "learning" else needed
        stream = StreamView(self.name, self.state, done, needed, self.detail)
        return stream, self.tested.views(self.name, self._closed) if self.state == "armed" else ()

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "state": self.state,
            "detail": self.detail,
            "tested": self.tested.save(),
            "learned": [dict(block) for block in self._learned],
            "tried": self._tried,
            "open": (dict(self._open), self._since, self._last),
            "closed": self._closed,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.tested.load(saved["tested"])
        self.state, self.detail = saved["state"], saved["detail"]
        self._learned = [Block(block) for block in saved["learned"]]
        self._tried = saved["tried"]
        counts, self._since, self._last = saved["open"]
        self._open, self._closed = Block(counts), saved["closed"]
        self._parts = self._open.total()
