"""What the figures must not exceed, printed beside them."""

from __future__ import annotations

TICK_US = 100.0  # 256 channels, one row
PSS_WITH_FRAMES_MB = 150.0  # agent and child together, frames of 5 megapixels
PSS_ALONE_MB = 100.0  # no frames
CPU_SHARE = 0.05  # of one core, 10 parts/s with a 5-megapixel frame a second
READY_S = 2.0
TRACE_S = 1.0  # 30 million parts, cold
TRACE_BYTES = 120.0  # a part
ADWIN_RATIO = {256: 4.0, 1024: 10.0}  # channels: times cheaper than River's ADWIN, rows folded together


def beside(value: float, most: float) -> str:
    """The target, and whether it is met."""
    return f"(target <= {most:g}: {'met' if value <= most else 'MISSED'})"


def at_least(value: float, least: float) -> str:
    """The target, and whether it is met."""
    return f"(target >= {least:g}: {'met' if value >= least else 'MISSED'})"
