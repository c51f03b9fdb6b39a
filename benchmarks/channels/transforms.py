"""Pictures moved by known amounts: truth for registration and calipers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from detectors.channels.similarity import Similarity
from detectors.contract import FloatArray

CONDITIONS = ("clean", "20 % dimmer", "blur 1.5 px", "noise 3 grey levels")
PSF_PX = 0.8  # a lens: real pictures have no edge sharper than this, and none can be moved exactly


def seen_through_a_lens(picture: NDArray[np.uint8]) -> FloatArray:
    """A picture that can be moved by fractions of a pixel without aliasing."""
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float64), (0, 0), PSF_PX))


def moved(picture: FloatArray, to: Similarity) -> FloatArray:
    """A picture in which what was at z is at to(z): spline interpolation of order 5, the border repeated."""
    back = to.inverse
    matrix = np.array([[back.m.real, back.m.imag], [-back.m.imag, back.m.real]])
    return np.asarray(ndimage.affine_transform(picture, matrix, offset=[back.b.imag, back.b.real], order=5, mode="nearest"))


def taken(picture: FloatArray) -> NDArray[np.uint8]:
    """As a camera of 8 bits would deliver it."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def disturbed(picture: FloatArray, rng: np.random.Generator) -> dict[str, NDArray[np.uint8]]:
    """The same frame clean, 20 % dimmer, blurred and noisy."""
    return {
        "clean": taken(picture),
        "20 % dimmer": taken(0.8 * picture),
        "blur 1.5 px": taken(cv2.GaussianBlur(picture, (0, 0), 1.5)),
        "noise 3 grey levels": taken(picture + 3.0 * rng.standard_normal(picture.shape)),
    }


def plate(*, width: float, angle_deg: float, at: complex, size: int = 320, contrast: float = 120.0, psf: float = 0.9) -> FloatArray:
    """A bright bar of `width` px on a dark ground, turned, its middle at `at`; its blurred edges are exact."""
    y, x = np.mgrid[0:size, 0:size]
    turn = np.exp(-1j * np.deg2rad(angle_deg))
    across = ((x + 1j * y - at) * turn).real
    return 40.0 + contrast * (ndtr((across + width / 2) / psf) - ndtr((across - width / 2) / psf))


def random_move(rng: np.random.Generator, centre: complex, *, scale: bool) -> Similarity:
    """Up to 8 px, 0.8° and, with scale, 0.5 %."""
    return Similarity.about(
        centre,
        shift=complex(*rng.uniform(-8, 8, 2)),
        rotation_rad=np.deg2rad(rng.uniform(-0.8, 0.8)),
        growth=rng.uniform(-0.005, 0.005) if scale else 0.0,
    )
