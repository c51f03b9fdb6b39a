"""A similarity of the plane (shift, rotation, scale) as one complex line: z ↦ m·z + b, with z = x + iy, y down."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from detectors.contract import FloatArray


@dataclass(frozen=True, slots=True)
class Similarity:
    """Where a point of the golden frame is in the frame at hand. Positive rotation is clockwise as a viewer sees it."""

    m: complex = 1.0 + 0.0j
    b: complex = 0.0 + 0.0j

    @staticmethod
    def about(centre: complex, *, shift: complex = 0j, rotation_rad: float = 0.0, growth: float = 0.0) -> Similarity:
        """Turned and grown about `centre`, then shifted."""
        m = (1.0 + growth) * cmath.exp(1j * rotation_rad)
        return Similarity(m, centre * (1.0 - m) + shift)

    def __call__(self, z: complex) -> complex:
        return self.m * z + self.b

    def after(self, first: Similarity) -> Similarity:
        """`first`, then this one."""
        return Similarity(self.m * first.m, self.m * first.b + self.b)

    @property
    def inverse(self) -> Similarity:
        """The way back."""
        return Similarity(1.0 / self.m, -self.b / self.m)

    def at_full(self, factor: int) -> Similarity:
        """The same in full-resolution pixels, this one being in those of a picture shrunk by `factor`.

        Pixel centres are at integers.
        """
        half = complex(factor - 1, factor - 1) / 2.0
        return Similarity(self.m, factor * self.b + half * (1.0 - self.m))

    def at_shrunk(self, factor: int) -> Similarity:
        """The reverse of `at_full`."""
        half = complex(factor - 1, factor - 1) / 2.0
        return Similarity(self.m, (self.b - half * (1.0 - self.m)) / factor)

    def shift_at(self, z: complex) -> complex:
        """By how much the point z moves."""
        return self(z) - z

    @property
    def rotation_deg(self) -> float:
        """Rotation, degrees."""
        return math.degrees(cmath.phase(self.m))

    @property
    def scale_percent(self) -> float:
        """Growth, percent."""
        return 100.0 * (abs(self.m) - 1.0)


def fitted(points: list[complex], moved: list[complex]) -> Similarity:
    """Least squares over point pairs; a shift alone where the points are fewer than two or all in one place."""
    n = len(points)
    centre, target = sum(points) / n, sum(moved) / n
    spread = sum(abs(p - centre) ** 2 for p in points)
    m = 1.0 + 0j
    if n > 1 and spread > 0.0:
        m = sum((q - target) * (p - centre).conjugate() for p, q in zip(points, moved, strict=True)) / spread
    return Similarity(m, target - m * centre)


def as_matrix(similarity: Similarity, corner: complex, stride: float, origin: complex) -> FloatArray:
    """For cv2.warpAffine with WARP_INVERSE_MAP: (2, 3), from sample (column, row) to a pixel of a crop that begins at `origin`.

    Sample (0, 0) is the golden point `corner`, samples are `stride` apart.
    """
    import numpy as np

    m, b = similarity.m * stride, similarity(corner) - origin
    return np.array([[m.real, -m.imag, b.real], [m.imag, m.real, b.imag]])
