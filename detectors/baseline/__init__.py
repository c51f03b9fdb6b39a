"""Phase I and the way from raw values to z: transform, AR(1) residual, normal scores, tolerance, arming gate."""

from detectors.baseline.fit import MIN_VALUES, Baseline, Steadiness, fit
from detectors.baseline.standardise import RunMeans, Standardiser

__all__ = ["MIN_VALUES", "Baseline", "RunMeans", "Standardiser", "Steadiness", "fit"]
