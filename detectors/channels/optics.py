"""Optics channels: focus and grain, which need full resolution, in nine fixed patches, one in the centre of each ninth."""

from __future__ import annotations

import math

import cv2
import numpy as np

from detectors.channels.picture import GREY, GREY_FLOOR, Image, grey

_PATCH_PX = 192  # nine of these are 6 % of 2448×2048

# E|x| below the median of |x| for a standard normal x: 4·(φ(0) − φ(0.67449)) with φ the normal density.
_CALM_HALF_MEAN = 0.324_654
_NOISE_KERNEL_NORM = 6.0  # the kernel of Immerkær (1996) has L2 norm 6
_QUANTISATION_VAR = 1.0 / 12.0
# Energy per pixel that white noise of variance 1 leaves after the 1 px blur: sums of the squared kernels below (tested).
_GRADIENT_OF_GRAIN = 0.040816
_LAPLACIAN_OF_GRAIN = 0.111963


def optics(image: Image) -> list[float]:
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
        mean = max(float(cv2.mean(patch)[0]), GREY_FLOOR)
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
            patches.append(grey(patch))
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
    return float(calm @ GREY) / half / _CALM_HALF_MEAN / _NOISE_KERNEL_NORM
