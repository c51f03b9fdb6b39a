"""Channels: a frame or a score as named numbers with units. Importing this package does not import OpenCV; `measure` does."""

from detectors.channels.claim import scores
from detectors.channels.table import (
    IMAGE_CHANNELS,
    SCOPES,
    SCORE_CHANNELS,
    TABLE_VERSION,
    ChannelSpec,
    Transform,
    as_markdown,
)

__all__ = ["IMAGE_CHANNELS", "SCOPES", "SCORE_CHANNELS", "TABLE_VERSION", "ChannelSpec", "Transform", "as_markdown", "scores"]
