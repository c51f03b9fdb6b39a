"""The line: parts are made, photographed, judged by the model and audited; what the agent may know, and the truth beside it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.demo.line.conditions import World
from agent.demo.line.imaging import expose
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.model import Classifier, Identity
from agent.demo.line.parts import Defect, draw_defects, render_parts

# The simulated clock starts here, so that a seed gives the same records on any day.
STARTED_AT: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
BATCH: Final = 32
_BOX_PARTS: Final = 50


@dataclass(frozen=True, slots=True)
class Part:
    """One part after inspection. `defect` is the truth; frame (*FRAME) uint8; model: what judged it, as the records say."""

    number: int
    captured_at: datetime
    defect: Defect
    frame: NDArray[np.uint8]
    p_defect: float
    passed: bool
    coil: str
    recipe: str
    model: Identity

    @property
    def part_id(self) -> str:
        """As the records name it."""
        return f"P{self.number:06d}"

    @property
    def box(self) -> str:
        """The box it lies in."""
        return f"B{1 + (self.number - 1) // _BOX_PARTS:04d}"

    @property
    def is_defective(self) -> bool:
        """Whether a person with the part in hand would reject it."""
        return self.defect is not Defect.NONE

    @property
    def escaped(self) -> bool:
        """Whether it is defective and was passed."""
        return self.passed and self.is_defective


@dataclass(frozen=True, slots=True)
class Audit:
    """The confirmed result of one re-inspection; probability None for commissioning, where every part is looked at."""

    part: Part
    observed_at: datetime
    probability: float | None


def captured_at(number: int) -> datetime:
    """Simulated time of a part's frame."""
    return STARTED_AT + timedelta(seconds=number * ASSUMED.cycle_s)


class Line:
    """Makes parts in order, by batches, each from its own draw of the seed's stream."""

    def __init__(self, world: World, classifier: Classifier, rng: np.random.Generator, *, made: int = 0) -> None:
        """made: parts made before, by another line of the same station; numbers go on from there."""
        self._world = world
        self._classifier = classifier
        self._rng = rng
        self._made = made

    def make(self) -> list[Part]:
        """The next parts, at most 32, all under the same conditions; none when the world has ended."""
        first = self._made + 1
        count = min(BATCH, self._world.next_change(first) - first)
        if count <= 0:
            return []
        world = self._world.conditions(first)
        defects = draw_defects(count, self._rng, die_share=world.die_share)
        maps = render_parts(
            defects,
            world.coil,
            self._rng,
            relief=world.relief,
            camera=world.camera,
            seat=world.seat,
            jitter_px=world.jitter_px,
            wear_px=world.wear_px,
        )
        frames = expose(maps, world.imaging, self._rng)
        claims, identity = self._classifier.judge(frames, world.judge)
        self._made += count
        return [
            Part(
                first + t,
                captured_at(first + t),
                defects[t],
                frames[t],
                float(p),
                bool(p < identity.threshold),
                world.coil.name,
                world.recipe,
                identity,
            )
            for t, p in enumerate(claims)
        ]


class Audits:
    """Every baseline part is examined; afterwards passed parts are drawn uniformly, and every reject is looked at again.

    Examination is by gauge and dye penetrant with a second look at each find: taken to be free of error (an assumption).
    """

    def __init__(self, rng: np.random.Generator, baseline_parts: int) -> None:
        self._rng = rng
        self._baseline_parts = baseline_parts
        self._due: list[tuple[datetime, int, Audit]] = []

    def draw(self, part: Part) -> None:
        """Decide, on seeing only its verdict, whether a part will be examined."""
        chance = self._rng.random()  # drawn for every part, so that one verdict does not move all later draws
        baseline = part.number <= self._baseline_parts
        if not baseline and part.passed and chance >= ASSUMED.audit_share:
            return
        probability = None if baseline else ASSUMED.audit_share if part.passed else 1.0
        due_at = part.captured_at + timedelta(seconds=ASSUMED.audit_delay_s * 0.9)
        heapq.heappush(self._due, (due_at, part.number, Audit(part, due_at, probability)))

    def due(self, now: datetime) -> list[Audit]:
        """Results that are in by now, oldest first, each once."""
        ready = []
        while self._due and self._due[0][0] <= now:
            ready.append(heapq.heappop(self._due)[2])
        return ready
