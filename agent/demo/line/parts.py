"""The parts: stamped steel brackets with four holes, their true defects, and their reflectance as seen from above.

Truth lives here and in the demo process only; the agent is sent frames, verdicts and audit results.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.scene import AS_BUILT, FRAME, Pose, box_distance, coverage, disc_distance, draw_background, scene_coordinates

Float32 = NDArray[np.float32]

# The drawing, pixels from the centre of the part: half width and height, corner radius, holes (x, y, radius).
_HALF: Final = (38.0, 29.0)
_CORNER: Final = 6.0
HOLES: Final = ((-26.0, -17.0, 4.5), (26.0, -17.0, 4.5), (-16.0, 12.0, 6.5), (16.0, 12.0, 6.5))
_SHIFT: Final = 4  # sub-pixel bits of OpenCV's drawing
_TILE: Final = 256


class Defect(StrEnum):
    """What is wrong with a part, as a person with the part in hand would name it."""

    NONE = "none"
    SCRATCH = "scratch"
    CRACK = "crack"
    MISSING_HOLE = "missing_hole"
    BURR = "burr"
    MISPLACED_HOLE = "misplaced_hole"  # no model of this line was ever shown one


KNOWN_DEFECTS: Final = (Defect.SCRATCH, Defect.CRACK, Defect.MISSING_HOLE, Defect.BURR)


@dataclass(frozen=True, slots=True)
class Coil:
    """One coil of strip: its name, grey level (1 = commissioning) and brushed texture, a periodic tile (256, 256) of mean 0."""

    name: str
    grey: float
    texture: Float32


def draw_coil(name: str, rng: np.random.Generator, *, grey: float = 1.0, contrast: float = 1.0) -> Coil:
    """A coil with texture of its own; `grey` and `contrast` are relative to the commissioning coil."""
    noise = rng.standard_normal((_TILE, _TILE)).astype(np.float32)
    wrapped = np.tile(noise, (3, 3))
    brushed = cv2.GaussianBlur(wrapped, (0, 0), sigmaX=5.0, sigmaY=0.8)[_TILE : 2 * _TILE, _TILE : 2 * _TILE]
    brushed = brushed - brushed.mean()
    return Coil(name, grey, np.asarray(brushed / brushed.std() * ASSUMED.texture_contrast * contrast, dtype=np.float32))


def draw_defects(count: int, rng: np.random.Generator, *, die_share: float = 0.0) -> list[Defect]:
    """True states of `count` parts at the process's ordinary defect shares, plus misplaced holes at `die_share`."""
    a = ASSUMED
    shares = (a.scratch_share, a.crack_share, a.missing_hole_share, a.burr_share, die_share)
    kinds = (*KNOWN_DEFECTS, Defect.MISPLACED_HOLE, Defect.NONE)
    edges = np.cumsum(shares)
    return [kinds[i] for i in np.searchsorted(edges, rng.random(count), side="right")]


def render_parts(
    defects: list[Defect],
    coil: Coil,
    rng: np.random.Generator,
    *,
    relief: float = 1.0,
    camera: Pose = AS_BUILT,
    seat: Pose = AS_BUILT,
    jitter_px: float = ASSUMED.pose_jitter_px,
    wear_px: float = 0.0,
) -> Float32:
    """Reflectance maps of parts in their nests, (T, *FRAME) float32 in 0..1; pose, gloss and texture differ from part to part.

    relief: how much of their commissioning contrast cracks and scratches have; they are seen by the shadow and the glint of their
    flanks, which depend on how low the light comes in. camera: how the whole scene lies in the picture. seat: how a part lies
    in the nest, on average. jitter_px: how far it lies from there along the belt, rms. wear_px: what worn punches leave of
    every hole's radius.
    """
    count = len(defects)
    dx, dy = rng.normal(0.0, ASSUMED.pose_jitter_px, (2, count)) + np.array([[seat.dx], [seat.dy]])
    dx += (dx - seat.dx) * (jitter_px / ASSUMED.pose_jitter_px - 1.0)
    angle = np.deg2rad(rng.normal(0.0, ASSUMED.pose_jitter_deg, count) + seat.degrees)
    gloss = 1.0 + rng.normal(0.0, ASSUMED.part_gloss, count)
    u, v = _part_coordinates(dx, dy, angle, camera)
    holes, changed_hole = _holes_of(defects, rng)
    holes[:, :, 2] -= wear_px
    outline = box_distance(u, v, _HALF, _CORNER)
    plate = coverage(outline)
    for k in range(len(HOLES)):
        x, y, radius = (holes[:, k, i, None, None].astype(np.float32) for i in range(3))
        near = _around(holes[:, k], (dx, dy, angle), camera)
        plate[near] *= 1.0 - coverage(disc_distance(u[near] - x, v[near] - y, radius))
    surface = np.empty((count, *FRAME), np.float32)
    offsets = rng.integers(0, _TILE - max(FRAME), (count, 2))
    for t, (row, column) in enumerate(offsets):
        surface[t] = coil.texture[row : row + FRAME[0], column : column + FRAME[1]]
    surface += 1.0
    surface *= (ASSUMED.plate_reflectance * coil.grey * gloss)[:, None, None].astype(np.float32)
    below = np.where(outline < 0, np.float32(ASSUMED.hole_reflectance), draw_background(camera))
    maps = plate * surface + (1.0 - plate) * below
    for t, defect in enumerate(defects):
        if defect in {Defect.SCRATCH, Defect.CRACK, Defect.BURR}:
            _draw_line_defect(maps[t], defect, changed_hole[t], (dx[t], dy[t], angle[t]), camera, relief, rng)
    return np.asarray(maps, np.float32)


def _part_coordinates(
    dx: NDArray[np.float64], dy: NDArray[np.float64], angle: NDArray[np.float64], camera: Pose
) -> tuple[Float32, Float32]:
    x, y = scene_coordinates(camera)
    x = x[None] - dx[:, None, None].astype(np.float32)
    y = y[None] - dy[:, None, None].astype(np.float32)
    c, s = (f(angle)[:, None, None].astype(np.float32) for f in (np.cos, np.sin))
    return c * x + s * y, c * y - s * x


def _around(
    holes: NDArray[np.float64], poses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], camera: Pose
) -> tuple[slice, slice, slice]:
    """The window of all frames outside of which none of these holes (T, 3) changes a pixel."""
    centres = np.concatenate([_placed(holes[t : t + 1, :2], pose) for t, pose in enumerate(zip(*poses, strict=True))])
    reach = float(np.abs(holes[:, 2]).max()) + 2.0
    (left, top), (right, bottom) = (camera.to_image(centres).min(axis=0) - reach, camera.to_image(centres).max(axis=0) + reach)
    return slice(None), slice(max(0, int(top)), max(0, int(bottom) + 2)), slice(max(0, int(left)), max(0, int(right) + 2))


def _holes_of(defects: list[Defect], rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Holes as punched, (T, 4, 3), and which hole each part's defect sits at, (T,)."""
    holes = np.tile(np.array(HOLES), (len(defects), 1, 1))
    which = rng.integers(0, len(HOLES), len(defects))
    for t, defect in enumerate(defects):
        if defect is Defect.MISSING_HOLE:
            holes[t, which[t], 2] = -2.0
        elif defect is Defect.MISPLACED_HOLE:
            which[t] = 2  # the loose insert punches this hole
            direction = rng.uniform(0, 2 * np.pi)
            offset = rng.uniform(*ASSUMED.die_offset_px)
            holes[t, 2, :2] += offset * np.array([np.cos(direction), np.sin(direction)])
    return holes, which


def _draw_line_defect(
    image: Float32,
    defect: Defect,
    hole: int,
    pose: tuple[float, float, float],
    camera: Pose,
    relief: float,
    rng: np.random.Generator,
) -> None:
    """Draw one scratch, crack or burr into a reflectance map, in place."""
    a = ASSUMED
    hx, hy, radius = HOLES[hole]
    if defect is Defect.CRACK:  # starts at a hole's rim and wanders towards the middle of the plate
        heading = np.arctan2(-hy, -hx) + rng.uniform(-0.9, 0.9)
        points = _wander((hx, hy), radius, heading, rng.uniform(*a.crack_length_px), 0.35, rng)
        depth = -relief * rng.uniform(*a.crack_depth)
    elif defect is Defect.SCRATCH:
        start = (rng.uniform(-24, 24), rng.uniform(-20, 20))
        points = _wander(start, 0.0, rng.uniform(0, 2 * np.pi), rng.uniform(*a.scratch_length_px), 0.05, rng)
        depth = relief * rng.uniform(*a.scratch_depth)
    else:  # a burr stands into the hole, bright against the dark
        heading = rng.uniform(0, 2 * np.pi)
        points = _wander((hx, hy), radius + 0.5, heading, -rng.uniform(*a.burr_length_px), 0.2, rng)
        depth = rng.uniform(0.7, 1.0)
    mask = np.zeros(image.shape, np.uint8)
    fixed = np.round(camera.to_image(_placed(points, pose)) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(mask, [fixed.reshape(-1, 1, 2)], False, 255, 1 + (defect is Defect.BURR), cv2.LINE_AA, _SHIFT)  # noqa: FBT003
    alpha = mask.astype(np.float32) / 255.0
    if defect is Defect.BURR:
        image += alpha * np.float32(depth) * np.maximum(np.float32(a.plate_reflectance) - image, 0)
    else:
        on_plate = image > np.float32(0.5 * a.plate_reflectance)
        image *= 1.0 + alpha * np.float32(depth) * on_plate


def _wander(
    centre: tuple[float, float], skip: float, heading: float, length: float, turn: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A polyline of 6 steps from `skip` px off `centre`, its heading drifting by `turn` radians a step, (7, 2)."""
    headings = heading + np.cumsum(np.concatenate([[0.0], rng.normal(0.0, turn, 5)]))
    steps = length / 6 * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    start = np.array(centre) + skip * np.array([np.cos(heading), np.sin(heading)])
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def _placed(points: NDArray[np.float64], pose: tuple[float, float, float]) -> NDArray[np.float64]:
    """Points of the part where the part lies in the scene."""
    dx, dy, angle = pose
    c, s = np.cos(angle), np.sin(angle)
    turned = np.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]], axis=1)
    placed: NDArray[np.float64] = turned + np.array([dx, dy])
    return placed
