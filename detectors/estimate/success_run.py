"""What parts that were all found good prove: the success run, which may be looked at at any time at no cost."""

from __future__ import annotations

import math

import numpy as np

from detectors.errors import ParameterError
from detectors.estimate.rate import Tally

_LARGEST = 1.0 - 1e-9


def run_bound(tally: Tally, *, floor: float, confidence: float = 0.95) -> float:
    """The least rate that audits without a find refute, 1 where none: about 3/n at 95 %; NaN once there was a find.

    All is staked on the next part being good: the wealth after n parts drawn at the floor is (1 - m)^-n, and Ville's inequality
    gives the success run n = log(1 - confidence) / log(1 - m) (Clopper and Pearson 1934 with no find), one-sided, for any time of
    looking. The first find ends it: `interval` goes on. Raises ParameterError.
    """
    if tally.bad.any():
        return math.nan
    least, most = 1e-12, _LARGEST
    if not _is_refuted(tally, most, floor, confidence):
        return 1.0
    while most / least > 1.0 + 1e-9:
        middle = math.sqrt(least * most)
        least, most = (least, middle) if _is_refuted(tally, middle, floor, confidence) else (middle, most)
    return most


def run_needed(tally: Tally, most: float, *, floor: float, confidence: float = 0.95) -> int:
    """How many more clean audits at the floor until a run without a find shows a rate of at most `most`.

    From nothing 149 for 2 % and 59,914 for 50 ppm at 95 %. Raises ParameterError, also after a find.
    """
    if not 0.0 < most < 1.0:
        raise ParameterError(f"a rate to be shown must lie in (0, 1), got {most}")
    if tally.bad.any():
        raise ParameterError("a run without a find has ended with a find", hint="see `clean_needed`")
    missing = -math.log1p(-confidence) - _log_wealth(tally, most, floor)
    return max(0, math.ceil(missing / -math.log1p(-most) - 1e-9))


def _is_refuted(tally: Tally, m: float, floor: float, confidence: float) -> bool:
    return _log_wealth(tally, m, floor) >= -math.log1p(-confidence)


def _log_wealth(tally: Tally, m: float, floor: float) -> float:
    return float(np.log1p(floor / tally.probability * (m / (1.0 - m))) @ tally.audited) if tally.probability.size else 0.0
