"""Level shift: a channel whose mean has left its tolerance."""

from detectors.level_shift.detector import LevelShift

__all__ = ["LevelShift"]
