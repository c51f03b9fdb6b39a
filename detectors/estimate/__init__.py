"""Rates of bad parts under audit sampling, with intervals that may be looked at at any time; two models on the same frames."""

from detectors.estimate.agreement import effectiveness, kappa
from detectors.estimate.paired import Paired, mcnemar, share
from detectors.estimate.rate import Interval, Tally, clean_needed, interval
from detectors.estimate.success_run import run_bound, run_needed
from detectors.estimate.told import told_share
from detectors.estimate.verdicts import Verdicts, miss_rate, overkill_rate, verdicts

__all__ = [
    "Interval",
    "Paired",
    "Tally",
    "Verdicts",
    "clean_needed",
    "effectiveness",
    "interval",
    "kappa",
    "mcnemar",
    "miss_rate",
    "overkill_rate",
    "run_bound",
    "run_needed",
    "share",
    "told_share",
    "verdicts",
]
