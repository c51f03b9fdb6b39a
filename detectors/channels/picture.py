"""A picture as the channels are measured on it: grey, and shrunk by whole factors."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.errors import ShapeError

Image = NDArray[np.uint8]

MIN_SIDE_PX = 32  # below it a ninth is too small for a focus patch
_SMALL_SIDE_PX = 640  # longer side of the small image; 2448×2048 becomes 612×512, a quarter
GREY_FLOOR = 0.5  # half a grey level: a black frame has a finite logarithm
GREY = np.arange(256, dtype=np.float64)


def require(image: Image) -> None:
    """Raises ShapeError unless uint8, (H, W) grey or (H, W, 3) blue-green-red, both sides at least MIN_SIDE_PX."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ShapeError(f"image must be uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
    if min(image.shape[:2]) < MIN_SIDE_PX:
        raise ShapeError(f"image must have at least {MIN_SIDE_PX} pixels a side, got {image.shape[1]}x{image.shape[0]}")


def shrink_factor(height: int, width: int) -> int:
    """Of the small image: its longer side has about 640 pixels, its shorter one at least MIN_SIDE_PX."""
    return max(1, min(round(max(height, width) / _SMALL_SIDE_PX), min(height, width) // MIN_SIDE_PX))


def shrink(image: Image, factor: int) -> Image:
    """Block means by a whole factor: exact, and OpenCV's fast path. Up to factor − 1 rows and columns at the end are left out."""
    if factor <= 1:
        return image
    rows, columns = image.shape[0] // factor, image.shape[1] // factor
    small = cv2.resize(image[: rows * factor, : columns * factor], (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def grey(image: Image) -> Image:
    """One plane, contiguous: the picture itself where it already is."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8) if image.ndim == 3 else np.ascontiguousarray(image)
