"""Rates of bad parts under audit sampling, with intervals that may be looked at at any time; two models on the same frames."""

from detectors.estimate.paired import Paired, mcnemar, share
from detectors.estimate.rate import Interval, Tally, clean_needed, interval
from detectors.estimate.verdicts import Verdicts, verdicts

__all__ = ["Interval", "Paired", "Tally", "Verdicts", "clean_needed", "interval", "mcnemar", "share", "verdicts"]
