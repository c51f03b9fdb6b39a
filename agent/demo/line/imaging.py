"""From reflectance to grey values: lamp, window, lens, exposure, sensor. One physical chain; all else varies its settings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.scene import FRAME, Float32

_GRADIENT_SPAN_PX = 95.0  # the lamp's gradient is told over the part's field
_SEGMENT_EDGE = 12.0  # a diffuser blurs the edge of a dark segment


@dataclass(frozen=True, slots=True)
class Imaging:
    """The station's light, optics and exposure; the defaults are as commissioned, exposure 1 puts the plate near grey 145."""

    lamp: float = 1.0
    tilt: float = ASSUMED.lamp_tilt
    exposure: float = 1.0
    haze: float = 0.0  # share of the light a dirty window scatters into a veil; the model is trained on up to a fifth
    blur_px: float = ASSUMED.lens_blur_px
    ambient: float = ASSUMED.ambient  # stray light, share of full scale
    dark_segment: float = 0.0  # share of the light lost where one segment of the lamp, on the left, is out


def expose(reflectance: Float32, imaging: Imaging, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames of reflectance maps, (T, *FRAME) uint8.

    Lamp with a brightness gradient and frame-to-frame ripple, veil of a dirty window (direct light lost, the frame's mean added),
    Gaussian lens blur, exposure, photon noise (Poisson, in its Gaussian limit: thousands of electrons), read noise, clipping at
    full scale, quantisation.
    """
    a = ASSUMED
    count = len(reflectance)
    place = (np.arange(FRAME[1]) - (FRAME[1] - 1) / 2) / _GRADIENT_SPAN_PX
    gradient = (1.0 + imaging.tilt * place) * (1.0 - imaging.dark_segment / (1.0 + np.exp(_SEGMENT_EDGE * (place + 0.25))))
    ripple = 1.0 + rng.normal(0.0, a.lamp_ripple, count)
    light = reflectance * (imaging.lamp * gradient).astype(np.float32)
    light *= ripple[:, None, None].astype(np.float32)
    light += np.float32(imaging.ambient)
    if imaging.haze > 0:
        veil = light.mean(axis=(1, 2), keepdims=True)
        light = np.float32(1.0 - imaging.haze) * light + np.float32(imaging.haze) * veil
    for t in range(count):
        light[t] = cv2.GaussianBlur(light[t], (0, 0), imaging.blur_px)
    electrons = light
    electrons *= np.float32(imaging.exposure * a.full_well_e)
    noise = rng.standard_normal(electrons.shape, dtype=np.float32)
    noise *= np.sqrt(np.maximum(electrons, 0) + np.float32(a.read_noise_e**2))
    electrons += noise
    electrons *= np.float32(255.0 / a.full_well_e)
    return np.asarray(np.clip(np.rint(electrons, out=electrons), 0, 255), np.uint8)
