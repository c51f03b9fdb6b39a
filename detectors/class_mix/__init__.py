"""Class mix: the share of each class a station reports, each watched as a rate; classes nobody had seen are one of their own."""

from detectors.class_mix.baseline import MixBaseline, fit
from detectors.class_mix.detector import ClassMix

__all__ = ["ClassMix", "MixBaseline", "fit"]
