"""A picture decoded and measured: the only place of the agent that loads OpenCV. Runs in the child."""

from __future__ import annotations

import hashlib
import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from agent.frames.wire import GREYS, MAX_PICTURE_BYTES, Picture
from detectors.channels.golden import Golden
from detectors.channels.measure import measure
from detectors.channels.picture import MIN_SIDE_PX, grey, shrink
from detectors.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.frames.header import Header
    from agent.frames.reasons import MissingReason
    from detectors.channels.picture import Image
    from detectors.channels.reference import Reference

# Of a picture for people: its longer side, and JPEG qualities tried until it is small enough (noise at 480 x 480 takes the last).
PICTURE_PX = 480
_QUALITIES = (85, 70, 50, 30, 10)
# As stored: a camera's picture has no orientation, and turning it would move the tilt. 16 bits become the upper 8; no alpha.
_AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION


class Decoder:
    """Decodes and measures one picture at a time."""

    def __init__(self, warnings: int) -> None:
        """warnings: descriptor, not blocking, from which what the decoders print can be read."""
        cv2.setNumThreads(1)
        self._warnings = warnings
        self._goldens: dict[bytes, Golden | None] = {b"": None}  # by encoded reference; None: not usable

    def measure(self, data: bytes, header: Header, reference: bytes = b"") -> tuple[float, ...] | MissingReason:
        """The values of the image channels, or the reason: too_small, truncated, undecodable, out_of_memory.

        data: a whole file, and `header` its header, within the limits. reference: known; where it can be used, its values follow.
        Raises MemoryError where the interpreter runs out.
        """
        image = self._decoded(data, header)
        if isinstance(image, str):
            return image
        try:
            return tuple(measure(image, self._goldens[reference]).tolist())
        except cv2.error as error:
            return _reason(error)

    def picture(self, data: bytes, header: Header) -> Picture | MissingReason:
        """The frame small enough to be kept for people to see: at most PICTURE_PX a side and wire.MAX_PICTURE_BYTES.

        Raises MemoryError where the interpreter runs out.
        """
        image = self._decoded(data, header)
        if isinstance(image, str):
            return image
        try:
            greys = cv2.calcHist([grey(image)], [0], None, [GREYS], [0, 256]).ravel()
            small, body = shrink(image, max(1, math.ceil(max(image.shape[:2]) / PICTURE_PX))), b""
            for quality in _QUALITIES:
                body = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
                if len(body) <= MAX_PICTURE_BYTES:
                    break
            else:
                return "too_large"
        except cv2.error as error:
            return _reason(error)
        digest = hashlib.sha256(data).hexdigest()
        return Picture(small.shape[1], small.shape[0], digest, tuple(int(count) for count in greys), body)

    def knows(self, reference: bytes) -> bool:
        """Whether a reference was prepared, or set aside."""
        return reference in self._goldens

    def prepare(self, reference: bytes, data: bytes, header: Header, drawn: Reference) -> None:
        """Take a golden frame into use; set aside where it cannot be decoded, or the drawing does not fit it."""
        self.set_aside(reference)
        image = self._decoded(data, header)
        if not isinstance(image, str):
            with suppress(ShapeError, MemoryError, cv2.error):
                self._goldens[reference] = Golden(image, drawn)

    def set_aside(self, reference: bytes) -> None:
        """A reference that cannot be used: frames are measured without it, and say so."""
        self._goldens[reference] = None

    def _decoded(self, data: bytes, header: Header) -> Image | MissingReason:
        if min(header.width, header.height) < MIN_SIDE_PX:
            return "too_small"
        self._printed()
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED)
        except cv2.error as error:
            return _reason(error)
        return _damage(image, header, self._printed()) or np.asarray(image, np.uint8)

    def _printed(self) -> bytes:
        said = b""
        with suppress(BlockingIOError):
            while piece := os.read(self._warnings, 1 << 16):
                said += piece
        return said


def _reason(error: cv2.error) -> MissingReason:
    return "out_of_memory" if error.code == cv2.Error.StsNoMem else "undecodable"


def _damage(image: NDArray[Any] | None, header: Header, said: bytes) -> MissingReason | None:
    if image is None or (image.shape[1], image.shape[0]) != (header.width, header.height) or image.dtype != np.uint8:
        return "undecodable"
    # libjpeg only warns about damage, and fills what is missing with grey or with what was in memory.
    if b"remature end" in said:
        return "truncated"
    if b"Corrupt JPEG data" in said and b"extraneous bytes" not in said:
        return "undecodable"
    return None
