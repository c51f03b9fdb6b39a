"""What happens in the demo and when: drawn from the seed, known to the demo process alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from agent.demo.line.causes import Cause, Change, Storyline
from agent.demo.line.conditions import Conditions
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.parts import Coil, draw_coil

BASELINE_PARTS: Final = 2500
# In part numbers after the baseline: the new coil, then the failure, come somewhere inside these.
_COIL_AFTER: Final = (350, 500)
_ONSET_AFTER_COIL: Final = (450, 750)
# The story ends this long after the onset if nothing was noticed; without a fault it ends after so many monitored parts.
PATIENCE_PARTS: Final = 3000
QUIET_PARTS: Final = 2500

# The silent failures the seed chooses from.
DESCRIPTIONS: Final = {
    Cause.OVEREXPOSURE: "at a lamp service the exposure was set {size:.2f} times too long: scratches burn out to white",
    Cause.LAMP_RAISED: "at a lamp service the bar light was refitted too steep: cracks and scratches keep {size:.0%} of their "
    "contrast",
    Cause.NEW_DEFECT: "a die insert has come loose: {size:.1%} of the parts have a misplaced hole, a defect the model was never "
    "shown",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Part numbers count from 1. coil_at, onset_at: first part affected; None without a fault."""

    first_coil: Coil
    second_coil: Coil
    coil_at: int | None
    onset_at: int | None
    cause: Cause | None
    size: float
    gain: float
    last: int

    @property
    def description(self) -> str:
        """What broke, in a sentence; empty where nothing does."""
        return "" if self.cause is None else DESCRIPTIONS[self.cause].format(size=self.size)

    def next_change(self, part: int) -> int:
        """See `agent.demo.line.conditions.World`."""
        return self._story.next_change(part)

    def conditions(self, part: int) -> Conditions:
        """See `agent.demo.line.conditions.World`."""
        return self._story.conditions(part)

    @property
    def _story(self) -> Storyline:
        changes = []
        if self.coil_at is not None:
            changes.append(Change(Cause.HARMLESS_COIL, self.coil_at, self.second_coil.grey - 1.0, coil=self.second_coil))
        if self.onset_at is not None and self.cause is not None:
            changes.append(Change(self.cause, self.onset_at, self.size, gain=self.gain))
        return Storyline(self.first_coil, self.last, changes)


def draw_scenario(rng: np.random.Generator, *, fault: bool) -> Scenario:
    """A scenario of the seed's own; without a fault the line runs on as it was learned, on one coil."""
    a = ASSUMED
    first = draw_coil("C4711", rng)
    grey = 1.0 + rng.choice([-1.0, 1.0]) * rng.uniform(*a.coil_grey_step)
    second = draw_coil("C4712", rng, grey=float(grey), contrast=float(rng.uniform(*a.coil_texture_step)))
    causes = list(DESCRIPTIONS)
    cause = causes[int(rng.integers(len(causes)))]
    sizes = {
        Cause.OVEREXPOSURE: rng.uniform(*a.overexposure),
        Cause.LAMP_RAISED: rng.uniform(*a.lamp_raised_relief),
        Cause.NEW_DEFECT: a.die_share,
    }
    gain = float(rng.uniform(*a.lamp_raised_gain))
    coil_at = BASELINE_PARTS + int(rng.integers(*_COIL_AFTER))
    onset_at = coil_at + int(rng.integers(*_ONSET_AFTER_COIL))
    if not fault:
        return Scenario(first, second, None, None, None, 0.0, 1.0, BASELINE_PARTS + QUIET_PARTS)
    return Scenario(first, second, coil_at, onset_at, cause, float(sizes[cause]), gain, onset_at + PATIENCE_PARTS)
