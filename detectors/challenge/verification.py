"""What a run of challenge presentations (or of audits) proves about a rate, and how many more would prove enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv

from detectors.errors import ParameterError

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether `misses` in `presentations` support "the miss rate is at most the limit" at a level.

    upper: the largest miss rate not yet excluded (Clopper-Pearson, one-sided). more: clean presentations still needed, 0 where it
    is informative already.
    """

    presentations: int
    misses: int
    upper: float
    more: int

    @property
    def is_informative(self) -> bool:
        """Whether the limit is supported."""
        return self.more == 0


def clean_needed(limit: float, level: float = LEVEL) -> int:
    """Clean presentations in a row that support a miss rate of at most `limit`: the least n with (1 - limit)^n <= 1 - level.

    149 for 2 % at 95 %, 59,914 for 50 ppm. Raises ParameterError.
    """
    if not (0.0 < limit < 1.0 and 0.0 < level < 1.0):
        raise ParameterError(f"limit and level must lie in (0, 1), got {limit} and {level}")
    return math.ceil(math.log1p(-level) / math.log1p(-limit) - 1e-9)


def miss_rate_bound(misses: int, presentations: int, level: float = LEVEL) -> float:
    """Upper bound of the miss rate, one-sided at `level` (Clopper, Pearson 1934); 1 if none was. Raises ParameterError."""
    if not (0 <= misses <= presentations and 0.0 < level < 1.0):
        raise ParameterError(f"need 0 <= misses <= presentations and a level in (0, 1), got {misses}, {presentations}, {level}")
    return 1.0 if misses == presentations else float(betaincinv(misses + 1.0, presentations - misses, level))


def verification(misses: int, presentations: int, limit: float, level: float = LEVEL) -> Verification:
    """What so many presentations prove about `limit`. Raises ParameterError.

    The level holds for a run whose beginning was fixed beforehand (a shift, a return to service); of runs picked because they came
    out clean, as many as 1 - level of those tried do so by luck.
    """
    upper = miss_rate_bound(misses, presentations, level)
    if upper <= limit:
        return Verification(presentations, misses, upper, 0)
    low, high = 0, clean_needed(limit, level)  # more clean ones: not enough, enough
    while miss_rate_bound(misses, presentations + high, level) > limit:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = miss_rate_bound(misses, presentations + middle, level) <= limit
        low, high = (low, middle) if enough else (middle, high)
    return Verification(presentations, misses, upper, high)
