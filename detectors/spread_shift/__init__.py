"""Spread shift: a channel that varies more, or less, than it did."""

from detectors.spread_shift.back import SpreadBack
from detectors.spread_shift.detector import SpreadShift

__all__ = ["SpreadBack", "SpreadShift"]
