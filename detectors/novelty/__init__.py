"""Novelty: parts unlike any of the baseline, and whether there are more of them than its own share."""

from detectors.novelty.baseline import BLOCK, LEVEL, MIN_CALIBRATION, NoveltyBaseline, fit
from detectors.novelty.detector import Novelty, detectable
from detectors.novelty.distance import MIN_SHARE, Gauge

__all__ = ["BLOCK", "LEVEL", "MIN_CALIBRATION", "MIN_SHARE", "Gauge", "Novelty", "NoveltyBaseline", "detectable", "fit"]
