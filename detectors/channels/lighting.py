"""Lighting channels, on the small image: brightness, contrast, clipping, tilt and the ninths of the frame."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np

from detectors.channels.picture import GREY, GREY_FLOOR, Image
from detectors.contract import FloatArray

_CLIP_WIDTH = 16  # grey levels over which a pixel counts as partly clipped: JPEG rings by a few levels around a clipped area
_STD_FLOOR = 0.1  # so that a frame of one grey shows as lost contrast, not as a missing value

_HIGH_WEIGHT = np.clip((GREY - (255 - _CLIP_WIDTH)) / _CLIP_WIDTH, 0.0, 1.0)
_LOW_WEIGHT = _HIGH_WEIGHT[::-1].copy()


def lighting(small: Image) -> list[float]:
    """Luminance, contrast, clipped shares, tilts, nine tile ratios of a grey picture, in the order of the table."""
    height, width = small.shape
    histogram = cv2.calcHist([small], [0], None, [256], [0.0, 256.0]).ravel().astype(np.float64)
    count = height * width
    raw_mean = float(histogram @ GREY) / count
    std = math.sqrt(max(float(histogram @ (GREY - raw_mean) ** 2) / count, _STD_FLOOR**2))
    mean = max(raw_mean, GREY_FLOOR)
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
        *(max(tile, GREY_FLOOR) / mean for tile in tiles),
    ]


def colour(small: Image) -> list[float]:
    """Mean red and mean blue, each divided by mean green; NaN on a grey picture."""
    if small.ndim == 2:
        return [math.nan, math.nan]
    blue, green, red = (max(mean, GREY_FLOOR) for mean in cv2.mean(small)[:3])
    return [red / green, blue / green]


def _rise(profile: FloatArray) -> float:
    """Rise, first sample's edge to last sample's edge, of the least-squares line through a profile."""
    place = (np.arange(len(profile)) + 0.5) / len(profile) - 0.5
    return float(place @ profile / (place @ place))
