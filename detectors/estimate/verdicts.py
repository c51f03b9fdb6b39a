"""What the verdicts of a station are worth: bad parts missed and good ones rejected, when only some of either were looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.errors import ParameterError
from detectors.estimate.rate import Interval, Tally, interval


@dataclass(frozen=True, slots=True)
class Verdicts:
    """escape: bad among the passed. miss: passed among the bad. overkill: rejected among the good.

    naive_miss: what the parts looked at would suggest if they had been chosen evenly; it stands beside `miss`, never alone.
    """

    escape: Interval
    miss: Interval
    overkill: Interval
    naive_miss: float


def verdicts(
    passed: int, rejected: int, of_passed: Tally, of_rejected: Tally, *, floors: tuple[float, float], confidence: float = 0.95
) -> Verdicts:
    """From how many parts were passed and rejected, and what the audited ones of either turned out to be.

    floors: the least inclusion probability of passed and of rejected parts. The escape rate has the whole confidence; miss and
    overkill rest on three rates (rejected among all, bad among the passed, bad among the rejected), which share what it leaves, so
    their bounds hold at every moment at once too. Raises ParameterError for fewer parts than audits.
    """
    if of_passed.audited.sum() > passed or of_rejected.audited.sum() > rejected:
        raise ParameterError("more parts were audited than inspected")
    third = 1.0 - (1.0 - confidence) / 3.0
    flow = interval(Tally.census(passed + rejected, rejected), floor=1.0, confidence=third)
    escape = interval(of_passed, floor=floors[0], confidence=third)
    caught = interval(of_rejected, floor=floors[1], confidence=third)
    return Verdicts(
        escape=interval(of_passed, floor=floors[0], confidence=confidence),
        miss=miss_rate(flow, escape, caught),
        overkill=overkill_rate(flow, escape, caught),
        naive_miss=_share(float(of_passed.bad.sum()), float(of_rejected.bad.sum())),
    )


def miss_rate(rejected: Interval, escaped: Interval, caught: Interval) -> Interval:
    """Bad parts passed among the bad, from the share rejected, the bad among the passed and the bad among the rejected.

    Begg and Greenes 1983, "Assessment of diagnostic tests when disease verification is subject to selection bias", Biometrics 39:
    each share is estimated where it was drawn, and only then put together. It rises with `escaped` and falls with the others, so
    the bounds are corners, and hold wherever all three do.
    """

    def miss(out: float, passed_bad: float, rejected_bad: float) -> float:
        return _share((1.0 - out) * passed_bad, out * rejected_bad)

    return Interval(
        miss(rejected.estimate, escaped.estimate, caught.estimate),
        _known(miss(rejected.high, escaped.low, caught.high), 0.0),
        _known(miss(rejected.low, escaped.high, caught.low), 1.0),
    )


def overkill_rate(rejected: Interval, escaped: Interval, caught: Interval) -> Interval:
    """Good parts rejected among the good, from the same three shares."""

    def overkill(out: float, passed_bad: float, rejected_bad: float) -> float:
        return _share(out * (1.0 - rejected_bad), (1.0 - out) * (1.0 - passed_bad))

    return Interval(
        overkill(rejected.estimate, escaped.estimate, caught.estimate),
        _known(overkill(rejected.low, escaped.low, caught.high), 0.0),
        _known(overkill(rejected.high, escaped.high, caught.low), 1.0),
    )


def _share(part: float, rest: float) -> float:
    """Part of part and rest; NaN where there is neither."""
    return part / (part + rest) if part + rest > 0.0 else math.nan


def _known(bound: float, otherwise: float) -> float:
    return otherwise if math.isnan(bound) else bound
