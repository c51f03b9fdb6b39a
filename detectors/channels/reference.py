"""What a view is compared with: the places in its golden frame that an engineer has drawn. Numbers only, no picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rect = tuple[int, int, int, int]  # x, y, width, height in pixels of the golden frame
Point = tuple[float, float]
Tone = Literal["bright", "dark"]


@dataclass(frozen=True, slots=True)
class Caliper:
    """A line across two opposite edges; their distance is a channel. tone: of what lies between the edges.

    width_px: over which the picture is averaged, across the line. tolerance: in mm where the reference has px_per_mm, else in px.
    """

    name: str
    start: Point
    end: Point
    width_px: float
    tone: Tone
    tolerance: float


@dataclass(frozen=True, slots=True)
class Reference:
    """fixtures: regions that never move, in front of this camera. part: where the part is, with a rim of background around it.

    outline: how the part stands out from that background, none where it cannot be told. field: where the part has to stay, None
    the whole frame. px_per_mm: scale of the calipers.
    """

    fixtures: tuple[Rect, ...] = ()
    part: Rect | None = None
    outline: Tone | Literal["none"] = "none"
    field: Rect | None = None
    px_per_mm: float | None = None
    calipers: tuple[Caliper, ...] = ()
