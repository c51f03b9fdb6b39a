"""The arming gate: fitted on some runs, judged on others; a channel that would not keep its budget is refused with the reason."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammainc, gammainccinv, ndtri

from detectors.baseline import steady
from detectors.baseline.table import column_scores, quantile_table
from detectors.contract import Detector, FloatArray, IntArray
from detectors.errors import BaselineRefused

# Blocks at which the long-run variance is tested: Ljung–Box alone passes a slow component that ruins the false-alarm rate.
SCALES = (10, 30, 100)
# And of run means, which are few.
RUN_SCALES = (2, 4, 8)
# Each of a channel's tests errs at most this often on a channel that is in order.
_LEVEL = 1e-4
# More alarms on the held-out scores than this share of Poisson counts at the budget would show are too many.
_ALARM_LEVEL = 1e-3
# Run means are few: that neighbours resemble one another is asked more sharply than a channel's other tests are.
_ALIKE_LEVEL = 5e-3
_BLOCK = 50  # rows per block where the baseline has a single run


def held_out(errors: FloatArray, runs: IntArray, *, tolerated: tuple[float, float], inflation: float) -> FloatArray:
    """Residuals of one channel, (T,), NaN = not measured, as z by the table of the runs each does not belong to, (T,).

    tolerated: how far the mean of z may go up, and down. Every other run makes a half; a baseline of fewer than four runs is cut
    into blocks. Raises BaselineRefused, with the reason and what would mend it, when the halves' means differ by more than the
    tolerance or the long-run variance is not that of z.
    """
    blocks = runs if np.unique(runs).size >= 4 else np.arange(errors.size) // _BLOCK
    odd = np.unique(blocks, return_inverse=True)[1] % 2 == 1
    measured = np.isfinite(errors)
    z = np.full(errors.size, np.nan)
    for judged, fitted in ((measured & odd, measured & ~odd), (measured & ~odd, measured & odd)):
        if min(fitted.sum(), judged.sum()) < 50:
            raise BaselineRefused("too few runs to fit on some and judge on others", hint="learn from more lots")
        z[judged] = column_scores(errors[judged], *quantile_table(errors[fitted]))
    judge_scales(
        z[measured],
        # Half the rows score the other half: their table's own error adds up to one more variance of the mean per fold.
        slack=[(1.0 + inflation) * (1.0 + 2.0 * scale / int(measured.sum())) for scale in SCALES],
        what="parts",
        hint="lots or set-ups differ, or the channel wanders: needs run-level monitoring",
    )
    _judge_mean(z[measured & odd], z[measured & ~odd], tolerated)
    return z


def judge_steady(z: FloatArray, runs: IntArray, *, tolerated: float, between: bool) -> None:
    """Held-out scores, (T,), of a channel in which no slow component was found: could one have been? Raises BaselineRefused if not.

    tolerated: mean of z that is. between: whether runs must not differ either; else they are watched apart.
    """
    measured, sd = np.isfinite(z), steady.slow_sd(tolerated)
    values, least = z[measured], -math.log(steady.ODDS)
    if steady.wandering(values, sd) > least:
        needed = steady.parts_needed(sd)
        needed = needed if needed > values.size else 2 * values.size
        raise BaselineRefused(
            f"{values.size} values cannot tell a steady channel from one that wanders slowly",
            hint=f"keep learning: a steady channel shows it within about {needed} values",
            needed=needed,
        )
    count = np.unique(runs[measured]).size
    if between and count > 1 and steady.differing(values, runs[measured], sd) > least:
        needed = max(steady.runs_needed(sd, values.size / count), count + 1)
        raise BaselineRefused(f"{count} runs cannot tell whether runs differ", hint=f"learn from about {needed} lots or set-ups")


def judge_spread(z: FloatArray) -> None:
    """Held-out scores (n,) of a channel that is in order: their squares are judged as they were. Raises BaselineRefused."""
    squares = z * z
    sd = float(squares.std())
    if sd == 0.0:
        raise BaselineRefused("all scores are of one size", hint="the channel does not vary here")
    judge_scales(
        (squares - squares.mean()) / sd,
        slack=[1.0 + 2.0 * scale / z.size for scale in SCALES],
        what="parts' squares",
        hint="the spread goes by lots, or comes and goes: it cannot be watched part by part",
    )


def judge_run_means(means: FloatArray) -> None:
    """Run means (R,) in order. Raises BaselineRefused where neighbours resemble one another."""
    sd = float(means.std(ddof=1))
    if sd == 0.0:
        raise BaselineRefused("all run means are one", hint="the channel does not vary here")
    z, hint = (means - means.mean()) / sd, "the channel drifted while it was learned: learn again, or from more lots"
    alike = float(z[1:] @ z[:-1]) / z.size
    if alike * np.sqrt(z.size) > float(-ndtri(_ALIKE_LEVEL)):
        raise BaselineRefused(f"neighbouring runs resemble one another (correlation {alike:.2f})", hint=hint)
    judge_scales(z, slack=[1.0] * len(RUN_SCALES), what="runs", hint=hint, scales=RUN_SCALES)


def too_many_alarms(detector: Detector, z: FloatArray) -> IntArray:
    """How often each channel would have alarmed on its held-out scores z, (T, C), where that is beyond the Poisson bound of the
    budget, (C,); else 0.
    """
    crossings = detector.update(z, np.arange(z.shape[0], dtype=np.int64))
    alarms = np.bincount([crossing.column for crossing in crossings], minlength=z.shape[1]).astype(np.int64)
    allowed = np.isfinite(z).sum(axis=0) / detector.thresholds
    chance = gammainc(np.maximum(alarms, 1), allowed)  # P(N >= alarms) of a Poisson N
    return np.where((alarms > 0) & (chance < _ALARM_LEVEL), alarms, 0)


def judge_scales(values: FloatArray, *, slack: list[float], what: str, hint: str, scales: tuple[int, ...] = SCALES) -> None:
    """Values (n,) of mean 0 and variance 1: means of `scales` neighbours vary as independent ones' do. Raises BaselineRefused."""
    excess = max(float((values**4).mean()) / float((values**2).mean()) ** 2 - 3.0, 0.0)
    for scale, more in zip(scales, slack, strict=True):
        count = values.size // scale
        if count < 8:
            continue
        means = values[: count * scale].reshape(count, scale).mean(axis=1)
        long_run = float(scale * means.var(ddof=1))
        # Heavy tails make a sample variance less certain: fewer degrees of freedom.
        free = (count - 1) / (1.0 + excess / scale / 2.0)
        limit = more * float(2.0 * gammainccinv(free / 2.0, _LEVEL) / free)
        if long_run > limit:
            raise BaselineRefused(
                f"means of {scale} {what} vary {long_run:.1f} times as much as independent {what} would (at most {limit:.1f})",
                hint=hint,
            )


def _judge_mean(one: FloatArray, other: FloatArray, tolerated: tuple[float, float]) -> None:
    """Each half, scored by the table of the other, keeps its mean within the tolerance and what two samples may differ by."""
    unsure = float(-ndtri(_LEVEL / 4.0)) * float(np.sqrt(1.0 / one.size + 1.0 / other.size))
    for mean in (float(one.mean()), float(other.mean())):
        limit = tolerated[0 if mean > 0.0 else 1] + unsure
        if abs(mean) > limit:
            raise BaselineRefused(
                f"half of the runs lie {abs(mean):.2f} sd from the other half (at most {limit:.2f})",
                hint="lots or set-ups differ: needs run-level monitoring, or learn from more lots",
            )
