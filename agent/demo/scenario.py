"""What happens on the simulated line and when: drawn from the seed, known to the demo process alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from agent.demo.imaging import Imaging
from agent.demo.magnitudes import ASSUMED, SOURCED
from agent.demo.parts import Coil, draw_coil

BASELINE_PARTS: Final = 2500
# In part numbers after the baseline: the new coil, then the failure, come somewhere inside these.
_COIL_AFTER: Final = (350, 500)
_ONSET_AFTER_COIL: Final = (450, 750)
# The story ends this long after the onset if nothing was noticed; without a fault it ends after so many monitored parts.
PATIENCE_PARTS: Final = 3000
QUIET_PARTS: Final = 2500


class Cause(StrEnum):
    """The silent failure."""

    OVEREXPOSURE = "overexposure"
    LAMP_RAISED = "lamp_raised"
    DIE = "die"


DESCRIPTIONS: Final = {
    Cause.OVEREXPOSURE: "at a lamp service the exposure was set {size:.2f} times too long: scratches burn out to white",
    Cause.LAMP_RAISED: "at a lamp service the bar light was refitted too steep: cracks and scratches keep {size:.0%} of their "
    "contrast",
    Cause.DIE: "a die insert has come loose: {size:.1%} of the parts have a misplaced hole, a defect the model was never shown",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of the world while one part is made and inspected."""

    coil: Coil
    imaging: Imaging
    die_share: float = 0.0
    relief: float = 1.0


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
        """The first part after `part` that is made under other conditions, at most last + 1."""
        changes = [at for at in (self.coil_at, self.onset_at) if at is not None and at > part]
        return min([*changes, self.last + 1])

    def conditions(self, part: int) -> Conditions:
        """The world at a part."""
        a = ASSUMED
        hours = part * a.cycle_s / 3600
        lamp = 1.0 - SOURCED.lamp_fade_per_1000_h * hours / 1000
        coil = self.second_coil if self.coil_at is not None and part >= self.coil_at else self.first_coil
        broken = self.cause if self.onset_at is not None and part >= self.onset_at else None
        match broken:
            case Cause.OVEREXPOSURE:
                return Conditions(coil, Imaging(lamp=lamp, exposure=self.size / coil.grey))
            case Cause.LAMP_RAISED:
                return Conditions(coil, Imaging(lamp=lamp * self.gain), 0.0, self.size)
            case Cause.DIE:
                return Conditions(coil, Imaging(lamp=lamp), self.size)
            case None:
                return Conditions(coil, Imaging(lamp=lamp))


def draw_scenario(rng: np.random.Generator, *, fault: bool) -> Scenario:
    """A scenario of the seed's own; without a fault the line runs on as it was learned, on one coil."""
    a = ASSUMED
    first = draw_coil("C4711", rng)
    grey = 1.0 + rng.choice([-1.0, 1.0]) * rng.uniform(*a.coil_grey_step)
    second = draw_coil("C4712", rng, grey=float(grey), contrast=float(rng.uniform(*a.coil_texture_step)))
    cause = list(Cause)[int(rng.integers(len(Cause)))]
    sizes = {
        Cause.OVEREXPOSURE: rng.uniform(*a.overexposure),
        Cause.LAMP_RAISED: rng.uniform(*a.lamp_raised_relief),
        Cause.DIE: a.die_share,
    }
    gain = float(rng.uniform(*a.lamp_raised_gain))
    coil_at = BASELINE_PARTS + int(rng.integers(*_COIL_AFTER))
    onset_at = coil_at + int(rng.integers(*_ONSET_AFTER_COIL))
    if not fault:
        return Scenario(first, second, None, None, None, 0.0, 1.0, BASELINE_PARTS + QUIET_PARTS)
    return Scenario(first, second, coil_at, onset_at, cause, float(sizes[cause]), gain, onset_at + PATIENCE_PARTS)
