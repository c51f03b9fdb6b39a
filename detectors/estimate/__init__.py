"""Rates of bad parts under audit sampling, with intervals that may be looked at at any time."""

from detectors.estimate.rate import Interval, Tally, clean_needed, interval
from detectors.estimate.verdicts import Verdicts, verdicts

__all__ = ["Interval", "Tally", "Verdicts", "clean_needed", "interval", "verdicts"]
