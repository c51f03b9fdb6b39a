"""The state of the world while a part is made, photographed and judged. Causes change it; nothing else does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from agent.demo.line.imaging import Imaging
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.parts import Coil
from agent.demo.line.scene import AS_BUILT, Pose


@dataclass(frozen=True, slots=True)
class Judge:
    """What judges the parts: the shipped model as a vendor may have changed it. None: as shipped."""

    version: str | None = None
    gain: float = 1.0  # its log odds are multiplied by this
    threshold: float | None = None


AS_SHIPPED: Final = Judge()


@dataclass(frozen=True, slots=True)
class Conditions:
    """The world at one part."""

    coil: Coil
    imaging: Imaging
    die_share: float = 0.0  # parts with a misplaced hole
    relief: float = 1.0  # contrast of cracks and scratches
    camera: Pose = AS_BUILT
    seat: Pose = AS_BUILT
    jitter_px: float = ASSUMED.pose_jitter_px  # of parts along the belt, rms
    wear_px: float = 0.0  # lost by every hole's radius
    judge: Judge = AS_SHIPPED
    recipe: str = "bracket-4"


class World(Protocol):
    """What happens on a line and when. Part numbers count from 1."""

    @property
    def last(self) -> int:
        """The last part made."""
        ...

    def next_change(self, part: int) -> int:
        """The first part after `part` that is made under other conditions, at most last + 1."""
        ...

    def conditions(self, part: int) -> Conditions:
        """The world at a part."""
        ...
