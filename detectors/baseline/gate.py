"""The arming gate: fitted on some runs, judged on others; a channel that would not keep its budget is refused with the reason."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainccinv, ndtri

from detectors.baseline.table import column_scores, quantile_table
from detectors.contract import FloatArray, IntArray
from detectors.errors import BaselineRefused
from detectors.level_shift.detector import LevelShift

# Blocks at which the long-run variance is tested: Ljung–Box alone passes a slow component that ruins the false-alarm rate.
SCALES = (10, 30, 100)
# Each of a channel's tests errs at most this often on a channel that is in order.
_LEVEL = 1e-4
_BLOCK = 50  # rows per block where the baseline has a single run


def held_out(errors: FloatArray, runs: IntArray, *, epsilon: float, inflation: float) -> FloatArray:
    """Residuals of one channel, (T,), NaN = not measured, as z by the table of the runs each does not belong to, (T,).

    Every other run makes a half; a baseline of fewer than four runs is cut into blocks. Raises BaselineRefused, with the reason and
    what would mend it, when the halves' means differ by more than the tolerance or the long-run variance is not that of z.
    """
    blocks = runs if np.unique(runs).size >= 4 else np.arange(errors.size) // _BLOCK
    odd = np.unique(blocks, return_inverse=True)[1] % 2 == 1
    measured = np.isfinite(errors)
    z = np.full(errors.size, np.nan)
    for judged, fitted in ((measured & odd, measured & ~odd), (measured & ~odd, measured & odd)):
        if min(fitted.sum(), judged.sum()) < 50:
            raise BaselineRefused("too few runs to fit on some and judge on others", hint="learn from more lots")
        z[judged] = column_scores(errors[judged], *quantile_table(errors[fitted]))
    _judge_scales(z[measured], inflation)
    _judge_mean(z[measured & odd], z[measured & ~odd], epsilon)
    return z


def false_alarms(z: FloatArray, epsilon: FloatArray, inflation: FloatArray, thresholds: FloatArray) -> IntArray:
    """How often each channel would have alarmed on its held-out scores z, (T, C), (C,).

    At most T / c are expected, far below one: a single one is beyond the Poisson bound of the budget.
    """
    detector = LevelShift(epsilon, inflation, thresholds)
    crossings = detector.update(z, np.arange(z.shape[0], dtype=np.int64))
    return np.bincount([crossing.column for crossing in crossings], minlength=z.shape[1]).astype(np.int64)


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


def _judge_mean(one: FloatArray, other: FloatArray, epsilon: float) -> None:
    """Each half, scored by the table of the other, keeps its mean within the tolerance and what two samples may differ by."""
    limit = epsilon + float(-ndtri(_LEVEL / 4.0)) * float(np.sqrt(1.0 / one.size + 1.0 / other.size))
    mean = max(abs(float(one.mean())), abs(float(other.mean())))
    if mean > limit:
        raise BaselineRefused(
            f"half of the runs lie {mean:.2f} sd from the other half (at most {limit:.2f})",
            hint="lots or set-ups differ: needs run-level monitoring, or learn from more lots",
        )
