"""A view's golden frame, prepared once: from it the channels that compare a frame with what the view is meant to show."""

from __future__ import annotations

import math

import cv2
import numpy as np

from detectors.channels.calipers import Calipered
from detectors.channels.geometry import Camera, Mask, Outline, Part, scaled
from detectors.channels.material import material
from detectors.channels.picture import Image, grey, require, shrink, shrink_factor
from detectors.channels.reference import Rect, Reference
from detectors.channels.similarity import Similarity
from detectors.channels.table import reference_channels
from detectors.errors import ShapeError

_RIM_PX = 5  # of the small image: so much of the part's edge is not its material


class Golden:
    """One reference on one golden frame; nothing is remembered between frames."""

    def __init__(self, image: Image, reference: Reference) -> None:
        """image: the golden frame, uint8, (H, W) or (H, W, 3). Raises ShapeError where a region does not lie inside it."""
        require(image)
        self._reference = reference
        self.size = height, width = image.shape[:2]
        self._count = len(reference_channels(reference))
        frame: Rect = (0, 0, width, height)
        for name, rect in self._regions().items():
            x, y, w, h = rect
            if x < 0 or y < 0 or x + w > width or y + h > height:
                raise ShapeError(f"{name} {list(rect)} must lie inside the golden frame of {width}x{height}")
        self._factor = factor = shrink_factor(height, width)
        self._centre = complex(width - 1, height - 1) / 2.0
        full, small = grey(image), grey(shrink(image, factor))
        part, fixtures = reference.part, reference.fixtures
        if part is not None and min(scaled(part, factor)[2:]) < 16:
            raise ShapeError(
                f"part {list(part)} must have at least {18 * factor} pixels a side on a golden frame of {width}x{height}"
            )
        self._camera = Camera(full, small, factor, fixtures) if fixtures else None
        self._part = Part(small, factor, part) if part is not None else None
        self._outline = None
        if part is not None and reference.outline != "none":
            self._outline = Outline(small, factor, part, fixtures, reference.outline, reference.field or frame)
        self._calipers = [Calipered(full, caliper) for caliper in reference.calipers]

    def _regions(self) -> dict[str, Rect]:
        found = {f"fixtures[{k}]": rect for k, rect in enumerate(self._reference.fixtures)}
        optional = {"part": self._reference.part, "field": self._reference.field}
        return found | {name: rect for name, rect in optional.items() if rect is not None}

    @property
    def complaints(self) -> list[str]:
        """What cannot be measured against this golden frame, in words."""
        found = []
        if self._camera is not None and not self._camera.is_determined:
            found.append("fixtures: too little structure to tell where the camera is; draw them around corners, not straight edges")
        if self._part is not None and not self._part.is_determined:
            found.append("part: too little structure to tell where it is")
        if self._outline is not None and not self._outline.is_usable:
            found.append(f"outline: no {self._reference.outline} part is seen inside its region, with background around it")
        for drawn, caliper in zip(self._calipers, self._reference.calipers, strict=True):
            if not drawn.is_usable:
                found.append(f"calipers.{caliper.name}: no {caliper.tone} stretch between two edges along the line")
        return found

    def measure(self, image: Image, small: Image) -> list[float]:
        """The values of `reference_channels`, in that order and before their transforms; NaN where not measurable.

        image: a frame, as `measure` takes it; of another size than the golden frame nothing is measurable. small: it, shrunk.
        """
        if image.shape[:2] != self.size:
            return [math.nan] * self._count
        plane = grey(small)
        values: list[float] = []
        camera, part = Similarity(), Similarity()
        is_placed = True
        if self._camera is not None:
            seen = self._camera.find(image, plane)
            camera = part = seen.pose or Similarity()
            is_placed = seen.pose is not None
            values += self._camera.values(seen, self._centre)
        if self._part is not None:
            found = self._part.find(plane, camera)
            part, is_placed = found.pose or camera, found.pose is not None
            values += self._part.values(found, camera)
            mask = None
            if self._outline is not None:
                shape = self._outline.find(plane, camera)
                values += self._outline.values(shape)
                mask = shape.mask if self._outline.is_usable else None
            inside = self._inside(plane, part) if mask is None else _rimless(mask)
            values += material(small, inside, self._light(plane, camera))
        for drawn in self._calipers:
            scale = self._reference.px_per_mm or 1.0
            values.append(drawn.distance_px(image, part) / scale if is_placed else math.nan)
        return values

    def _inside(self, small: Image, pose: Similarity) -> Mask:
        """The part's region where the part is, for a part without an outline."""
        assert self._reference.part is not None
        x, y, w, h = scaled(self._reference.part, self._factor)
        corners = [pose.at_shrunk(self._factor)(complex(*c)) for c in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))]
        mask = np.zeros(small.shape, np.uint8)
        cv2.fillConvexPoly(mask, np.array([[round(c.real), round(c.imag)] for c in corners], np.int32), 255)
        return mask

    def _light(self, small: Image, camera: Similarity) -> float:
        """Mean grey of the fixtures where they are now: the light, whatever the part; without fixtures of the frame."""
        pose, means = camera.at_shrunk(self._factor), []
        for rect in self._reference.fixtures:
            x, y, w, h = scaled(rect, self._factor)
            moved = pose(complex(x, y))
            left, top = max(round(moved.real), 0), max(round(moved.imag), 0)
            patch = small[top : top + h, left : left + w]
            if patch.size:
                means.append(float(cv2.mean(patch)[0]))
        return sum(means) / len(means) if means else float(cv2.mean(small)[0])


def _rimless(mask: Mask) -> Mask:
    side = 2 * _RIM_PX + 1
    eroded = cv2.erode(mask, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)
