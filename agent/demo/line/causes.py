"""What can happen to a line: causes as changes of the world from a part on, with their truth; known to the simulation alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from agent.demo.line.conditions import Conditions
from agent.demo.line.imaging import Imaging
from agent.demo.line.magnitudes import ASSUMED, SOURCED, SWEEPS
from agent.demo.line.parts import Coil, draw_coil
from agent.demo.line.scene import Pose

# A cause that grows moves once in so many parts: pictures are rendered by batches.
_RAMP_STEP: Final = 32


class Cause(StrEnum):
    """Everything this line can suffer, and two things that are nothing (the last two)."""

    LAMP_DIMMING = "lamp_dimming"
    SEGMENT_DARK = "segment_dark"
    DIRTY_WINDOW = "dirty_window"
    DEFOCUS = "defocus"
    OVEREXPOSURE = "overexposure"
    LAMP_RAISED = "lamp_raised"
    CAMERA_BUMP = "camera_bump"
    FIXTURE_WEAR = "fixture_wear"
    TOOL_WEAR = "tool_wear"
    NEW_LOT = "new_lot"
    NEW_DEFECT = "new_defect"
    MODEL_SWAPPED = "model_swapped"
    THRESHOLD_EDITED = "threshold_edited"
    STRAY_LIGHT = "stray_light"
    TRIGGER_JITTER = "trigger_jitter"
    HARMLESS_COIL = "harmless_coil"
    RECIPE_CHANGEOVER = "recipe_changeover"


@dataclass(frozen=True, slots=True)
class Change:
    """One cause at work from part `onset` on, in full after `ramp_parts`. size: in the unit of its entry in SWEEPS.

    heading: direction, in radians, of what moves. coil: the new one, where a coil is the cause. gain: brightness that comes with a
    raised lamp.
    """

    cause: Cause
    onset: int
    size: float
    ramp_parts: int = 0
    heading: float = 0.0
    coil: Coil | None = None
    gain: float = 1.0

    def strength(self, part: int) -> float:
        """Share of the whole that has come by a part, 0 before the onset."""
        if part < self.onset:
            return 0.0
        if not self.ramp_parts:
            return 1.0
        steps = max(1, self.ramp_parts // _RAMP_STEP)
        return min(1.0, ((part - self.onset) // _RAMP_STEP + 1) / steps)

    def next_step(self, part: int) -> float:
        """The first part after `part` at which it is stronger."""
        if part < self.onset:
            return self.onset
        if self.strength(part) >= 1.0:
            return math.inf
        return self.onset + _RAMP_STEP * ((part - self.onset) // _RAMP_STEP + 1)

    def applied(self, world: Conditions, part: int) -> Conditions:
        """The world with this cause at work in it."""
        share = self.strength(part)
        return _EFFECTS[self.cause](world, self, share) if share else world

    def pose(self, share: float) -> Pose:
        """How far what moves has moved."""
        return Pose(share * self.size * math.cos(self.heading), share * self.size * math.sin(self.heading))

    @property
    def strip(self) -> Coil:
        """The new coil; only causes that bring one have it."""
        assert self.coil is not None
        return self.coil


def _light(world: Conditions, **changed: float) -> Conditions:
    return replace(world, imaging=replace(world.imaging, **changed))


# What each cause does to the world, given how much of it has come (0 to 1).
_EFFECTS: Final[dict[Cause, Callable[[Conditions, Change, float], Conditions]]] = {
    Cause.LAMP_DIMMING: lambda w, c, share: _light(w, lamp=w.imaging.lamp * (1.0 - share * c.size)),
    Cause.SEGMENT_DARK: lambda w, c, share: _light(w, dark_segment=share * c.size),
    Cause.DIRTY_WINDOW: lambda w, c, share: _light(w, haze=share * c.size),
    Cause.DEFOCUS: lambda w, c, share: _light(w, blur_px=w.imaging.blur_px * c.size**share),
    Cause.OVEREXPOSURE: lambda w, c, _: _light(w, exposure=c.size / w.coil.grey),
    Cause.LAMP_RAISED: lambda w, c, _: replace(_light(w, lamp=w.imaging.lamp * c.gain), relief=c.size),
    Cause.CAMERA_BUMP: lambda w, c, share: replace(w, camera=replace(c.pose(share), degrees=0.2 * share * c.size)),
    Cause.FIXTURE_WEAR: lambda w, c, share: replace(w, seat=c.pose(share)),
    Cause.TOOL_WEAR: lambda w, c, share: replace(w, wear_px=share * c.size),
    Cause.NEW_LOT: lambda w, c, _: replace(w, coil=c.strip),
    Cause.HARMLESS_COIL: lambda w, c, _: replace(w, coil=c.strip),
    Cause.NEW_DEFECT: lambda w, c, share: replace(w, die_share=share * c.size),
    Cause.MODEL_SWAPPED: lambda w, c, _: replace(w, judge=replace(w.judge, version="2", gain=c.size)),
    Cause.THRESHOLD_EDITED: lambda w, c, _: replace(w, judge=replace(w.judge, threshold=c.size)),
    Cause.STRAY_LIGHT: lambda w, c, share: _light(w, ambient=w.imaging.ambient + share * c.size),
    Cause.TRIGGER_JITTER: lambda w, c, share: replace(w, jitter_px=w.jitter_px + share * (c.size - w.jitter_px)),
    Cause.RECIPE_CHANGEOVER: lambda w, c, _: replace(w, coil=c.strip, recipe="bracket-4c"),
}


def draw_change(cause: Cause, size: float, onset: int, rng: np.random.Generator) -> Change:
    """A change of this cause and size; direction and coil are drawn."""
    sweep = SWEEPS[cause]
    heading, sign = float(rng.uniform(0.0, 2.0 * math.pi)), float(rng.choice([-1.0, 1.0]))
    coil = None
    match cause:
        case Cause.NEW_LOT:
            coil = draw_coil("C4799", rng, grey=1.0 + sign * size, contrast=1.0 + 3.0 * size)
        case Cause.HARMLESS_COIL:
            coil = draw_coil("C4712", rng, grey=1.0 + sign * size, contrast=float(rng.uniform(*ASSUMED.coil_texture_step)))
        case Cause.RECIPE_CHANGEOVER:
            coil = draw_coated(rng)
    return Change(cause, onset, size, sweep.ramp_parts, heading, coil)


def draw_coated(rng: np.random.Generator) -> Coil:
    """The strip of the second recipe."""
    return draw_coil("K0017", rng, grey=ASSUMED.coated_grey, contrast=ASSUMED.coated_contrast)


@dataclass(frozen=True, slots=True)
class Storyline:
    """A world in which some things happen: the line's own ageing, then the changes, in order."""

    coil: Coil
    last: int
    changes: Sequence[Change] = ()

    def next_change(self, part: int) -> int:
        """See `World`."""
        return int(min([self.last + 1, *(change.next_step(part) for change in self.changes)]))

    def conditions(self, part: int) -> Conditions:
        """See `World`."""
        world = undisturbed(self.coil, part)
        for change in self.changes:
            world = change.applied(world, part)
        return world


def undisturbed(coil: Coil, part: int) -> Conditions:
    """The line as it is when nothing happens at this part: the lamp ages at its sourced rate."""
    hours = part * ASSUMED.cycle_s / 3600
    return Conditions(coil, Imaging(lamp=1.0 - SOURCED.lamp_fade_per_1000_h * hours / 1000))
