"""Channels: a frame or a score as named numbers with units. Importing this package does not import OpenCV; `measure` does."""

from detectors.channels.claim import scores
from detectors.channels.reference import Caliper, Reference
from detectors.channels.table import (
    CAMERA_CHANNELS,
    IMAGE_CHANNELS,
    REFERENCE_CHANNELS,
    SCOPES,
    SCORE_CHANNELS,
    TABLE_VERSION,
    ChannelSpec,
    Transform,
    as_markdown,
    reference_channels,
)

__all__ = [
    "CAMERA_CHANNELS",
    "IMAGE_CHANNELS",
    "REFERENCE_CHANNELS",
    "SCOPES",
    "SCORE_CHANNELS",
    "TABLE_VERSION",
    "Caliper",
    "ChannelSpec",
    "Reference",
    "Transform",
    "as_markdown",
    "reference_channels",
    "scores",
]
