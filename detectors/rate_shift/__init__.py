"""Rate shift: a reject rate that has left what its baseline allows, up or down."""

from detectors.rate_shift.baseline import RateBaseline, fit
from detectors.rate_shift.detector import RateShift

__all__ = ["RateBaseline", "RateShift", "fit"]
