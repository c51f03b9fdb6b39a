"""Calipers: the distance between two opposite edges along a drawn line, to a fraction of a pixel."""

from __future__ import annotations

import cmath
import math

import cv2
import numpy as np

from detectors.channels.picture import Image
from detectors.channels.reference import Caliper
from detectors.channels.registration import smoothed
from detectors.channels.similarity import Similarity, as_matrix
from detectors.contract import FloatArray

_STEP_PX = 0.5  # between samples, along and across
_SMOOTH_PX = 1.0  # before sampling, so that linear interpolation between pixels is nearly exact
_EDGE_PX = 1.0  # standard deviation of the derivative along the line
_LEAST_GREY = 2.0  # grey levels per pixel below which an edge of the golden frame is none
_LEAST_SHARE = 0.2  # of the golden edge's slope that an edge must have: dimmed or blurred, yet the same edge


class Calipered:
    """One caliper on one golden frame."""

    def __init__(self, golden: Image, caliper: Caliper) -> None:
        start, end = complex(*caliper.start), complex(*caliper.end)
        length, across = abs(end - start), max(caliper.width_px - 1.0, 0.0)
        along = cmath.rect(1.0, cmath.phase(end - start))
        # From the line's own frame (x along, y across) to the golden frame.
        self._line = Similarity(along, start - 1j * along * across / 2.0)
        self._extent = complex(length, across)
        self._shape = (math.floor(across / _STEP_PX) + 1, math.floor(length / _STEP_PX) + 1)
        self._sign = 1.0 if caliper.tone == "bright" else -1.0
        self._least = 0.0
        pair = _edges(self._slope(golden, Similarity()))
        self.is_usable = pair is not None and pair[1] >= _LEAST_GREY
        self._least = _LEAST_SHARE * pair[1] if pair is not None else 0.0

    def distance_px(self, image: Image, pose: Similarity) -> float:
        """Distance of the edges in pixels of this picture; NaN where they are not seen. pose: where the golden frame's part is."""
        if not self.is_usable:
            return math.nan
        pair = _edges(self._slope(image, pose))
        return math.nan if pair is None or pair[1] < self._least else pair[0] * _STEP_PX * abs(pose.m)

    def _slope(self, image: Image, pose: Similarity) -> FloatArray:
        """Grey levels per pixel along the line, rising where the inside begins and falling where it ends."""
        line = pose.after(self._line)
        corners = [line(complex(x, y)) for x in (0.0, self._extent.real) for y in (0.0, self._extent.imag)]
        low = complex(min(c.real for c in corners), min(c.imag for c in corners))
        high = complex(max(c.real for c in corners), max(c.imag for c in corners))
        crop, origin = smoothed(image, low, high, _SMOOTH_PX)
        rows, columns = self._shape
        seen = cv2.warpAffine(
            crop,
            as_matrix(line, 0j, _STEP_PX, origin),
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        profile = cv2.reduce(seen, 0, cv2.REDUCE_AVG, dtype=cv2.CV_64F)
        calm = cv2.GaussianBlur(profile, (0, 0), _EDGE_PX / _STEP_PX, borderType=cv2.BORDER_REPLICATE).ravel()
        return np.asarray(self._sign * np.gradient(calm) / _STEP_PX, np.float64)


def _edges(slope: FloatArray) -> tuple[float, float] | None:
    """Distance in samples of the strongest rise and the strongest fall after it, and the slope of the weaker; None without both."""
    if len(slope) < 5:
        return None
    # The best rise up to each place, and with it the best fall.
    rises = np.maximum.accumulate(slope)
    fall = int(np.argmax(np.where(rises > 0.0, rises - slope, -np.inf)[1:-1])) + 1
    rise = int(np.argmax(slope[:fall]))
    if rise == 0 or slope[rise] <= 0.0 or slope[fall] >= 0.0:
        return None
    return _top(-slope, fall) - _top(slope, rise), float(min(slope[rise], -slope[fall]))


def _top(slope: FloatArray, k: int) -> float:
    """Place of a peak, exact where it is Gaussian: the slope across a blurred edge (the parabola through the logarithms)."""
    before, here, beyond = (math.log(max(float(value), 1e-9)) for value in slope[k - 1 : k + 2])
    bend = before - 2.0 * here + beyond
    return k + (min(max(0.5 * (before - beyond) / bend, -0.5), 0.5) if bend < 0.0 else 0.0)
