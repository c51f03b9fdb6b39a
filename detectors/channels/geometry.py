"""Geometry channels: where the camera is against its golden frame, where the part is against the camera, and the part's outline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.channels.picture import Image, shrink
from detectors.channels.reference import Rect, Tone
from detectors.channels.registration import Registered, Registration, found_coarsely
from detectors.channels.similarity import Similarity
from detectors.contract import FloatArray

_REACH = 0.06  # of the longer side: how far the camera may have moved and still be found
_OWN_REACH_PX = 6  # of a fixture beside the common shift, on the small image: a rotation of about a degree
_PART_REACH = 0.12
_PART_COARSE_PX = 64  # longer side of the part where it is sought, and where its pose is refined
_PART_FINE_PX = 256
_PIECE = 0.05  # of the golden part's area: smaller pieces of foreground are dirt
_LEAST_SEPARATION = 0.25  # of the golden part's contrast to its background, beside what dimming takes: below it there is no part
_LEAST_GREY = 8.0  # grey levels between part and background that an outline needs
_BURR_PX = 5  # of the small image: width of the disc that opens and closes the outline

Mask = NDArray[np.uint8]


def scaled(rect: Rect, factor: int) -> Rect:
    """A rectangle on a picture shrunk by `factor`: the whole pixels inside it."""
    x, y, w, h = rect
    left, top = -(-x // factor), -(-y // factor)
    return left, top, (x + w) // factor - left, (y + h) // factor - top


class Camera:
    """The camera's pose from fixtures that never move."""

    def __init__(self, golden: Image, small: Image, factor: int, fixtures: tuple[Rect, ...]) -> None:
        self._small, self._factor = small, factor
        self._registration = Registration(golden, fixtures, with_scale=True)
        anchors = [scaled(fixtures[k], factor) for k in self._registration.anchors]
        self._anchors = [rect for rect in anchors if min(rect[2:]) >= 5]
        self._reach = max(12, round(_REACH * max(small.shape)))
        self._sizes = [w * h for _, _, w, h in fixtures]
        self.is_determined = self._registration.is_determined and bool(self._anchors)

    def find(self, image: Image, small: Image) -> Registered:
        """image: full resolution. small: it, grey and shrunk."""
        start = Similarity()
        if self._anchors:
            start = found_coarsely(self._small, small, self._anchors, start, self._reach, _OWN_REACH_PX).at_full(self._factor)
        return self._registration.find(image, start)

    def values(self, registered: Registered, centre: complex) -> list[float]:
        """Shift x, y (px, at the frame's centre), rotation (°), scale (%), match of the fixtures (correlation)."""
        match = float(np.average(registered.matches, weights=self._sizes))
        pose = registered.pose
        if pose is None:
            return [math.nan] * 4 + [match]
        shift = pose.shift_at(centre)
        return [shift.real, shift.imag, pose.rotation_deg, pose.scale_percent, match]


class Part:
    """The part's pose: its region of the golden frame found again, coarsely and then finely, on a shrunk picture."""

    def __init__(self, small: Image, factor: int, part: Rect) -> None:
        longer = max(part[2:]) / factor
        fine = max(1, round(longer / _PART_FINE_PX))
        coarse = fine * max(1, round(longer / fine / _PART_COARSE_PX))
        self._fine, self._coarse = factor * fine, factor * coarse
        self._factor, self._steps = factor, (fine, coarse // fine)
        x, y, w, h = part
        self.centre = complex(x + (w - 1) / 2.0, y + (h - 1) / 2.0)
        fine_picture = shrink(small, fine)
        self._coarse_picture = shrink(fine_picture, coarse // fine)
        self._coarse_rect = scaled(part, self._coarse)
        self._reach = max(6, round(_PART_REACH * max(self._coarse_picture.shape)))
        self._coarsely = Registration(self._coarse_picture, [self._coarse_rect], with_scale=False)
        self._finely = Registration(fine_picture, [scaled(part, self._fine)], with_scale=False)
        self.is_determined = self._finely.is_determined

    def find(self, small: Image, camera: Similarity) -> Registered:
        """The pose against the golden frame, in full-resolution pixels; camera: where to look."""
        fine_picture = shrink(small, self._steps[0])
        coarse_picture = shrink(fine_picture, self._steps[1])
        start = camera.at_shrunk(self._coarse)
        rects = [self._coarse_rect]
        start = found_coarsely(self._coarse_picture, coarse_picture, rects, start, self._reach, 1)
        first = self._coarsely.find(coarse_picture, start).pose or start
        registered = self._finely.find(fine_picture, first.at_full(self._coarse).at_shrunk(self._fine))
        pose = None if registered.pose is None else registered.pose.at_full(self._fine)
        return Registered(pose, registered.matches)

    def values(self, registered: Registered, camera: Similarity) -> list[float]:
        """Shift x, y (px) and rotation (°) against what the fixtures show, at the part's centre; match (correlation)."""
        if registered.pose is None:
            return [math.nan] * 3 + [registered.matches[0]]
        own = camera.inverse.after(registered.pose)
        shift = own.shift_at(self.centre)
        return [shift.real, shift.imag, own.rotation_deg, registered.matches[0]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The part's foreground on the small image. mask: 255 inside. box: around its pieces; None where there is no part."""

    mask: Mask
    area: float
    width: float
    height: float
    roughness: float
    box: Rect | None


class Outline:
    """The part told from its background by a grey level that follows the light (Otsu 1979, within the part's region)."""

    def __init__(self, small: Image, factor: int, part: Rect, fixtures: tuple[Rect, ...], tone: Tone, field: Rect) -> None:
        self._factor, self._tone, self._field = factor, tone, field
        self._region = scaled(part, factor)
        self._level, self._separation = self._threshold(small, self._region)
        foreground = self._foreground(small, self._level)
        x, y, w, h = self._region
        static = foreground.copy()
        static[y : y + h, x : x + w] = 0
        for left, top, width, height in (scaled(fixture, factor) for fixture in fixtures):
            static[top : top + height, left : left + width] = 255
        # Not the part's: bright (or dark) things that stand around it in the golden frame, and a rim for their movement.
        self._static = np.asarray(cv2.dilate(static, np.ones((5, 5), np.uint8)), np.uint8)
        self._mean = float(cv2.mean(small[y : y + h, x : x + w])[0])
        self._golden = self._shape(foreground, Similarity(), least=0.0)
        self.is_usable = self._separation >= _LEAST_GREY and 0.05 * w * h <= self._golden.area < 0.99 * w * h
        self._has_margin = self._margin(self._golden) > factor

    def find(self, small: Image, camera: Similarity) -> Shape:
        """camera: its pose, in full-resolution pixels."""
        moved = camera.at_shrunk(self._factor).shift_at(complex(self._region[0], self._region[1]))
        x, y, w, h = self._region
        height, width = small.shape
        left = min(max(x + round(moved.real), 0), width - w)
        top = min(max(y + round(moved.imag), 0), height - h)
        region = left, top, w, h
        level, separation = self._threshold(small, region)
        dimmed = min(1.0, float(cv2.mean(small[top : top + h, left : left + w])[0]) / max(self._mean, 1.0))
        if not self.is_usable or separation < _LEAST_SEPARATION * dimmed * self._separation:
            return Shape(np.zeros_like(small), 0.0, math.nan, math.nan, math.nan, None)
        return self._shape(self._foreground(small, level), camera, least=_PIECE * self._golden.area)

    def values(self, shape: Shape) -> list[float]:
        """Area, width and height as ratios to the golden part's, roughness (px), distance to the field's edge (px)."""
        if not self.is_usable:
            return [math.nan] * 5
        golden = self._golden
        if shape.box is None:
            return [1e-3, math.nan, math.nan, math.nan, math.nan]
        margin = self._margin(shape) if self._has_margin else math.nan
        return [
            max(shape.area / golden.area, 1e-3),
            shape.width / golden.width,
            shape.height / golden.height,
            shape.roughness * self._factor,
            margin,
        ]

    def _threshold(self, small: Image, region: Rect) -> tuple[float, float]:
        """Otsu's grey level within a region, and how far apart the means on both sides of it are."""
        x, y, w, h = region
        patch = np.ascontiguousarray(small[y : y + h, x : x + w])
        level, above = cv2.threshold(patch, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        count = cv2.countNonZero(above)
        if count in (0, patch.size):
            return level, 0.0
        high = float(cv2.mean(patch, above)[0])
        low = (float(cv2.mean(patch)[0]) * patch.size - high * count) / (patch.size - count)
        return level, high - low

    def _foreground(self, small: Image, level: float) -> Mask:
        kind = cv2.THRESH_BINARY if self._tone == "bright" else cv2.THRESH_BINARY_INV
        return np.asarray(cv2.threshold(small, level, 255, kind)[1], np.uint8)

    def _shape(self, foreground: Mask, camera: Similarity, *, least: float) -> Shape:
        shift = camera.at_shrunk(self._factor).shift_at(complex(foreground.shape[1], foreground.shape[0]) / 2.0)
        matrix = np.array([[1.0, 0.0, shift.real], [0.0, 1.0, shift.imag]])
        static = self._static
        if abs(shift) > 0.5:
            static = np.asarray(cv2.warpAffine(static, matrix, static.shape[::-1], flags=cv2.INTER_NEAREST), np.uint8)
        mask = np.asarray(cv2.bitwise_and(foreground, cv2.bitwise_not(static)), np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(mask, [c for c in contours if cv2.contourArea(c) < max(least, 4.0)], -1, 0, cv2.FILLED)
        columns, rows = (
            np.asarray(cv2.reduce(mask, axis, cv2.REDUCE_SUM, dtype=cv2.CV_64F), np.float64).ravel() / 255.0 for axis in (0, 1)
        )
        area = float(columns.sum())
        if area == 0.0:
            return Shape(mask, 0.0, math.nan, math.nan, math.nan, None)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BURR_PX, _BURR_PX))
        closed = cv2.countNonZero(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc))
        opened = cv2.countNonZero(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc))
        rim = area - cv2.countNonZero(cv2.erode(mask, np.ones((3, 3), np.uint8)))
        return Shape(
            mask=mask,
            area=area,
            width=_extent(columns),
            height=_extent(rows),
            roughness=(closed - opened + 0.5) / max(rim, 1.0),
            box=_box(mask),
        )

    def _margin(self, shape: Shape) -> float:
        if shape.box is None:
            return math.nan
        x, y, w, h = (side * self._factor for side in shape.box)
        left, top, width, height = self._field
        return float(min(x - left, y - top, left + width - x - w, top + height - y - h))


def _extent(profile: FloatArray) -> float:
    """The length of an even bar with the variance of this profile: of many pixels, where a bounding box is one."""
    place = np.arange(len(profile), dtype=np.float64)
    total = float(profile.sum())
    mean = float(profile @ place) / total
    # A bar of n pixels has variance (n² − 1)/12.
    return math.sqrt(12.0 * float(profile @ (place - mean) ** 2) / total + 1.0)


def _box(mask: Mask) -> Rect:
    x, y, w, h = cv2.boundingRect(mask)
    return x, y, w, h
