"""Registration: where regions of a golden picture are in another one, to a fraction of a pixel, whatever its gain and offset.

Inverse compositional Gauss-Newton (Baker and Matthews 2004, "Lucas-Kanade 20 years on", section 3.2), with gain and offset of each
region projected out of the steepest-descent images (Hager and Belhumeur 1998, "Efficient region tracking with parametric models of
geometry and illumination", section 4), so that dimming moves nothing. Both pictures are smoothed first: less noise, and cubic
interpolation is then nearly exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.channels.picture import Image, grey
from detectors.channels.reference import Rect
from detectors.channels.similarity import Similarity, as_matrix, fitted
from detectors.contract import FloatArray

_SMOOTH_PX = 2.0
# What enters or leaves at a region's edge must not jump: weight rises over five smoothing radii (at most a quarter of the side).
# Wider throws structure away that noise is told by; narrower, unmoved pictures err by up to 0.03 px (`benchmarks/channels`, G1).
_TAPER_PX = 10.0
_MARGIN_PX = 6  # of a crop around a region, so that smoothing and interpolation have neighbours
_MAX_SAMPLES = 1 << 14  # of all regions together: a fixed cost; after the smoothing every second pixel says all
_MAX_STEPS = 15
_SETTLED_PX = 2e-3  # a step that moves no sample by more ends the iteration
MIN_MATCH = 0.5  # correlation below which a region is not what was learned
# A pose that one grey level of independent noise per sample would move by more is not determined (one edge, a flat region).
_MAX_PX_PER_GREY = 0.025
_MAX_PX_PER_GREY_ALONE = 0.1  # the same of one region's shift, to start from


@dataclass(frozen=True, slots=True)
class _Region:
    corner: complex
    stride: int
    shape: tuple[int, int]  # rows, columns of samples
    taper: FloatArray  # (N,), weight of each sample, a square root: what enters or leaves at the edge must not jump
    level: FloatArray  # (N,), the taper at length 1: what a constant picture looks like
    template: FloatArray  # (N,), tapered, without its level
    energy: float  # its sum of squares
    descent: FloatArray  # (N, P), tapered, orthogonal to what gain, offset and blur do
    hessian: FloatArray  # (P, P), of all pixels: of the samples times the square of the stride
    inner: FloatArray  # (P, P), the same of what lies well inside: what the pose may rest on


@dataclass(frozen=True, slots=True)
class Registered:
    """matches: correlation of each region where it was found, 0 where it was not. pose: None where it is not determined."""

    pose: Similarity | None
    matches: tuple[float, ...]


class Registration:
    """Regions of a golden picture, prepared; nothing is remembered between pictures."""

    def __init__(self, golden: Image, rects: Sequence[Rect], *, with_scale: bool) -> None:
        """golden: grey. with_scale: shift, rotation and scale are sought, else shift and rotation."""
        corners = [complex(x, y) for x, y, _, _ in rects]
        far = [complex(x + w - 1, y + h - 1) for x, y, w, h in rects]
        left, top = min(c.real for c in corners), min(c.imag for c in corners)
        right, bottom = max(c.real for c in far), max(c.imag for c in far)
        self.centre = complex(left + right, top + bottom) / 2.0
        self._radius = max(abs(complex(right, bottom) - self.centre), 1.0)
        stride = math.ceil(math.sqrt(sum(w * h for _, _, w, h in rects) / _MAX_SAMPLES))
        self._regions = [self._prepared(golden, rect, stride, 4 if with_scale else 3) for rect in rects]
        self.is_determined = self._solvable(np.sum([region.inner for region in self._regions], axis=0))
        # Regions whose own shift is determined: a straight edge or a flat region can be anywhere along itself.
        self.anchors = [k for k, region in enumerate(self._regions) if self._solvable(region.inner[:2, :2], _MAX_PX_PER_GREY_ALONE)]

    def _prepared(self, golden: Image, rect: Rect, stride: int, parameters: int) -> _Region:
        x, y, w, h = rect
        smooth, origin = smoothed(golden, complex(x, y), complex(x + w - 1, y + h - 1), _SMOOTH_PX)
        rows, columns = -(-h // stride), -(-w // stride)
        gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125, borderType=cv2.BORDER_REPLICATE)
        gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125, borderType=cv2.BORDER_REPLICATE)
        left, top = int(x - origin.real), int(y - origin.imag)
        window = np.s_[top : top + h : stride, left : left + w : stride]
        bend = cv2.Laplacian(smooth, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE)
        template, gx, gy, bend = (np.asarray(a[window], np.float64).ravel() for a in (smooth, gx, gy, bend))
        xs = (x + stride * np.arange(columns) - self.centre.real) / self._radius
        ys = (y + stride * np.arange(rows) - self.centre.imag) / self._radius
        px, py = np.tile(xs, rows), np.repeat(ys, columns)
        # Columns: shift x, shift y, rotation and growth, the last two in pixels of movement at the radius.
        descent = np.stack([gx, gy, gy * px - gx * py, gx * px + gy * py][:parameters], axis=1)
        made = []
        for rim in (_TAPER_PX / stride, math.inf):
            taper = np.sqrt(np.outer(_taper(rows, rim), _taper(columns, rim))).ravel()
            level = taper / np.linalg.norm(taper)
            flat = _without(taper * template, [level])
            # Offset, gain and, to first order, blur (which adds the Laplacian): what they do to the picture moves nothing.
            blurred = _without(taper * bend, [level, _unit(flat)])
            steep = taper[:, None] * descent
            for nuisance in (level, *(_unit(each) for each in (flat, blurred) if float(each @ each) > 0.0)):
                steep -= np.outer(nuisance, nuisance @ steep)
            made.append((taper, level, flat, steep, steep.T @ steep * float(stride**2)))
        (taper, level, flat, steep, hessian), inner = made[0], made[1][-1]
        return _Region(complex(x, y), stride, (rows, columns), taper, level, flat, float(flat @ flat), steep, hessian, inner)

    @staticmethod
    def _solvable(hessian: FloatArray, px_per_grey: float = _MAX_PX_PER_GREY) -> bool:
        if float(np.linalg.eigvalsh(hessian)[0]) < 1e-6:
            return False
        return math.sqrt(float(np.diag(np.linalg.inv(hessian)).max())) < px_per_grey

    def find(self, image: Image, start: Similarity) -> Registered:
        """image: of the golden's size. start: within about two pixels of the truth at every region."""
        crops = [self._crop(image, region, start) for region in self._regions]
        pose, matches = self._settle(crops, start, range(len(self._regions)))
        kept = [k for k, match in enumerate(matches) if match >= MIN_MATCH]
        if 0 < len(kept) < len(matches):  # one covered region must not pull the others
            pose, matches = self._settle(crops, start, kept)
        found = bool(kept) and pose is not None and abs(pose.shift_at(self.centre) - start.shift_at(self.centre)) < 2 * _MARGIN_PX
        return Registered(pose if found else None, tuple(matches))

    def _settle(
        self, crops: list[tuple[NDArray[np.float32], complex]], start: Similarity, kept: Sequence[int]
    ) -> tuple[Similarity | None, list[float]]:
        pose: Similarity | None = start
        matches = [0.0] * len(crops)
        count = len(self._regions[0].hessian)
        for step in range(_MAX_STEPS + 1):
            assert pose is not None
            hessian, inner, slope = np.zeros((count, count)), np.zeros((count, count)), np.zeros(count)
            for k, (region, (crop, origin)) in enumerate(zip(self._regions, crops, strict=True)):
                seen = self._sampled(crop, origin, region, pose)
                seen = region.taper * seen
                seen -= region.level * float(region.level @ seen)
                along, energy = float(seen @ region.template), float(seen @ seen)
                matches[k] = along / math.sqrt(energy * region.energy) if along > 0.0 and region.energy > 0.0 else 0.0
                if k in kept and matches[k] > 0.1:
                    hessian += region.hessian
                    inner += region.inner
                    slope += (seen @ region.descent) * (region.energy / along * region.stride**2)
            if step == _MAX_STEPS:
                break
            if not self._solvable(inner):
                return None, matches
            move = np.asarray(np.linalg.solve(hessian, slope), np.float64)
            pose = pose.after(self._moved(move).inverse)
            if abs(pose.m) < 0.5 or abs(pose.m) > 2.0:
                return None, matches
            if float(np.abs(move).max()) < _SETTLED_PX:
                break
        return pose, matches

    def _moved(self, move: FloatArray) -> Similarity:
        turn = float(move[2]) / self._radius
        growth = float(move[3]) / self._radius if len(move) > 3 else 0.0
        m = 1.0 + growth + 1j * turn if len(move) > 3 else complex(math.cos(turn), math.sin(turn))
        return Similarity(m, self.centre * (1.0 - m) + complex(float(move[0]), float(move[1])))

    def _crop(self, image: Image, region: _Region, start: Similarity) -> tuple[NDArray[np.float32], complex]:
        rows, columns = region.shape
        extent = [complex(x, y) * region.stride for x in (0, columns - 1) for y in (0, rows - 1)]
        corners = [start(region.corner + e) for e in extent]
        low = complex(min(c.real for c in corners), min(c.imag for c in corners))
        high = complex(max(c.real for c in corners), max(c.imag for c in corners))
        return smoothed(image, low, high, _SMOOTH_PX)

    @staticmethod
    def _sampled(crop: NDArray[np.float32], origin: complex, region: _Region, pose: Similarity) -> FloatArray:
        matrix = as_matrix(pose, region.corner, region.stride, origin)
        rows, columns = region.shape
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(crop, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.float64).ravel()


def _taper(count: int, rim: float) -> FloatArray:
    """Raised cosine over so many samples at both ends of a side, at most a quarter of it."""
    place = np.minimum(np.arange(count) + 0.5, count - np.arange(count) - 0.5) / max(min(rim, 0.25 * count), 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(math.pi * np.minimum(place, 1.0)))


def _unit(vector: FloatArray) -> FloatArray:
    return vector / max(math.sqrt(float(vector @ vector)), 1e-12)


def _without(vector: FloatArray, directions: Sequence[FloatArray]) -> FloatArray:
    """A vector without what it has along orthogonal unit vectors."""
    return vector - sum(float(direction @ vector) * direction for direction in directions)


def smoothed(image: Image, low: complex, high: complex, sigma: float) -> tuple[NDArray[np.float32], complex]:
    """The picture around a box, grey and smoothed, and where it begins; at least one pixel of it, wherever the box is."""
    height, width = image.shape[:2]
    left = min(max(math.floor(low.real) - _MARGIN_PX, 0), width - 1)
    top = min(max(math.floor(low.imag) - _MARGIN_PX, 0), height - 1)
    right = min(max(math.ceil(high.real) + _MARGIN_PX + 1, left + 1), width)
    bottom = min(max(math.ceil(high.imag) + _MARGIN_PX + 1, top + 1), height)
    crop = grey(image[top:bottom, left:right]).astype(np.float32)
    side = 2 * math.ceil(3.0 * sigma) + 1
    return np.asarray(cv2.GaussianBlur(crop, (side, side), sigma, borderType=cv2.BORDER_REPLICATE), np.float32), complex(left, top)


def found_coarsely(golden: Image, image: Image, rects: Sequence[Rect], start: Similarity, reach: int, own: int) -> Similarity:
    """The regions' pose, good enough to start from, by normalised correlation within `reach` pixels of `start`.

    golden, image: grey, of one size. The regions are sought together (the maps of their correlations, each widened by `own` pixels,
    are added up), so that a repeated structure fools none of them alone; then each within `own` pixels of the common place.
    """
    maps: list[NDArray[np.float32]] = []
    centres: list[complex] = []
    for x, y, w, h in rects:
        centre = complex(x + (w - 1) / 2, y + (h - 1) / 2)
        expected = start.shift_at(centre)
        left, top = round(x + expected.real) - reach, round(y + expected.imag) - reach
        window = _padded(image, left, top, w + 2 * reach, h + 2 * reach)
        template = golden[y : y + h, x : x + w]
        score = np.asarray(cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED), np.float32)
        maps.append(np.nan_to_num(score, copy=False, nan=0.0, posinf=0.0, neginf=0.0))
        centres.append(centre + complex(left - x, top - y))
    kernel = np.ones((2 * own + 1, 2 * own + 1), np.uint8)
    together = np.sum([*maps, *(cv2.dilate(score, kernel) for score in maps)], axis=0)
    row, column = np.unravel_index(int(np.argmax(together)), together.shape)
    points, moved = [], []
    for (x, y, w, h), score, centre in zip(rects, maps, centres, strict=True):
        top, left = max(int(row) - own, 0), max(int(column) - own, 0)
        near = score[top : int(row) + own + 1, left : int(column) + own + 1]
        i, j = np.unravel_index(int(np.argmax(near)), near.shape)
        points.append(complex(x + (w - 1) / 2, y + (h - 1) / 2))
        moved.append(centre + _peak(score, top + int(i), left + int(j)))
    return fitted(points, moved)


def _padded(image: Image, left: int, top: int, width: int, height: int) -> Image:
    """A window that may lie partly, or wholly, outside the picture: what is missing repeats the border."""
    rows = np.clip(np.arange(top, top + height), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, image.shape[1] - 1)
    inside = rows[0] == top and rows[-1] == top + height - 1 and columns[0] == left and columns[-1] == left + width - 1
    return image[top : top + height, left : left + width] if inside else image[np.ix_(rows, columns)]


def _peak(score: NDArray[np.float32], i: int, j: int) -> complex:
    """The maximum of the parabolas through a peak and its neighbours, (column, row)."""

    def offset(before: float, here: float, beyond: float) -> float:
        bend = before - 2.0 * here + beyond
        return 0.5 * (before - beyond) / bend if bend < 0.0 else 0.0

    dx = offset(*map(float, score[i, j - 1 : j + 2])) if 0 < j < score.shape[1] - 1 else 0.0
    dy = offset(*map(float, score[i - 1 : i + 2, j])) if 0 < i < score.shape[0] - 1 else 0.0
    return complex(j + min(max(dx, -0.5), 0.5), i + min(max(dy, -0.5), 0.5))
