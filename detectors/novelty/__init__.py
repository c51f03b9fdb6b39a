"""Novelty: parts unlike any of the baseline, and whether there are more of them than its own share."""

from detectors.novelty.baseline import LEVEL, NoveltyBaseline, fit
from detectors.novelty.detector import Novelty

__all__ = ["LEVEL", "Novelty", "NoveltyBaseline", "fit"]
