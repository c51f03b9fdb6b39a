"""One frame as numbers, from one read of it and fixed patches.

The frame is read once, by an area down-scale to about 640 pixels on its longer side; lighting, the part's outline and its material
are measured on that. Focus, grain, fixtures and calipers need full resolution and are measured in fixed patches. Nothing is
remembered between frames.
"""

from __future__ import annotations

import numpy as np

from detectors.channels.golden import Golden
from detectors.channels.lighting import colour, lighting
from detectors.channels.optics import optics
from detectors.channels.picture import Image, grey, require, shrink, shrink_factor
from detectors.channels.table import IMAGE_CHANNELS
from detectors.contract import FloatArray


def measure(image: Image, golden: Golden | None = None) -> FloatArray:
    """The values of IMAGE_CHANNELS, then those of the golden frame's reference, (C,), float64, before their transforms.

    image: uint8, (H, W) grey or (H, W, 3) blue-green-red, both sides at least MIN_SIDE_PX; never written to. NaN where a channel is
    not measurable. Raises ShapeError.
    """
    require(image)
    small = shrink(image, shrink_factor(*image.shape[:2]))
    plane = grey(small)
    values = [*lighting(plane), *colour(small), *optics(image)]
    assert len(values) == len(IMAGE_CHANNELS)
    if golden is not None:
        values += golden.measure(image, small)
    return np.array(values)
