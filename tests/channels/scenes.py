"""Simulated pictures for geometry: fixtures that stand still, a part that moves, both drawn with exact edges."""

import numpy as np
from scipy.special import ndtr

from detectors.channels import Caliper, Reference
from detectors.channels.similarity import Similarity

PSF_PX = 1.0
HEIGHT, WIDTH = 480, 640
REFERENCE = Reference(
    fixtures=((20, 20, 72, 72), (548, 20, 72, 72), (20, 388, 72, 72), (548, 388, 72, 72)),
    part=(170, 120, 300, 240),
    outline="bright",
    calipers=(Caliper("slot", (256.0, 240.0), (384.0, 240.0), 16.0, "dark", 0.1),),
)
CENTRE = complex(WIDTH - 1, HEIGHT - 1) / 2
REST = Similarity()
PART = complex(169.5 + 150, 119.5 + 120)


class _Drawing:
    """Light added up, shape by shape; a shape is exact: the share of each pixel inside it, seen through a lens."""

    def __init__(self, camera, ground):
        self._camera = camera
        self.picture = np.full((HEIGHT, WIDTH), ground)

    def add(self, grey, centre, width, height, turn_deg=0.0, pivot=0j, shift=0j):
        """A rectangle of the scene; `grey` may be a function of its own coordinates."""
        turn = np.exp(1j * np.deg2rad(turn_deg))
        middle = self._camera(pivot + shift + (centre - pivot) * turn)
        reach = int(np.hypot(width, height) / 2 * abs(self._camera.m) + 6 * PSF_PX) + 1
        left, top = (max(int(v) - reach, 0) for v in (middle.real, middle.imag))
        right, bottom = max(int(middle.real) + reach, left), max(int(middle.imag) + reach, top)
        window = self.picture[top:bottom, left:right]
        y, x = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
        own = (self._camera.inverse.m * (x + 1j * y) + self._camera.inverse.b - pivot - shift) / turn + pivot - centre
        share = _bar(own.real, width) * _bar(own.imag, height)
        window += share * (grey(own + centre) if callable(grey) else grey)


def _bar(place, length):
    return ndtr((place + length / 2) / PSF_PX) - ndtr((place - length / 2) / PSF_PX)


def scene(*, camera=REST, part=0j, part_turn_deg=0.0, slot=80.0, part_grey=90.0, has_part=True, light=1.0, grain=0.0, seed=0):
    """A grey frame, uint8. camera: where the whole scene is. part: its own shift, in the scene's pixels; slot: its width, px."""
    drawing = _Drawing(camera, 40.0)
    for fx, fy, w, h in REFERENCE.fixtures:
        drawing.add(100.0, complex(fx, fy) + complex(w, h) * 0.45, 38, 22)
        drawing.add(60.0, complex(fx, fy) + complex(w, h) * 0.6, 14, 44)
    if has_part:
        place = {"turn_deg": part_turn_deg, "pivot": PART, "shift": part}

        def striped(sign):
            return lambda z: sign * part_grey * (1.0 + 0.06 * np.sin(z.real / 6.0))

        drawing.add(striped(1.0), PART, 220, 160, **place)
        drawing.add(striped(-1.0), PART, slot, 60, **place)
        drawing.add(striped(0.4), PART + complex(-70, -50), 24, 30, **place)
    picture = light * drawing.picture
    if grain:
        picture = picture + grain * np.random.default_rng(seed).standard_normal(picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
