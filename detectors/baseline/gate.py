"""The arming gate: fitted on some runs, judged on others; a channel that would not keep its budget is refused with the reason."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainccinv

from detectors.baseline.table import normal_scores, quantile_table
from detectors.contract import FloatArray, IntArray
from detectors.errors import BaselineRefused
from detectors.level_shift.detector import LevelShift

# Blocks at which the long-run variance is tested: Ljung–Box alone passes a slow component that ruins the false-alarm rate.
SCALES = (10, 30, 100)
# Each of a channel's tests errs at most this often on a channel that is in order.
_LEVEL = 1e-4
_BLOCK = 50  # rows per block where the baseline has a single run


def judge(errors: FloatArray, runs: IntArray, *, epsilon: float, inflation: float, threshold: float) -> None:
    """Residuals of one channel, (T,), NaN = not measured; raises BaselineRefused with the reason and what would mend it."""
    blocks = runs if np.unique(runs).size >= 4 else np.arange(errors.size) // _BLOCK
    ids = np.unique(blocks, return_inverse=True)[1]
    z = np.full(errors.size, np.nan)
    measured = np.isfinite(errors)
    for fold in (0, 1):
        fitted, judged = measured & (ids % 2 == fold), measured & (ids % 2 != fold)
        if min(fitted.sum(), judged.sum()) < 50:
            raise BaselineRefused("too few runs to fit on some and judge on others", hint="learn from more lots")
        knots, scores = quantile_table(errors[fitted])
        z[judged] = normal_scores(errors[judged][:, None], knots[None, :], scores[None, :])[:, 0]
    scored = z[measured]
    _judge_scales(scored, inflation)
    _judge_alarms(scored, epsilon, inflation, threshold)


def _judge_scales(z: FloatArray, inflation: float) -> None:
    for scale in SCALES:
        count = z.size // scale
        if count < 8:
            continue
        means = z[: count * scale].reshape(count, scale).mean(axis=1)
        long_run = float(scale * means.var(ddof=1))
        # Half the rows score the other half: their table's own error adds up to one more variance of the mean per fold.
        limit = (
            (1.0 + inflation) * (1.0 + 2.0 * scale / z.size) * float(2.0 * gammainccinv((count - 1) / 2.0, _LEVEL) / (count - 1))
        )
        if long_run > limit:
            raise BaselineRefused(
                f"means of {scale} parts vary {long_run:.1f} times as much as independent parts would (at most {limit:.1f})",
                hint="lots or set-ups differ, or the channel wanders: needs run-level monitoring",
            )


def _judge_alarms(z: FloatArray, epsilon: float, inflation: float, threshold: float) -> None:
    detector = LevelShift(np.array([epsilon]), np.array([inflation]), np.array([threshold]))
    alarms = detector.update(np.ascontiguousarray(z[:, None]), np.arange(z.size, dtype=np.int64))
    # At most T/c alarms are expected, far below one: a single one is beyond the Poisson bound.
    if alarms:
        raise BaselineRefused(
            f"{len(alarms)} false alarm(s) on the baseline itself", hint="something changed while it was learned: learn again"
        )
