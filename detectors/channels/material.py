"""Material channels, inside the part: how much detail at three scales, how far it points one way, how bright and which colour."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.channels.picture import GREY_FLOOR, Image, grey

_SCALES = 3  # the small image, half and a quarter of it
_LEAST_PIXELS = 64  # of the part, at the coarsest scale


def material(small: Image, inside: NDArray[np.uint8], light: float) -> list[float]:
    """Gradient energy at three scales, coherence, reflectance, red and blue against green; NaN where not measurable.

    small: grey or colour. inside: 255 within the part, of the same size. light: mean grey that the part's is divided by.

    Gradient energy is the mean of |∇g|² over the mean of g squared: a gain cancels. Coherence is that of the structure tensor J
    averaged over the part (Jähne, Digital Image Processing, 6th ed. 2005, section 13.3): √((Jxx − Jyy)² + 4·Jxy²) / (Jxx + Jyy).
    """
    x, y, w, h = cv2.boundingRect(inside)
    if w < 8 or h < 8:
        return [math.nan] * 7
    window = np.s_[y : y + h, x : x + w]
    mask, patch = inside[window], small[window]
    means = cv2.mean(patch, mask)
    plane = grey(patch)
    level = max(float(cv2.mean(plane, mask)[0]), GREY_FLOOR)
    energies, coherence = [], math.nan
    for scale in range(_SCALES):
        if scale:
            plane = np.asarray(cv2.pyrDown(plane), np.uint8)
            mask = np.asarray(cv2.resize(mask, plane.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        if cv2.countNonZero(mask) < _LEAST_PIXELS or min(plane.shape) < 3:
            energies.append(math.nan)
            continue
        gx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
        gy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
        xx, yy = (float(cv2.mean(cv2.multiply(g, g), mask)[0]) for g in (gx, gy))
        energies.append((xx + yy) / level**2 if xx + yy > 0.0 else math.nan)
        if scale == 1 and xx + yy > 0.0:
            xy = float(cv2.mean(cv2.multiply(gx, gy), mask)[0])
            coherence = math.hypot(xx - yy, 2.0 * xy) / (xx + yy)
    colours = [math.nan, math.nan]
    if small.ndim == 3:
        blue, green, red = (max(mean, GREY_FLOOR) for mean in means[:3])
        colours = [red / green, blue / green]
    return [*energies, coherence, level / light if light > 0.0 else math.nan, *colours]
