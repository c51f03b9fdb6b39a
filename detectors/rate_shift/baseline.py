"""Phase I of a reject rate: what blocks of parts allow, or the reason they allow nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.special import betainccinv, betaincinv, betaln, gammaincinv, gammaln, ndtri, stdtrit

from detectors import arrays
from detectors.contract import FloatArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.rate_shift.bets import BETS, bets

MIN_BLOCKS = 60
"""Fewer blocks bound neither the rate nor its spread well enough to be worth watching with."""
MIN_REJECTS = 10
"""With fewer rejects (or passes) the spread cannot be estimated, and none is assumed: correlation 1."""
GROUPS = (1, 2, 4, 8)
"""Neighbouring blocks are taken together, so many, until they no longer resemble one another."""
# Each bound fails for this share of baselines in order, alone; both the rate's and the spread's must, for the guarantee to.
_LEVEL = 0.005
_SPREAD_LEVEL = 0.01
# Neighbours count as alike at this level: a needless grouping costs some delay, a missed one costs false alarms.
_ALIKE_LEVEL = 0.05
# The tests that refuse err at most so often, each, on a baseline in order.
_REFUSE_LEVEL = 1e-3
_SCALES = (4, 8, 16)


@dataclass(frozen=True, slots=True)
class RateBaseline:
    """What is allowed: a block's mean reject rate lies in [low, high], its variance is at most the beta-binomial one.

    rate: as observed. correlation: upper bound of the correlation between two parts of a block (1: no assumption). group: how
    many blocks are taken together as one. blocks: how many of those it rests on.
    """

    rate: float
    low: float
    high: float
    correlation: float
    group: int
    blocks: int

    def __post_init__(self) -> None:
        """Raises ParameterError."""
        if not (0.0 <= self.low < self.high <= 1.0 and 0.0 <= self.correlation <= 1.0):
            raise ParameterError(f"need 0 <= low < high <= 1 and 0 <= correlation <= 1, got {self}")

    def detectable(self, threshold: float, parts: int, blocks: int) -> float:
        """Smallest higher rate found within about so many blocks of so many parts; NaN if none is.

        At that rate the best bet's mean log e brings an eighth of the evidence from 1 to the threshold in time, the counts being
        beta-binomial with this baseline's correlation.
        """
        needed = np.log(BETS * threshold) / blocks
        counts = np.arange(parts + 1, dtype=np.float64)
        log_e = np.log(bets(counts, np.full(parts + 1, float(parts)), self.low, self.high, self.correlation)[:, :, 0])
        bottom, top = self.high, 1.0 - 1e-9
        if float((self._chances(top, counts) @ log_e).max()) < needed:
            return float("nan")
        for _ in range(20):
            middle = (bottom + top) / 2.0
            found = float((self._chances(middle, counts) @ log_e).max()) >= needed
            bottom, top = (bottom, middle) if found else (middle, top)
        return top

    def _chances(self, rate: float, counts: FloatArray) -> FloatArray:
        """Beta-binomial probabilities of 0 to n rejects, (n + 1,); a correlation of 0 or 1 is taken as next to it."""
        n = counts[-1]
        total = 1.0 / float(np.clip(self.correlation, 1e-6, 1.0 - 1e-6)) - 1.0
        a, b = rate * total, (1.0 - rate) * total
        ways = gammaln(n + 1.0) - gammaln(counts + 1.0) - gammaln(n - counts + 1.0)
        chances: FloatArray = np.exp(ways + betaln(counts + a, n - counts + b) - betaln(a, b))
        return chances

    def to_arrays(self) -> SavedState:
        """Copy of everything."""
        return {name: np.array(value) for name, value in asdict(self).items()}

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The baseline `to_arrays` was made of. Raises ShapeError when it is none."""
        if set(saved) != set(cls.__slots__):
            raise ShapeError(f"a rate baseline has {', '.join(sorted(cls.__slots__))}, got {', '.join(sorted(saved))}")
        values: dict[str, Any] = {name: value.item() for name, value in saved.items()}
        return cls(**values)


def fit(blocks: FloatArray, *, tolerance: float) -> RateBaseline:
    """What blocks in production order, (B, 2) of (rejects, parts), allow from now on.

    tolerance: a rate larger or smaller by up to this share of itself is too small a change to matter. Neighbours that resemble
    one another (lots, a wandering process) are taken together, 2, 4 or 8, while MIN_BLOCKS remain. Raises BaselineRefused, with
    the reason and what would mend it; ShapeError, ParameterError.
    """
    arrays.rows(blocks, 2)
    if not (np.isfinite(blocks).all() and (blocks[:, 1] >= 1).all() and (blocks[:, 0] >= 0).all()):
        raise ParameterError("a block needs at least 1 part, and from 0 to all of its parts rejected")
    if (blocks[:, 0] > blocks[:, 1]).any() or tolerance < 0.0:
        raise ParameterError("a block cannot have more rejects than parts, nor a tolerance be negative")
    reason = f"{len(blocks)} blocks of parts, {MIN_BLOCKS} needed"
    for group in GROUPS:
        count = len(blocks) // group
        if count < MIN_BLOCKS:
            break
        together = blocks[: count * group].reshape(count, group, 2).sum(axis=1)
        reason = _unsteady(_deviations(together))
        if not reason:
            return _bounded(together, group, tolerance)
    raise BaselineRefused(reason, hint="learn from more parts, or find what makes the rate wander")


def _deviations(blocks: FloatArray) -> FloatArray:
    """Blocks' rejects less the expected ones over their binomial deviation, (B,); mean square 1 without overdispersion."""
    rejects, parts = blocks[:, 0], blocks[:, 1]
    rate = float(rejects.sum() / parts.sum())
    if rate in (0.0, 1.0):
        return np.zeros(len(blocks))
    deviations: FloatArray = (rejects - parts * rate) / np.sqrt(parts * rate * (1.0 - rate))
    return deviations


def _unsteady(deviations: FloatArray) -> str:
    """Why these blocks do not vary about one rate independently; empty when nothing speaks against it."""
    scale = float(np.sqrt(np.mean(deviations**2)))
    if scale == 0.0:
        return ""
    z = deviations / scale
    count = z.size
    alike = float(z[1:] @ z[:-1]) / count
    if alike * np.sqrt(count) > -float(ndtri(_ALIKE_LEVEL)):
        return f"neighbouring blocks resemble one another (correlation {alike:.2f}): the reject rate wanders or goes by lots"
    for size in _SCALES:
        means = z[: count // size * size].reshape(-1, size).mean(axis=1)
        if means.size < 4:
            break
        limit = 2.0 * float(gammaincinv((means.size - 1) / 2.0, 1.0 - _REFUSE_LEVEL)) / (means.size - 1)
        if size * float(means.var(ddof=1)) > limit:
            return f"the reject rate of {size} blocks together varies more than independent blocks would: it drifted while learned"
    return ""


def _bounded(blocks: FloatArray, group: int, tolerance: float) -> RateBaseline:
    rejects, parts = float(blocks[:, 0].sum()), float(blocks[:, 1].sum())
    count, rate = len(blocks), rejects / parts
    low, high = _interval(rejects, parts, blocks)
    return RateBaseline(
        rate=rate,
        low=min(low, rate * (1.0 - tolerance)) if tolerance < 1.0 else 0.0,
        high=min(max(high, rate * (1.0 + tolerance)), 1.0),
        correlation=_correlation(blocks) if min(rejects, parts - rejects) >= MIN_REJECTS else 1.0,
        group=group,
        blocks=count,
    )


def _interval(rejects: float, parts: float, blocks: FloatArray) -> tuple[float, float]:
    """Clopper-Pearson bounds of the rate at the effective number of parts (Korn and Graubard 1998, Survey Methodology 24, 193).

    The parts count as fewer by the design effect, the rate's variance between blocks over the binomial one (at least 1), and by
    (normal quantile / t quantile)^2 for having estimated it.
    """
    count, rate = len(blocks), rejects / parts
    effect = 1.0
    if 0.0 < rate < 1.0:
        between = float(((blocks[:, 0] - blocks[:, 1] * rate) ** 2).sum()) * count / (count - 1)
        effect = max(1.0, between / (parts * rate * (1.0 - rate)))
    shrink = float(ndtri(_LEVEL) / stdtrit(count - 1, _LEVEL)) ** 2
    effective = parts / effect * shrink
    k = rate * effective
    low = float(betaincinv(k, effective - k + 1.0, _LEVEL)) if rejects > 0 else 0.0
    high = float(betainccinv(k + 1.0, effective - k, _LEVEL)) if rejects < parts else 1.0
    return low, high


def _correlation(blocks: FloatArray) -> float:
    """Upper bound of the correlation between parts of a block, from the mean square of the deviations.

    The larger of two bounds: as for normal values, (B - 1) / chi2(0.01, B - 1), and by the observed fourth moment (Bonett 2006,
    Computational Statistics and Data Analysis 50, 775), as rejects come in bursts. A mean square of 1 + (n - 1) correlation.
    """
    squares = _deviations(blocks) ** 2
    count = len(squares)
    if not squares.any():
        return 0.0  # every block alike, as of a line that counts: less than independent parts would vary
    mean = float(squares.sum()) / (count - 1)
    normal = (count - 1) / (2.0 * float(gammaincinv((count - 1) / 2.0, _SPREAD_LEVEL)))
    z = -float(ndtri(_SPREAD_LEVEL))
    kurtosis = count * float((squares**2).sum()) / float(squares.sum()) ** 2
    scale = count / (count - z)
    error = scale * float(np.sqrt(max(kurtosis - (count - 3) / count, 0.0) / (count - 1)))
    bound = max(mean * normal, scale * mean * float(np.exp(z * error)))
    return float(np.clip((bound - 1.0) * count / (blocks[:, 1] - 1.0).sum(), 0.0, 1.0)) if blocks[:, 1].max() > 1.0 else 1.0
