"""Image channels: one frame as numbers, from one read of it and nine fixed patches.

The frame is read once, by an area down-scale to about 640 pixels on its longer side; lighting is measured on that. Focus and grain
need full resolution and are measured in nine patches, one in the centre of each ninth. Nothing is remembered between frames.
"""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.channels.claim import scores
from detectors.channels.table import IMAGE_CHANNELS
from detectors.contract import FloatArray
from detectors.errors import ShapeError

__all__ = ["MIN_SIDE_PX", "measure", "scores"]

Image = NDArray[np.uint8]

MIN_SIDE_PX = 32  # below it a ninth is too small for a focus patch
_SMALL_SIDE_PX = 640  # longer side of the small image; 2448×2048 becomes 612×512, a quarter
_PATCH_PX = 192  # nine of these are 6 % of 2448×2048
_CLIP_WIDTH = 16  # grey levels over which a pixel counts as partly clipped: JPEG rings by a few levels around a clipped area
_GREY_FLOOR = 0.5  # half a grey level: a black frame has a finite logarithm
_STD_FLOOR = 0.1  # so that a frame of one grey shows as lost contrast, not as a missing value

# E|x| below the median of |x| for a standard normal x: 4·(φ(0) − φ(0.67449)) with φ the normal density.
_CALM_HALF_MEAN = 0.324_654
_NOISE_KERNEL_NORM = 6.0  # the kernel of Immerkær (1996) has L2 norm 6
_QUANTISATION_VAR = 1.0 / 12.0
# Energy per pixel that white noise of variance 1 leaves after the 1 px blur: sums of the squared kernels below (tested).
_GRADIENT_OF_GRAIN = 0.040816
_LAPLACIAN_OF_GRAIN = 0.111963

_GREY = np.arange(256, dtype=np.float64)
_HIGH_WEIGHT = np.clip((_GREY - (255 - _CLIP_WIDTH)) / _CLIP_WIDTH, 0.0, 1.0)
_LOW_WEIGHT = _HIGH_WEIGHT[::-1].copy()


def measure(image: Image) -> FloatArray:
    """The values of IMAGE_CHANNELS, (C,), float64, in that order and before their transforms; NaN where not measurable.

    image: uint8, (H, W) grey or (H, W, 3) blue-green-red, both sides at least MIN_SIDE_PX; never written to. Raises ShapeError.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ShapeError(f"image must be uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
    if min(image.shape[:2]) < MIN_SIDE_PX:
        raise ShapeError(f"image must have at least {MIN_SIDE_PX} pixels a side, got {image.shape[1]}x{image.shape[0]}")
    small = _shrink(image)
    red_green = blue_green = math.nan
    if small.ndim == 3:
        blue, green, red = (max(mean, _GREY_FLOOR) for mean in cv2.mean(small)[:3])
        red_green, blue_green = red / green, blue / green
        small = _grey(small)
    values = [*_lighting(small), red_green, blue_green, *_optics(image)]
    assert len(values) == len(IMAGE_CHANNELS)
    return np.array(values)


def _shrink(image: Image) -> Image:
    """Block means by a whole factor: exact, and OpenCV's fast path. Up to factor − 1 rows and columns at the end are left out."""
    height, width = image.shape[:2]
    factor = min(round(max(height, width) / _SMALL_SIDE_PX), min(height, width) // MIN_SIDE_PX)
    if factor <= 1:
        return image
    rows, columns = height // factor, width // factor
    small = cv2.resize(image[: rows * factor, : columns * factor], (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _lighting(small: Image) -> list[float]:
    height, width = small.shape
    histogram = cv2.calcHist([small], [0], None, [256], [0.0, 256.0]).ravel().astype(np.float64)
    count = height * width
    raw_mean = float(histogram @ _GREY) / count
    std = math.sqrt(max(float(histogram @ (_GREY - raw_mean) ** 2) / count, _STD_FLOOR**2))
    mean = max(raw_mean, _GREY_FLOOR)
    clipped = [(float(histogram @ weight) + 0.5) / (count + 1.0) for weight in (_LOW_WEIGHT, _HIGH_WEIGHT)]

    rows = [height * i // 3 for i in range(4)]
    columns = [width * i // 3 for i in range(4)]
    bands = np.stack([cv2.reduce(small[a:b], 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel() for a, b in pairwise(rows)])
    row_means = cv2.reduce(small, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel() / width
    tiles = [
        float(bands[i, columns[j] : columns[j + 1]].sum()) / ((rows[i + 1] - rows[i]) * (columns[j + 1] - columns[j]))
        for i in range(3)
        for j in range(3)
    ]
    return [
        mean,
        std / mean,
        *clipped,
        _rise(bands.sum(axis=0) / height) / mean,
        _rise(row_means) / mean,
        *(max(tile, _GREY_FLOOR) / mean for tile in tiles),
    ]


def _rise(profile: FloatArray) -> float:
    """Rise, first sample's edge to last sample's edge, of the least-squares line through a profile."""
    place = (np.arange(len(profile)) + 0.5) / len(profile) - 0.5
    return float(place @ profile / (place @ place))


def _optics(image: Image) -> list[float]:
    """Edge spread, Laplacian energy, edge spread of the nine patches, noise.

    Edge spread s: across an edge blurred by a Gaussian of standard deviation s the gradient is g ∝ exp(−x²/2s²), so
    ∫g² / ∫g'² = 2s²; gradient and Laplacian energy are summed over the patch after a 1 px blur, less what grain adds.
    Noise: the kernel of Immerkær (1996, "Fast noise variance estimation"), which is blind to planes and to straight edges along an
    axis; here the mean of the smaller half of its responses instead of all of them, so that structure counts less. The frame's
    noise is the median of the patches.
    """
    gradients, laplacians, variances, noises = (np.empty(9) for _ in range(4))
    for k, patch in enumerate(_patches(image)):
        smooth = cv2.GaussianBlur(patch.astype(np.float32), (7, 7), 1.0)
        gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
        gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
        gradient = cv2.norm(gx, cv2.NORM_L2SQR) + cv2.norm(gy, cv2.NORM_L2SQR)
        laplacian = cv2.norm(cv2.Laplacian(smooth, cv2.CV_32F), cv2.NORM_L2SQR)
        sigma = _grain(patch)
        grain = sigma * sigma * patch.size
        gradients[k] = _above(gradient, _GRADIENT_OF_GRAIN * grain)
        laplacians[k] = _above(laplacian, _LAPLACIAN_OF_GRAIN * grain)
        variances[k] = float(cv2.meanStdDev(smooth)[1].item()) ** 2 * patch.size
        mean = max(float(cv2.mean(patch)[0]), _GREY_FLOOR)
        noises[k] = math.sqrt(sigma * sigma + _QUANTISATION_VAR) / mean
    spreads = [_edge_spread(*energies) for energies in zip(gradients, laplacians, strict=True)]
    variance, energy = float(variances.sum()), float(laplacians.sum())
    return [
        _edge_spread(float(gradients.sum()), energy),
        energy / variance if variance > 0.0 and energy > 0.0 else math.nan,
        *spreads,
        float(np.median(noises)),
    ]


def _patches(image: Image) -> list[Image]:
    """Nine grey patches, one in the centre of each ninth, at full resolution."""
    height, width = image.shape[:2]
    side_y, side_x = min(_PATCH_PX, height // 3), min(_PATCH_PX, width // 3)
    patches = []
    for i in range(3):
        for j in range(3):
            top = (2 * i + 1) * height // 6 - side_y // 2
            left = (2 * j + 1) * width // 6 - side_x // 2
            patch = image[top : top + side_y, left : left + side_x]
            patches.append(_grey(patch) if patch.ndim == 3 else np.ascontiguousarray(patch))
    return patches


def _edge_spread(gradient: float, laplacian: float) -> float:
    return math.sqrt(gradient / (2.0 * laplacian)) if gradient > 0.0 and laplacian > 0.0 else math.nan


def _above(energy: float, grain: float) -> float:
    """Energy without the grain's share; at least a tenth stays, because grain is estimated too."""
    return max(energy - grain, 0.1 * energy)


def _grain(patch: Image) -> float:
    """Noise standard deviation of a patch, in grey levels."""
    # Sobel of order (2, 2) is the outer product of (1, -2, 1) with itself: Immerkær's kernel, separable.
    response = cv2.convertScaleAbs(cv2.Sobel(patch, cv2.CV_16S, 2, 2, ksize=3))
    histogram = cv2.calcHist([response], [0], None, [256], [0.0, 256.0]).ravel().astype(np.float64)
    half = patch.size / 2.0
    calm = np.diff(np.minimum(np.cumsum(histogram), half), prepend=0.0)
    return float(calm @ _GREY) / half / _CALM_HALF_MEAN / _NOISE_KERNEL_NORM
