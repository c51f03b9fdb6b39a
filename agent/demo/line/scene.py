"""The scene around the part: belt and fixture jaws, seen by a camera whose pose may change; geometry shared with the parts.

Scene coordinates are pixels of the camera as commissioned, from the middle of the frame. The jaws hold the part left and right of
its field: what moves with them is the camera, what moves without them is the part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.demo.line.magnitudes import ASSUMED

FRAME: Final = (128, 144)  # frame height and width, pixels
_FIELD: Final = 96  # side of the part's own field in the middle
Float32 = NDArray[np.float32]

# The drawing of one jaw, from the middle of the scene, mirrored for the other: middle x, y, half width and height, corner radius.
_JAW: Final = (61.0, 0.0, 9.0, 50.0, 3.0)
# Bores of one jaw (y, radius), on its middle line: unequal, so that a shift along the jaw shows.
_BORES: Final = ((-38.0, 4.0), (-14.0, 5.5), (9.0, 3.5), (34.0, 5.0))


@dataclass(frozen=True, slots=True)
class Pose:
    """A shift in pixels and a turn in degrees, about the middle of the frame."""

    dx: float = 0.0
    dy: float = 0.0
    degrees: float = 0.0

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scene points (N, 2), x first, as pixels of a camera in this pose."""
        c, s = np.cos(np.deg2rad(self.degrees)), np.sin(np.deg2rad(self.degrees))
        turned = np.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]], axis=1)
        image: NDArray[np.float64] = turned + np.array([self.dx + (FRAME[1] - 1) / 2, self.dy + (FRAME[0] - 1) / 2])
        return image


AS_BUILT: Final = Pose()


def field(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part's own field of frames (T, *FRAME), as the model is shown it: the middle 96 by 96 pixels, contiguous."""
    top, left = ((side - _FIELD) // 2 for side in FRAME)
    return np.ascontiguousarray(frames[:, top : top + _FIELD, left : left + _FIELD])


@lru_cache(maxsize=8)
def scene_coordinates(camera: Pose) -> tuple[Float32, Float32]:
    """Scene coordinates x, y of every pixel, each (*FRAME)."""
    column = np.arange(FRAME[1], dtype=np.float32)[None, :] - np.float32((FRAME[1] - 1) / 2 + camera.dx)
    row = np.arange(FRAME[0], dtype=np.float32)[:, None] - np.float32((FRAME[0] - 1) / 2 + camera.dy)
    c, s = np.float32(np.cos(np.deg2rad(camera.degrees))), np.float32(np.sin(np.deg2rad(camera.degrees)))
    return c * column + s * row, c * row - s * column


@lru_cache(maxsize=8)
def draw_background(camera: Pose) -> Float32:
    """Reflectance of belt and jaws without a part, (*FRAME)."""
    x, y = scene_coordinates(camera)
    middle, height, half_x, half_y, corner = _JAW
    jaws = coverage(box_distance(np.abs(x) - np.float32(middle), y - np.float32(height), (half_x, half_y), corner))
    for bore, radius in _BORES:
        jaws = jaws * (1.0 - coverage(disc_distance(np.abs(x) - np.float32(middle), y - np.float32(bore), np.float32(radius))))
    a = ASSUMED
    return np.asarray(a.belt_reflectance + jaws * (a.jaw_reflectance - a.belt_reflectance), np.float32)


def box_distance(u: Float32, v: Float32, half: tuple[float, float], corner: float) -> Float32:
    """Signed distance to a box with round corners about the origin, pixels, negative inside."""
    a, b = np.abs(u) - np.float32(half[0] - corner), np.abs(v) - np.float32(half[1] - corner)
    outside = np.hypot(np.maximum(a, 0), np.maximum(b, 0))
    distance: Float32 = outside + np.minimum(np.maximum(a, b), 0) - np.float32(corner)
    return distance


def disc_distance(u: Float32, v: Float32, radius: Float32 | np.float32) -> Float32:
    """Signed distance to a disc about the origin, pixels, negative inside."""
    distance: Float32 = np.hypot(u, v) - radius
    return distance


def coverage(distance: Float32) -> Float32:
    """Share of each pixel inside an edge at this signed distance."""
    covered: Float32 = np.clip(np.float32(0.5) - distance, 0.0, 1.0)
    return covered
